"""What goes together, counted by the database: texts of a group that name a feature. A million
mentions are counted there; only sums come here."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from attune.kernel.tenancy import current_tenant
from insights.graph import wishes
from insights.graph.association import Table

MOST_FEATURES, LEAST_TEXTS, FOLLOWS_DAYS, MOST_WISHES = 300, 3, 30, 50_000

# Texts that were read, copies of a flood sharing one voice, and the features that each names.
SHARED_SQL = """
WITH texts AS MATERIALIZED (
  SELECT d.id, d.weight, d.at, d.product_id, d.contact_id, d.source_id FROM insight_document d
  WHERE d.tenant_id = %(tenant)s AND d.state = 'read'),
spoken AS MATERIALIZED (
  SELECT m.feature_id AS id FROM mention m
  JOIN feature f ON f.tenant_id = m.tenant_id AND f.id = m.feature_id AND f.state = 'active'
   AND NOT EXISTS (SELECT 1 FROM entity e WHERE e.tenant_id = m.tenant_id
    AND e.kind = 'competitor' AND (lower(e.label) = lower(f.label)
     OR EXISTS (SELECT 1 FROM jsonb_array_elements_text(e.aliases) a
                WHERE lower(a) = lower(f.label))))
  WHERE m.tenant_id = %(tenant)s GROUP BY m.feature_id
  HAVING count(DISTINCT m.document_id) >= %(least)s
  ORDER BY sum(m.weight) DESC, m.feature_id LIMIT %(features)s),
named AS MATERIALIZED (
  SELECT m.document_id, m.feature_id, avg(m.polarity) AS felt, avg(m.confidence) AS sure
  FROM mention m JOIN spoken s ON s.id = m.feature_id
  WHERE m.tenant_id = %(tenant)s GROUP BY m.document_id, m.feature_id)
"""
GROUPS = {
    "spoken_of": """SELECT id AS document_id, product_id AS key FROM texts
      WHERE product_id IS NOT NULL""",
    "carries": "SELECT id AS document_id, source_id AS key FROM texts",
    "says": """SELECT t.id AS document_id, m.segment_id AS key FROM texts t
      JOIN segment_membership m ON m.tenant_id = %(tenant)s AND m.contact_id = t.contact_id
      AND m.left_at IS NULL""",
    "about": """SELECT b.document_id, b.topic_id AS key FROM topic_belonging b JOIN topic p
      ON p.tenant_id = b.tenant_id AND p.id = b.topic_id AND p.state IN ('active', 'candidate')
      WHERE b.tenant_id = %(tenant)s""",
    "with": "SELECT document_id, feature_id AS key FROM named",
    "compared": """SELECT d.id AS document_id, c.key FROM insight_document d
      JOIN unnest(%(rivals)s::uuid[], %(patterns)s::text[]) AS c(key, pattern)
       ON d.text ~* c.pattern
      WHERE d.tenant_id = %(tenant)s AND d.state = 'read'""",
}  # fmt: skip
PAIRS_SQL = """, grouped AS MATERIALIZED ({group}),
 of_group AS (SELECT g.key, sum(t.weight) AS weight FROM grouped g
              JOIN texts t ON t.id = g.document_id GROUP BY g.key),
 inside AS MATERIALIZED ({inside}),
 of_feature AS (SELECT n.feature_id, sum(t.weight) AS weight FROM named n
                JOIN inside i ON i.document_id = n.document_id
                JOIN texts t ON t.id = n.document_id GROUP BY n.feature_id),
 pairs AS (SELECT g.key, n.feature_id, count(*) AS n, sum(t.weight) AS weight,
                  coalesce(sum(t.weight) FILTER (WHERE n.felt < 0), 0) AS bad,
                  coalesce(sum(t.weight) FILTER (WHERE n.felt > 0), 0) AS good,
                  min(t.at) AS first, max(t.at) AS last, avg(n.sure) AS sure,
                  (array_agg(t.id ORDER BY t.weight DESC, t.at DESC))[1:8] AS evidence
           FROM grouped g JOIN named n ON n.document_id = g.document_id
           JOIN texts t ON t.id = g.document_id
           WHERE NOT %(apart)s OR g.key < n.feature_id
           GROUP BY g.key, n.feature_id HAVING count(*) >= %(least)s)
SELECT p.*, g.weight, f.weight, (SELECT sum(t.weight) FROM inside i JOIN texts t
                                 ON t.id = i.document_id)
FROM pairs p JOIN of_group g ON g.key = p.key JOIN of_feature f ON f.feature_id = p.feature_id"""
THEN_SQL = """,
 writers AS MATERIALIZED (
  SELECT contact_id, min(at) AS at FROM texts WHERE contact_id IS NOT NULL GROUP BY contact_id),
 did AS MATERIALIZED (
  SELECT w.contact_id, e.name, min(e.at) AS at FROM writers w
  JOIN event e ON e.tenant_id = %(tenant)s AND e.contact_id = w.contact_id AND e.at > w.at
   AND e.at <= w.at + make_interval(days => %(days)s) AND e.name <> '' AND NOT e.is_machine
   AND e.source <> 'insights' AND e.type IN ('track', 'page', 'screen')
  GROUP BY w.contact_id, e.name),
 against AS MATERIALIZED (
  SELECT n.feature_id, t.contact_id, min(t.at) AS at,
         (array_agg(t.id ORDER BY t.at))[1] AS document_id
  FROM named n JOIN texts t ON t.id = n.document_id AND t.contact_id IS NOT NULL
  WHERE n.felt < 0 GROUP BY n.feature_id, t.contact_id),
 later AS MATERIALIZED (
  SELECT a.feature_id, a.contact_id, a.document_id, e.name, min(e.at) AS at FROM against a
  JOIN event e ON e.tenant_id = %(tenant)s AND e.contact_id = a.contact_id AND e.at > a.at
   AND e.at <= a.at + make_interval(days => %(days)s) AND e.name <> '' AND NOT e.is_machine
   AND e.source <> 'insights' AND e.type IN ('track', 'page', 'screen')
  GROUP BY a.feature_id, a.contact_id, a.document_id, e.name),
 early AS (SELECT a.feature_id, d.name, count(*) AS n FROM against a
           JOIN did d ON d.contact_id = a.contact_id GROUP BY a.feature_id, d.name)
SELECT l.feature_id, l.name, count(*), min(l.at), max(l.at), (array_agg(l.document_id))[1:8],
       (SELECT count(*) FROM against x WHERE x.feature_id = l.feature_id),
       count(*) + (SELECT count(*) FROM did x WHERE x.name = l.name)
        - coalesce((SELECT x.n FROM early x WHERE x.feature_id = l.feature_id
                    AND x.name = l.name), 0),
       (SELECT count(*) FROM writers)
FROM later l GROUP BY l.feature_id, l.name HAVING count(*) >= %(least)s"""
WISHES_SQL = """SELECT d.id, d.product_id, d.weight, d.at, d.text, r.sentences::text,
  (SELECT json_agg(json_build_array(m.start, m."end", m.feature_id, m.confidence)) FROM mention m
   JOIN spoken s ON s.id = m.feature_id
   WHERE m.tenant_id = d.tenant_id AND m.document_id = d.id)
FROM insight_document d JOIN reading r ON r.tenant_id = d.tenant_id AND r.document_id = d.id
WHERE d.tenant_id = %(tenant)s AND d.state = 'read' AND d.product_id IS NOT NULL
  AND d.text ~* %(wish)s
  AND EXISTS (SELECT 1 FROM mention m WHERE m.tenant_id = d.tenant_id AND m.document_id = d.id)
ORDER BY d.at DESC LIMIT %(wishes)s"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A group (an id, or for `then` the feature) and a feature (for `then` the name of an event)
    that occur together; `sure` is how sure the reader was of what the texts name."""

    subject: str
    object: str
    n: int
    table: Table
    bad: float
    good: float
    first: datetime
    last: datetime
    sure: float
    evidence: list[str]


def pairs(predicate: str, rivals: dict[uuid.UUID, str] | None = None) -> list[Pair]:
    """Pairs of a predicate of GROUPS; for `compared`, `rivals` are patterns by competitor."""
    rivals = rivals or {}
    sql = SHARED_SQL + (
        PAIRS_SQL.replace("{group}", GROUPS[predicate]).replace("{inside}", _inside(predicate))
    )
    rows = _rows(sql, apart=predicate == "with", rivals=list(rivals),
                 patterns=list(rivals.values()))  # fmt: skip
    return [
        Pair(str(r[0]), str(r[1]), r[2], Table(r[3], r[10], r[11], r[12]), r[4], r[5], r[6], r[7],
             r[8], [str(pk) for pk in r[9]])
        for r in rows
    ]  # fmt: skip


def _inside(predicate: str) -> str:
    """The texts that a pair is compared among: those that could belong to such a group."""
    of = {"says": "contact_id IS NOT NULL", "compared": "true", "carries": "true"}
    if predicate in of:
        return f"SELECT id AS document_id FROM texts WHERE {of[predicate]}"  # noqa: S608 - constants
    return "SELECT DISTINCT document_id FROM grouped"


def followed() -> list[Pair]:
    """People who wrote against a feature, and what they did within thirty days of that, beside all
    other people who wrote, within thirty days of their first text."""
    return [
        Pair(str(r[0]), r[1], r[2], Table(r[2], r[6], r[7], r[8]), float(r[2]), 0.0, r[3], r[4],
             1.0, [str(pk) for pk in r[5]])
        for r in _rows(SHARED_SQL + THEN_SQL, days=FOLLOWS_DAYS)
    ]  # fmt: skip


def wished() -> Iterator[tuple[str, str, uuid.UUID, float, datetime, float]]:
    """(product, feature, document, weight, written at, how sure) of every feature that a wishing
    sentence names."""
    for pk, product, weight, at, text, sentences, named in _rows(SHARED_SQL + WISHES_SQL):
        places = [(a, b, f) for a, b, f, _ in named or []]
        sure = {f: s for _, _, f, s in named or []}
        for feature in wishes.wished(text, json.loads(sentences), places):
            yield str(product), feature, pk, weight, at, sure[feature]


def _rows(sql: str, **values: Any) -> Sequence[tuple[Any, ...]]:
    shared: dict[str, Any] = {
        "tenant": current_tenant(), "least": LEAST_TEXTS, "features": MOST_FEATURES,
        "wish": wishes.SQL_PATTERN, "wishes": MOST_WISHES,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(sql, {**shared, **values})
        return cursor.fetchall()
