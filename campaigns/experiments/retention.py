"""Looks at an experiment come every 15 seconds; a chart needs fewer the older they are."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from attune.kernel.tenancy import current_tenant

STEPS = (  # older than this, one look in each such span is kept
    (timedelta(hours=2), timedelta(minutes=5)),
    (timedelta(days=2), timedelta(hours=1)),
    (timedelta(days=30), timedelta(days=1)),
)
THIN_SQL = """
DELETE FROM snapshot s WHERE s.tenant_id = %(tenant)s AND s.at < %(before)s AND EXISTS (
  SELECT 1 FROM snapshot o WHERE o.tenant_id = %(tenant)s AND o.experiment_id = s.experiment_id
    AND o.at > s.at AND o.at < %(before)s
    AND floor(extract(epoch FROM o.at) / %(span)s) = floor(extract(epoch FROM s.at) / %(span)s))"""


def thin_snapshots(now: datetime) -> int:
    """Keep the last look of each span; the newest look of an experiment always stays."""
    gone = 0
    with connection.cursor() as cursor:
        for age, span in STEPS:
            cursor.execute(
                THIN_SQL,
                {"tenant": current_tenant(), "before": now - age, "span": span.total_seconds()},
            )
            gone += cursor.rowcount
    return gone
