"""Looking for what is worth a person's eye. What one page says is judged together, so that at most
one in ten of what is found is chance; the texts for and against are kept with it."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from insights.graph.association import Table, judged
from insights.graph.models import Relation
from insights.topics import selectors as topics
from insights.topics import trends
from insights.topics.trends import Count

TURNING = {"topic_moved", "feature_moved"}
NOW_DAYS, BEFORE_DAYS, FALSE_ALARMS, MOST_QUOTES = 28, 84, 0.1, 6
CHANGES_SQL = """
SELECT m.feature_id, f.label,
  coalesce(sum(m.weight) FILTER (WHERE m.at >= %(now)s AND m.polarity < 0), 0),
  coalesce(sum(m.weight) FILTER (WHERE m.at >= %(now)s), 0),
  coalesce(sum(m.weight) FILTER (WHERE m.at < %(now)s AND m.polarity < 0), 0),
  coalesce(sum(m.weight) FILTER (WHERE m.at < %(now)s), 0)
FROM mention m JOIN feature f ON f.tenant_id = m.tenant_id AND f.id = m.feature_id
WHERE m.tenant_id = %(tenant)s AND m.at >= %(before)s AND f.state = 'active'
GROUP BY m.feature_id, f.label HAVING count(*) >= 10 ORDER BY sum(m.weight) DESC LIMIT 100"""
WORSE_SQL = """
SELECT m.feature_id, m.product_id, f.label, p.name,
  coalesce(sum(m.weight) FILTER (WHERE m.polarity < 0), 0), sum(m.weight)
FROM mention m JOIN feature f ON f.tenant_id = m.tenant_id AND f.id = m.feature_id
JOIN product p ON p.tenant_id = m.tenant_id AND p.id = m.product_id
WHERE m.tenant_id = %(tenant)s AND m.at >= %(before)s AND f.state = 'active'
GROUP BY m.feature_id, m.product_id, f.label, p.name"""
PLACES_SQL = """
SELECT m.document_id, d.text, r.sentences::text, m.start FROM mention m
JOIN insight_document d ON d.tenant_id = m.tenant_id AND d.id = m.document_id
JOIN reading r ON r.tenant_id = d.tenant_id AND r.document_id = d.id
WHERE m.tenant_id = %(tenant)s AND m.feature_id = %(feature)s AND d.state = 'read'
  AND (%(product)s::uuid IS NULL OR m.product_id = %(product)s)
  AND (%(sign)s = 0 OR sign(m.polarity) = %(sign)s) AND d.leader_id = d.id
ORDER BY m.at DESC, m.id DESC LIMIT %(most)s"""


@dataclass(frozen=True, slots=True)
class Found:
    """A claim as it was found: what it is about, its measure, and places (document, start, end) for
    and against it."""

    kind: str
    about: dict[str, str]
    claim: Phrase
    measure: Phrase
    effect: float
    low: float
    high: float
    q: float | None
    n: int
    caveat: Phrase
    places: list[tuple[str, int, int]] = field(default_factory=list)
    against: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What it is known by from look to look, at most 200 characters."""
        about = ":".join(f"{k}={v}" for k, v in sorted(self.about.items()))
        if len(about) > 180:  # an event may have a long name
            about = hashlib.sha256(about.encode()).hexdigest()
        return f"{self.kind}:{about}{self.side if self.kind in TURNING else ''}"

    @property
    def side(self) -> str:
        """What moves up is another claim than what moves down."""
        return ":up" if self.effect > 0 else ":down"

    @property
    def contrary(self) -> str:
        """The key of the claim that this one denies; empty where there is none."""
        other = ":down" if self.side == ":up" else ":up"
        return f"{self.key.removesuffix(self.side)}{other}" if self.kind in TURNING else ""


def look(now: datetime) -> list[Found]:
    """Everything that stands out now."""
    return [*_topics(now), *_changes(now), *_worse(now), *_related()]


CAVEAT = say("It counts those who wrote, not all customers.")
POINTS = say("percentage points, 28 days against the 84 before")
SEASON = say("percentage points, 28 days against the same weeks of last year")


def _topics(now: datetime) -> Iterator[Found]:
    seen = topics.overview(now)
    for row in seen.rows:
        if row.shift.verdict not in {"rising", "falling"}:
            continue
        shift, name = row.shift, str(row.topic)
        said = {
            "rising": say("“%(topic)s” is written about more than before.", topic=name),
            "falling": say("“%(topic)s” is written about less than before.", topic=name),
        }
        shown = [(d, 0, 0) for d in row.topic.examples[:MOST_QUOTES]]
        yield Found(
            "topic_moved", {"topic": str(row.topic.pk)}, said[shift.verdict],
            SEASON if seen.seasonal else POINTS,
            shift.difference, shift.low, shift.high, None, row.n, CAVEAT, shown,
        )  # fmt: skip


def _changes(now: datetime) -> Iterator[Found]:
    start = now - timedelta(days=NOW_DAYS)
    rows = _rows(CHANGES_SQL, now=start, before=start - timedelta(days=BEFORE_DAYS))
    shifts = trends.shifts([Count(r[2], r[3], r[4], r[5]) for r in rows])
    for row, shift in zip(rows, shifts, strict=True):
        if shift.verdict not in {"rising", "falling"}:
            continue
        worse = shift.verdict == "rising"
        claim = say("“%(feature)s” is criticised more than before.", feature=row[1]) if worse else \
            say("“%(feature)s” is criticised less than before.", feature=row[1])  # fmt: skip
        places, other = _places(row[0], -1), _places(row[0], 1)
        yield Found(
            "feature_moved", {"feature": str(row[0])}, claim, POINTS, shift.difference, shift.low,
            shift.high, shift.p, round(row[3] + row[5]), CAVEAT,
            *((places, other) if worse else (other, places)),
        )  # fmt: skip


def _worse(now: datetime) -> Iterator[Found]:
    """A product that is criticised more in a feature than all others that have it."""
    rows = _rows(WORSE_SQL, before=now - timedelta(days=365))
    every: dict[uuid.UUID, list[float]] = {}
    for feature, _, _, _, bad, whole in rows:
        sums = every.setdefault(feature, [0.0, 0.0])
        sums[0], sums[1] = sums[0] + bad, sums[1] + whole
    asked = [r for r in rows if r[5] >= 5 and every[r[0]][1] - r[5] >= 5]
    links = judged([Table(r[4], r[5], every[r[0]][0], every[r[0]][1]) for r in asked])
    for row, link in zip(asked, links, strict=True):
        if link.q > FALSE_ALARMS or link.lift <= 1:
            continue
        feature, product, label, name, bad, whole = row
        claim = say("“%(feature)s” of %(product)s is criticised more than that of other products: "
                    "%(share)s of its mentions.", feature=label, product=name,
                    share=f"{bad / whole:.0%}")  # fmt: skip
        yield Found(
            "feature_bad", {"feature": str(feature), "product": str(product)}, claim,
            say("times as often criticised"), link.lift, link.low, link.high, link.q,
            round(whole), CAVEAT, _places(feature, -1, product), _places(feature, 1, product),
        )  # fmt: skip


def _related() -> Iterator[Found]:
    """What the graph's tested edges say of segments, wishes and what follows a complaint."""
    rows = Relation.objects.filter(state="holds", predicate__in=["says", "then", "wished"])
    for edge in rows.select_related("subject", "object").order_by("-weight")[:60]:
        subject, other, times = str(edge.subject), str(edge.object), f"{edge.lift:.1f}"
        first, second = edge.subject.key, edge.object.key
        if edge.predicate == "says":
            claim = say("“%(segment)s” speak of “%(feature)s” %(times)s times as often as others.",
                        segment=subject, feature=other, times=times)  # fmt: skip
            yield _edge("segment_says", {"segment": first, "feature": second}, claim, edge)
        elif edge.predicate == "then":
            claim = say("After criticism of “%(feature)s”, “%(event)s” follows %(times)s times as "
                        "often as for others who wrote.", feature=subject, event=other,
                        times=times)  # fmt: skip
            yield _edge("followed", {"feature": first, "event": second}, claim, edge)
        elif edge.n >= 5:
            claim = say("People wish for a better “%(feature)s” of %(product)s.", feature=other,
                        product=subject)  # fmt: skip
            yield _edge("wish", {"product": first, "feature": second}, claim, edge)


def _edge(kind: str, about: dict[str, str], claim: Phrase, edge: Relation) -> Found:
    shown = [(d, 0, 0) for d in edge.evidence[:MOST_QUOTES]]
    tested = edge.predicate != "wished"
    measure = say("times as often") if tested else say("texts that wish so")
    effect = (edge.lift, edge.low, edge.high) if tested else (float(edge.n),) * 3
    caveat = say("What follows is not always what was caused.") if kind == "followed" else CAVEAT
    q = 1 - edge.confidence if tested else None
    return Found(kind, about, claim, measure, *effect, q, edge.n, caveat, shown)


def _places(
    feature: uuid.UUID, sign: int, product: uuid.UUID | None = None
) -> list[tuple[str, int, int]]:
    """The sentences that name a feature, spoken of so, the newest first."""
    rows = _rows(PLACES_SQL, feature=feature, sign=sign, product=product, most=MOST_QUOTES)
    return [(str(pk), *sentence_at(text, json.loads(kept), at)) for pk, text, kept, at in rows]


def sentence_at(text: str, sentences: Sequence[Sequence[float]], at: int) -> tuple[int, int]:
    """Where the sentence lies that holds a place; the whole text where none is known."""
    for start, end, *_ in sentences:
        if start <= at < end:
            return int(start), int(end)
    return 0, len(text)


def _rows(sql: str, **values: Any) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"tenant": current_tenant(), **values})
        return cursor.fetchall()
