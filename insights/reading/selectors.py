"""Reading what was read: documents with their feeling, features with how they are spoken of."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.db import connection
from django.db.models import Prefetch, Q, QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from insights.reading.models import Feature, Mention, Reading
from insights.sources.models import Document

FEELINGS_SQL = """
SELECT r.feeling, count(*), sum(d.weight) FROM reading r
JOIN insight_document d ON d.tenant_id = r.tenant_id AND d.id = r.document_id
WHERE r.tenant_id = %(tenant)s AND d.state = 'read'
  AND (%(since)s::timestamptz IS NULL OR d.at >= %(since)s)
  AND (%(product)s::uuid IS NULL OR d.product_id = %(product)s)
GROUP BY r.feeling"""
FEATURES_SQL = """
SELECT f.id, f.label, f.state, n.n, n.bad, n.neutral, n.good
FROM (SELECT m.feature_id, count(*) AS n,
             sum(m.weight) FILTER (WHERE m.polarity < 0) AS bad,
             sum(m.weight) FILTER (WHERE m.polarity = 0) AS neutral,
             sum(m.weight) FILTER (WHERE m.polarity > 0) AS good, sum(m.weight) AS weight
      FROM mention m WHERE m.tenant_id = %(tenant)s
        AND (%(since)s::timestamptz IS NULL OR m.at >= %(since)s)
        AND (%(product)s::uuid IS NULL OR m.product_id = %(product)s)
      GROUP BY m.feature_id) n
JOIN feature f ON f.tenant_id = %(tenant)s AND f.id = n.feature_id
WHERE f.state = %(state)s ORDER BY n.weight DESC, f.id LIMIT %(most)s"""


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """How a feature is spoken of: mentions, and weights of each polarity (copies of a flood share
    one voice)."""

    id: uuid.UUID
    label: str
    state: str
    n: int
    bad: float
    neutral: float
    good: float

    @property
    def weight(self) -> float:
        return self.bad + self.neutral + self.good

    @property
    def shares(self) -> tuple[float, float, float]:
        """Percent bad, neutral, good."""
        total = self.weight or 1.0
        return 100 * self.bad / total, 100 * self.neutral / total, 100 * self.good / total

    @property
    def good_from(self) -> float:
        """Where the good share begins in a bar of 100."""
        return 100 - self.shares[2]


def feelings(
    since: datetime | None = None, *, product_id: uuid.UUID | None = None
) -> dict[str, dict[str, float]]:
    """{feeling: {n, weight, share}} of what was read, copies weighed."""
    values = {"tenant": current_tenant(), "since": since, "product": product_id}
    with connection.cursor() as cursor:
        cursor.execute(FEELINGS_SQL, values)
        rows = {feeling: (n, float(weight)) for feeling, n, weight in cursor.fetchall()}
    total = sum(weight for _, weight in rows.values()) or 1.0
    found = {}
    for feeling in Reading.Feeling.values:
        n, weight = rows.get(feeling, (0, 0.0))
        found[feeling] = {"n": n, "weight": weight, "share": weight / total}
    return found


def features(
    *, since: datetime | None = None, product_id: uuid.UUID | None = None, state: str = "active",
    most: int = 100,
) -> list[FeatureRow]:  # fmt: skip
    """What people speak of, the most spoken of first."""
    values = {"tenant": current_tenant(), "since": since, "product": product_id, "state": state,
              "most": most}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(FEATURES_SQL, values)
        return [
            FeatureRow(*row[:4], *(float(value or 0) for value in row[4:]))
            for row in cursor.fetchall()
        ]


def feature(pk: uuid.UUID | str) -> Feature:
    row = Feature.objects.select_related("into").filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such feature in this workspace."))
    return row


def mentions(of: Feature, *, polarity: int | None = None) -> QuerySet[Mention]:
    """The places where a feature is named, the newest first."""
    rows = Mention.objects.filter(feature=of).select_related("document", "document__source")
    rows = rows.filter(polarity=polarity) if polarity is not None else rows
    return rows.order_by("-at", "-id")


def documents(
    *, q: str = "", source_id: uuid.UUID | None = None, feeling: str = "", language: str = ""
) -> QuerySet[Document]:
    """What was taken in and not set aside, the newest first, each with its reading."""
    rows = (
        Document.objects.exclude(state="aside").select_related("source", "product").defer("bands")
        .prefetch_related(Prefetch("readings", Reading.objects.defer("vector")))
        .order_by("-at", "-id")
    )  # fmt: skip
    rows = rows.filter(Q(text__icontains=q) | Q(title__icontains=q)) if q else rows
    rows = rows.filter(source_id=source_id) if source_id else rows
    rows = rows.filter(readings__feeling=feeling) if feeling else rows
    return rows.filter(language=language) if language else rows


def reading(of: Document) -> Reading | None:
    return Reading.objects.defer("vector").filter(document=of).first()


def languages_used() -> list[str]:
    rows = Document.objects.exclude(state="aside").exclude(language="").order_by("language")
    return list(rows.values_list("language", flat=True).distinct())


# -- a text with what was found in it ----------------------------------------------------------


def pieces(text: str, found: Reading | None, named: list[Mention]) -> list[dict[str, Any]]:
    """The text cut where something begins or ends: {text, feeling, names [(label, polarity)],
    opinion}. Together the pieces are the text."""
    cuts = {0, len(text)}
    sentences = found.sentences if found else []
    for start, end, *_ in sentences:
        cuts |= {start, end}
    for m in named:
        cuts |= {m.start, m.end, m.opinion_start, m.opinion_end}
    places = sorted(c for c in cuts if 0 <= c <= len(text))
    shown = []
    for start, end in pairwise(places):
        middle = (start + end) / 2
        row = next((s for s in sentences if s[0] <= middle < s[1]), None)
        shown.append({
            "text": text[start:end], "feeling": _feeling(row),
            "names": [m for m in named if m.start <= middle < m.end],
            "opinion": [m for m in named if m.opinion_start <= middle < m.opinion_end],
        })  # fmt: skip
    return shown


def _feeling(row: list[float] | None) -> str:
    if row is None:
        return ""
    names = ("negative", "neutral", "positive")
    return max(zip(names, row[2:], strict=True), key=lambda pair: pair[1])[0]


# -- over time ---------------------------------------------------------------------------------

MONTHS_SQL = """
SELECT date_trunc('month', d.at AT TIME ZONE 'UTC')::date AS month, sum(d.weight),
       coalesce(sum(d.weight) FILTER (WHERE r.feeling = 'negative'), 0),
       coalesce(sum(d.weight) FILTER (WHERE r.feeling = 'positive'), 0)
FROM reading r JOIN insight_document d ON d.tenant_id = r.tenant_id AND d.id = r.document_id
WHERE r.tenant_id = %(tenant)s AND d.state = 'read'
  AND (%(since)s::timestamptz IS NULL OR d.at >= %(since)s)
  AND (%(product)s::uuid IS NULL OR d.product_id = %(product)s)
GROUP BY month ORDER BY month"""
FEATURE_MONTHS_SQL = """
SELECT date_trunc('month', m.at AT TIME ZONE 'UTC')::date AS month, sum(m.weight),
       coalesce(sum(m.weight) FILTER (WHERE m.polarity < 0), 0),
       coalesce(sum(m.weight) FILTER (WHERE m.polarity > 0), 0)
FROM mention m WHERE m.tenant_id = %(tenant)s AND m.feature_id = %(feature)s
GROUP BY month ORDER BY month"""


def by_month(
    since: datetime | None = None, *, product_id: uuid.UUID | None = None
) -> list[tuple[Any, float, float, float]]:
    """(month, weight of what was read, of that negative, positive)."""
    values = {"tenant": current_tenant(), "since": since, "product": product_id}
    with connection.cursor() as cursor:
        cursor.execute(MONTHS_SQL, values)
        return [(row[0], *map(float, row[1:])) for row in cursor.fetchall()]


def feature_by_month(of: Feature) -> list[tuple[Any, float, float, float]]:
    """(month, weight of its mentions, of that against, in favour)."""
    with connection.cursor() as cursor:
        cursor.execute(FEATURE_MONTHS_SQL, {"tenant": current_tenant(), "feature": of.pk})
        return [(row[0], *map(float, row[1:])) for row in cursor.fetchall()]
