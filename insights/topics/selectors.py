"""Reading topics: how much is said of each, how it feels, whether it moves."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from insights.reading.models import Reading
from insights.sources.models import Document
from insights.topics import trends
from insights.topics.models import Belonging, Topic, TopicFit
from insights.topics.trends import Count, Shift

NOW_DAYS, BEFORE_DAYS = 28, 84
NOTHING = Count(0.0, 0.0, 0.0, 0.0)
COUNTS_SQL = """
SELECT b.topic_id, count(*), count(*) FILTER (WHERE d.leader_id = d.id), sum(d.weight),
       coalesce(sum(d.weight) FILTER (WHERE r.feeling = 'negative'), 0),
       coalesce(sum(d.weight) FILTER (WHERE r.feeling = 'positive'), 0),
       coalesce(sum(d.weight) FILTER (WHERE d.at >= %(now)s), 0),
       coalesce(sum(d.weight) FILTER (WHERE d.at < %(now)s AND d.at >= %(before)s), 0),
       coalesce(sum(d.weight) FILTER (WHERE d.at < %(now)s - interval '48 weeks'
                                      AND d.at >= %(now)s - interval '52 weeks'), 0)
FROM topic_belonging b
JOIN insight_document d ON d.tenant_id = b.tenant_id AND d.id = b.document_id
JOIN reading r ON r.tenant_id = b.tenant_id AND r.document_id = b.document_id
WHERE b.tenant_id = %(tenant)s AND d.state = 'read'
  AND (%(product)s::uuid IS NULL OR d.product_id = %(product)s)
  AND (%(segment)s::uuid IS NULL OR EXISTS (
    SELECT 1 FROM segment_membership m
    WHERE m.tenant_id = b.tenant_id AND m.segment_id = %(segment)s AND m.contact_id = d.contact_id
      AND m.left_at IS NULL))
GROUP BY b.topic_id"""
WEEKS_SQL = """
SELECT date_trunc('week', d.at AT TIME ZONE 'UTC')::date AS week, sum(d.weight),
       coalesce(sum(d.weight) FILTER (WHERE b.topic_id = %(topic)s), 0),
       coalesce(sum(d.weight) FILTER (WHERE b.topic_id = %(topic)s AND r.feeling = 'negative'), 0)
FROM topic_belonging b
JOIN insight_document d ON d.tenant_id = b.tenant_id AND d.id = b.document_id
JOIN reading r ON r.tenant_id = b.tenant_id AND r.document_id = b.document_id
WHERE b.tenant_id = %(tenant)s AND d.state = 'read' AND d.at >= %(since)s
GROUP BY week ORDER BY week"""


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A topic with what is said of it: texts, how many different ones, their weight (copies share a
    voice), how much of it is negative and positive, and how its share moved lately."""

    topic: Topic
    n: int
    different: int
    weight: float
    bad: float
    good: float
    shift: Shift

    @property
    def copied(self) -> bool:
        """Whether most of its texts are copies of others."""
        return self.different < self.n / 2

    @property
    def shares(self) -> tuple[float, float, float]:
        total = self.weight or 1.0
        bad, good = 100 * self.bad / total, 100 * self.good / total
        return bad, max(0.0, 100 - bad - good), good

    @property
    def good_from(self) -> float:
        return 100 - self.shares[2]


@dataclass(frozen=True, slots=True)
class Overview:
    """All topics, the most spoken of first, and the share of texts that are in none."""

    rows: list[TopicRow]
    texts: int
    unassigned: int
    seasonal: bool

    @property
    def outside(self) -> float:
        return self.unassigned / self.texts if self.texts else 0.0


def overview(
    now: datetime, *, product_id: uuid.UUID | None = None, segment_id: uuid.UUID | None = None
) -> Overview:
    """What there is to see, of one product or segment where it is named. Blocked topics count as
    none."""
    start = now - timedelta(days=NOW_DAYS)
    values: dict[str, Any] = {"tenant": current_tenant(), "now": start, "product": product_id,
              "segment": segment_id, "before": start - timedelta(days=BEFORE_DAYS)}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(COUNTS_SQL, values)
        counts = {row[0]: (*row[1:3], *map(float, row[3:])) for row in cursor.fetchall()}
    shown = list(Topic.objects.filter(state__in=Topic.SHOWN).defer("centroid").order_by("id"))
    ids = {t.pk for t in shown}
    everything = [sum(row[n] for row in counts.values()) for n in (5, 6, 7)]
    seasonal = everything[2] >= 100
    before = 7 if seasonal else 6
    empty = (0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    mine = [counts.get(t.pk, empty) for t in shown]
    moved = trends.shifts([
        Count(row[5], everything[0], row[before], everything[before - 5])
        if row[1] >= trends.LEAST else NOTHING  # copies of one text are no trend
        for row in mine
    ])  # fmt: skip
    rows = [
        TopicRow(topic, int(row[0]), int(row[1]), row[2], row[3], row[4], shift)
        for topic, row, shift in zip(shown, mine, moved, strict=True)
    ]
    texts = int(sum(row[0] for row in counts.values()))
    outside = int(sum(row[0] for pk, row in counts.items() if pk not in ids))
    return Overview(sorted(rows, key=lambda r: -r.weight), texts, outside, seasonal)


def shown(seen: Overview, *, q: str = "", grouped: bool = False) -> list[TopicRow]:
    """The rows whose name or words hold q; `grouped`: those of one family (directions near each
    other) together, the largest family first."""
    rows = [
        r for r in seen.rows
        if q.casefold() in f"{r.topic.label} {' '.join(w for w, _ in r.topic.terms)}".casefold()
    ]  # fmt: skip
    if not grouped:
        return rows
    weight: dict[int, float] = {}
    for row in rows:
        weight[row.topic.family] = weight.get(row.topic.family, 0.0) + row.weight
    return sorted(rows, key=lambda r: (-weight[r.topic.family], r.topic.family, -r.weight))


def topic(pk: uuid.UUID | str) -> Topic:
    row = Topic.objects.select_related("into", "born_in").filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such topic in this workspace."))
    return row


def hidden() -> QuerySet[Topic]:
    """Topics that are not shown: blocked, retired, merged."""
    rows = Topic.objects.exclude(state__in=Topic.SHOWN).defer("centroid").select_related("into")
    return rows.order_by("-id")


def readable() -> int:
    """How many texts topics can be looked for in."""
    return Reading.objects.filter(vector__isnull=False, document__state="read").count()


def latest() -> TopicFit | None:
    return TopicFit.objects.select_related("job").order_by("-number").first()


def fits(most: int = 10) -> QuerySet[TopicFit]:
    return TopicFit.objects.order_by("-number")[:most]


def weeks(of: Topic, now: datetime, days: int = 365) -> list[tuple[Any, float, float, float]]:
    """(week, weight of all texts, of the topic's, of those negative)."""
    values: dict[str, Any] = {
        "tenant": current_tenant(),
        "topic": of.pk,
        "since": now - timedelta(days=days),
    }
    with connection.cursor() as cursor:
        cursor.execute(WEEKS_SQL, values)
        return [(row[0], *map(float, row[1:])) for row in cursor.fetchall()]


def examples(of: Topic) -> list[Document]:
    """The texts nearest to its centre."""
    found = Document.objects.filter(pk__in=of.examples, state="read").select_related("source")
    order = {pk: n for n, pk in enumerate(of.examples)}
    return sorted(found.defer("bands"), key=lambda d: order[str(d.pk)])


def texts(of: Topic | None, *, feeling: str = "") -> QuerySet[Belonging]:
    """The texts of a topic, or those in none, the nearest first."""
    nowhere = Q(topic=None) | ~Q(topic__state__in=Topic.SHOWN)
    rows = Belonging.objects.filter(Q(topic=of) if of else nowhere, document__state="read")
    rows = rows.filter(document__readings__feeling=feeling) if feeling else rows
    return rows.select_related("document", "document__source").order_by("-cosine", "id")
