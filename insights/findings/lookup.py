"""Looking up what a question asks for: figures over all the texts that fit, and those nearest in
sense to the question."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection

from attune.kernel.tenancy import current_tenant
from campaigns.catalog.models import Product
from campaigns.segments.models import Segment
from insights.findings.questions import Query
from insights.reading.models import Feature
from insights.topics.models import Topic

NEAREST = 24
FITTING = """
FROM insight_document d JOIN reading r ON r.tenant_id = d.tenant_id AND r.document_id = d.id
WHERE d.tenant_id = %(tenant)s AND d.state = 'read'
  AND (%(since)s::timestamptz IS NULL OR d.at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR d.at < %(until)s)
  AND (%(products)s::uuid[] = '{}' OR d.product_id = ANY(%(products)s))
  AND (%(features)s::uuid[] = '{}' OR EXISTS (SELECT 1 FROM mention m
       WHERE m.tenant_id = d.tenant_id AND m.document_id = d.id
       AND m.feature_id = ANY(%(features)s)))
  AND (%(topics)s::uuid[] = '{}' OR EXISTS (SELECT 1 FROM topic_belonging b
       WHERE b.tenant_id = d.tenant_id AND b.document_id = d.id AND b.topic_id = ANY(%(topics)s)))
  AND (%(segments)s::uuid[] = '{}' OR EXISTS (SELECT 1 FROM segment_membership s
       WHERE s.tenant_id = d.tenant_id AND s.contact_id = d.contact_id AND s.left_at IS NULL
       AND s.segment_id = ANY(%(segments)s)))"""
# of a question about a feature, how that is spoken of counts, not how the whole text feels
FELT = """ AND (%(feeling)s = '' OR CASE WHEN %(features)s::uuid[] = '{}'
  THEN r.feeling IN (%(feeling)s, 'mixed')
  ELSE EXISTS (SELECT 1 FROM mention m WHERE m.tenant_id = d.tenant_id AND m.document_id = d.id
               AND m.feature_id = ANY(%(features)s) AND m.polarity = %(sign)s) END)"""
SPOKEN_SQL = """
SELECT coalesce(sum(m.weight), 0), coalesce(sum(m.weight) FILTER (WHERE m.polarity < 0), 0),
       coalesce(sum(m.weight) FILTER (WHERE m.polarity > 0), 0) FROM mention m
WHERE m.tenant_id = %(tenant)s AND m.feature_id = ANY(%(features)s)
  AND m.document_id IN (SELECT d.id"""
FIGURES_SQL = (
    "SELECT count(*), coalesce(sum(d.weight), 0), "
    "coalesce(sum(d.weight) FILTER (WHERE r.feeling = 'negative'), 0), "
    "coalesce(sum(d.weight) FILTER (WHERE r.feeling = 'positive'), 0), min(d.at), max(d.at)"
)
FEATURES_SQL = """
SELECT f.label, count(DISTINCT m.document_id),
       coalesce(sum(m.weight) FILTER (WHERE m.polarity < 0), 0), sum(m.weight) FROM mention m
JOIN feature f ON f.tenant_id = m.tenant_id AND f.id = m.feature_id AND f.state = 'active'
WHERE m.tenant_id = %(tenant)s AND m.document_id IN (SELECT d.id"""
NEAR_SQL = "SELECT d.id, d.text, r.sentences::text, r.vector <=> %(vector)s::halfvec AS far"
RECENT_SQL = "SELECT d.id, d.text, r.sentences::text, 1.0 AS far"


@dataclass(frozen=True, slots=True)
class Figures:
    """Of all texts that fit: how many, their weight, how much of it is negative and positive, from
    when to when, and what they speak of most [(label, texts, share against)]; of the features that
    were asked for, the weight of their mentions, of those against, and in favour."""

    n: int
    weight: float
    bad: float
    good: float
    first: Any
    last: Any
    features: list[tuple[str, int, float]]
    mentions: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Near:
    """A text, its sentences [start, end, …] as JSON, and its nearness to the question, 0 to 1."""

    document: uuid.UUID
    text: str
    sentences: str
    near: float


def names() -> dict[str, dict[str, str]]:
    """The names of the workspace that a question may use."""
    shown = Topic.objects.filter(state__in=Topic.SHOWN).order_by("id")
    active = Feature.objects.filter(state="active").order_by("id")
    rows = {
        "products": Product.objects.order_by("id").values_list("name", "pk")[:2_000],
        "segments": Segment.objects.order_by("id").values_list("name", "pk")[:500],
        "topics": shown.values_list("label", "pk")[:500],
        "features": active.values_list("label", "pk")[:5_000],
    }
    return {kind: {name: str(pk) for name, pk in found} for kind, found in rows.items()}


def _values(query: Query) -> dict[str, Any]:
    ids = {
        kind: [uuid.UUID(pk) for pk, _ in getattr(query, kind)]
        for kind in ("features", "topics", "products", "segments")
    }
    return {
        **ids, "tenant": current_tenant(), "feeling": query.feeling,
        "sign": {"negative": -1, "positive": 1}.get(query.feeling, 0),
        "since": query.since or None, "until": query.until or None,
    }  # fmt: skip


def figures(query: Query) -> Figures:
    values = _values(query)
    with connection.cursor() as cursor:
        cursor.execute(FIGURES_SQL + FITTING, values)
        n, weight, bad, good, first, last = cursor.fetchone()
        cursor.execute(
            FEATURES_SQL + FITTING + FELT
            + ") GROUP BY f.label ORDER BY count(DISTINCT m.document_id) DESC, f.label LIMIT 6",
            values,
        )  # fmt: skip
        spoken = [(label, k, float(a / w) if w else 0.0) for label, k, a, w in cursor.fetchall()]
        cursor.execute(SPOKEN_SQL + FITTING + ")", values)
        whole, against, favour = map(float, cursor.fetchone())
    return Figures(n, float(weight), float(bad), float(good), first, last, spoken,
                   (whole, against, favour))  # fmt: skip


def nearest(query: Query, vector: np.ndarray | None) -> list[Near]:
    """The texts that fit the query and its feeling, the nearest in sense first; without a vector
    the newest. Copies of one text count once."""
    values = _values(query)
    values["vector"] = None if vector is None else "[" + ",".join(f"{v:.5f}" for v in vector) + "]"
    head = RECENT_SQL if vector is None else NEAR_SQL
    known = "" if vector is None else " AND r.vector IS NOT NULL"
    with connection.cursor() as cursor:
        cursor.execute(
            head + FITTING + FELT + known + " AND d.leader_id = d.id ORDER BY far, d.at DESC LIMIT "
            + str(NEAREST), values,
        )  # fmt: skip
        return [Near(pk, text, kept, 1 - float(far)) for pk, text, kept, far in cursor.fetchall()]
