"""What those people said who stopped at a stage, beside all others who went that way."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import connection

from attune.kernel.tenancy import current_tenant
from insights.graph.association import Table, judged

MOST = 5
SAID_SQL = """
WITH people AS (SELECT unnest(%(who)s::uuid[]) AS id),
said AS (SELECT m.feature_id, d.contact_id, min(m.polarity) AS felt, min(d.id::text) AS document
         FROM mention m
         JOIN insight_document d ON d.tenant_id = m.tenant_id AND d.id = m.document_id
         JOIN people p ON p.id = d.contact_id
         JOIN feature f ON f.tenant_id = m.tenant_id AND f.id = m.feature_id AND f.state = 'active'
         WHERE m.tenant_id = %(tenant)s AND d.state = 'read' GROUP BY 1, 2)
SELECT s.feature_id, f.label, count(*) FILTER (WHERE s.contact_id = ANY(%(stopped)s)),
       count(*), count(*) FILTER (WHERE s.felt < 0 AND s.contact_id = ANY(%(stopped)s)),
       (array_agg(s.document) FILTER (WHERE s.contact_id = ANY(%(stopped)s)))[1:3]
FROM said s JOIN feature f ON f.tenant_id = %(tenant)s AND f.id = s.feature_id
GROUP BY 1, 2"""
WRITERS_SQL = """
SELECT count(DISTINCT contact_id) FILTER (WHERE contact_id = ANY(%(stopped)s)),
       count(DISTINCT contact_id),
       count(DISTINCT contact_id) FILTER (WHERE contact_id = ANY(%(stopped)s)
                                          AND r.feeling = 'negative'),
       count(DISTINCT contact_id) FILTER (WHERE r.feeling = 'negative')
FROM insight_document d JOIN reading r ON r.tenant_id = d.tenant_id AND r.document_id = d.id
WHERE d.tenant_id = %(tenant)s AND d.state = 'read' AND d.contact_id = ANY(%(who)s)"""


def said(stopped: Sequence[uuid.UUID], everybody: Sequence[uuid.UUID]) -> dict[str, Any]:
    """{writers, negative, others, others_negative, features [{id, label, n, bad, lift, low, high,
    q, evidence}]}: features that those who stopped name most, judged beside the others."""
    values: dict[str, Any] = {
        "tenant": current_tenant(),
        "stopped": list(stopped),
        "who": list(everybody),
    }
    with connection.cursor() as cursor:
        cursor.execute(WRITERS_SQL, values)
        writers, every, negative, all_negative = cursor.fetchone()
        cursor.execute(SAID_SQL, values)
        rows = [row for row in cursor.fetchall() if row[2]]
    links = judged([Table(row[2], writers, row[3], every) for row in rows])
    best = sorted(zip(rows, links, strict=True), key=lambda pair: (pair[1].q, -pair[0][2]))[:MOST]
    return {
        "writers": writers, "negative": negative, "others": every - writers,
        "others_negative": all_negative - negative,
        "features": [
            {"id": str(row[0]), "label": row[1], "n": row[2], "bad": row[4],
             "lift": link.lift, "low": link.low, "high": link.high, "q": link.q,
             "evidence": row[5] or []}
            for row, link in best
        ],
    }  # fmt: skip
