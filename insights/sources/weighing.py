"""What copies count: one statement for every group that grew."""

from __future__ import annotations

import uuid

from django.db import connection
from django.db.models import F

from attune.kernel import live
from attune.kernel.tenancy import current_tenant
from insights.sources import intake, likeness
from insights.sources.models import Document

PORTION = 500
WEIGH_SQL = """
WITH held AS (SELECT id FROM insight_document WHERE tenant_id = %(tenant)s
              AND leader_id = ANY(%(leaders)s::uuid[]) ORDER BY id FOR UPDATE)
UPDATE insight_document d SET weight = w.weight
FROM unnest(%(leaders)s::uuid[], %(weights)s::float[]) AS w(leader, weight), held h
WHERE d.tenant_id = %(tenant)s AND d.leader_id = w.leader AND d.weight <> w.weight
  AND h.id = d.id"""
DONE_SQL = """
UPDATE insight_document SET weighed = copies WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s)"""


def weigh() -> list[uuid.UUID]:
    """Weigh anew a portion of the groups whose number of copies changed; their leaders."""
    intake.alone()
    grown = Document.objects.exclude(copies=F("weighed")).select_for_update().order_by("id")
    rows = list(grown.only("id", "tenant_id", "text", "copies", "source_id")[:PORTION])
    if not rows:
        return []
    sizes = {s: Document.objects.filter(source_id=s).count() for s in {r.source_id for r in rows}}
    weights = [
        likeness.weight(r.copies, short=likeness.is_short(r.text), of=sizes[r.source_id])
        for r in rows
    ]
    tenant, ids = current_tenant(), [r.pk for r in rows]
    with connection.cursor() as cursor:
        cursor.execute(WEIGH_SQL, {"tenant": tenant, "leaders": ids, "weights": weights})
        cursor.execute(DONE_SQL, {"tenant": tenant, "ids": ids})
    live.push(current_tenant(), "insights")
    return [row.pk for row in rows]
