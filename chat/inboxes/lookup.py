"""Whose inbox a public key means: asked before a workspace is known, like tenants/registry.py."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import connection

CREATE_SQL = """
CREATE FUNCTION attune_inbox(key text)
RETURNS TABLE (tenant_id bigint, id uuid, allowed_origins jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT i.tenant_id, i.id, i.allowed_origins
  FROM inbox i JOIN tenants_tenant t ON t.id = i.tenant_id
  WHERE i.public_key = key AND i.state = 'active' AND t.status = 'active' $$;
"""
DROP_SQL = "DROP FUNCTION attune_inbox(text);"
ASK_SQL = """
SELECT tenant_id, id, ARRAY(SELECT jsonb_array_elements_text(allowed_origins))
FROM attune_inbox(%s)"""


@dataclass(frozen=True, slots=True)
class Door:
    """An inbox that is open: whose it is and from which sites it may be shown."""

    tenant_id: int
    id: uuid.UUID
    origins: tuple[str, ...]

    def admits(self, origin: str, own: str) -> bool:
        """Exactly an allowed origin, or our own site. Programs send none and are let in: an
        origin keeps other sites from showing the widget, it is no proof of who asks."""
        return not origin or origin == own or origin in self.origins


def door(key: str) -> Door | None:
    with connection.cursor() as cursor:
        cursor.execute(ASK_SQL, [key[:60]])
        row = cursor.fetchone()
    return Door(row[0], row[1], tuple(row[2])) if row else None
