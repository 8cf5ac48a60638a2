"""Writing what models foretell of contacts: whole, in parts, in the place of what was there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from attune.kernel.tenancy import current_tenant
from campaigns.contacts.models import Score

RISK, WORTH = "risk-", "worth-"  # how keys of risks begin; no new prediction's does
WRITE_SQL = """
INSERT INTO score (id, tenant_id, contact_id, key, value, rank, reasons, at)
SELECT gen_random_uuid(), %(tenant)s, n.contact_id, %(key)s, n.value, n.rank, n.reasons::jsonb,
  %(at)s
FROM unnest(%(contacts)s::uuid[], %(values)s::float8[], %(ranks)s::float8[], %(reasons)s::text[])
  AS n(contact_id, value, rank, reasons)
JOIN contact c ON c.tenant_id = %(tenant)s AND c.id = n.contact_id
ON CONFLICT (tenant_id, contact_id, key) DO UPDATE SET value = EXCLUDED.value,
  rank = EXCLUDED.rank, reasons = EXCLUDED.reasons, at = EXCLUDED.at"""


def write(key: str, at: datetime, scores: dict[str, list[Any]]) -> None:
    """Scores of some people {contacts, values, ranks, reasons (JSON)}; who is gone gets none."""
    with connection.cursor() as cursor:
        cursor.execute(WRITE_SQL, {"tenant": current_tenant(), "key": key, "at": at, **scores})


def drop_older(key: str, at: datetime) -> None:
    """Whoever was not scored at `at` has no score any more."""
    Score.objects.filter(key=key, at__lt=at).delete()
