"""The one way events enter the database: identities, events, counters and the fold's queue, in
one transaction (docs/design of intake: docs/adr/0005)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from attune.kernel.models import new_id
from attune.kernel.tenancy import current_tenant
from campaigns.contacts.intake import Parsed

STAGED = """id uuid, message_id text, type text, name text,
  contact_id uuid, user_id text, anonymous_id text, properties jsonb, context jsonb,
  value_cents bigint, category text, at timestamptz, client_at timestamptz, is_machine boolean"""
STAGE = f"event_stage_{hashlib.sha256(STAGED.encode()).hexdigest()[:8]}"
"""Made once a connection, which a pool may keep over a deployment: other columns, another name. No
row outlives the transaction that staged it."""
STAGE_SQL = f"CREATE TEMP TABLE IF NOT EXISTS {STAGE} ({STAGED}) ON COMMIT DELETE ROWS"
COLUMNS = (
    "id, message_id, type, name, contact_id, user_id, anonymous_id, properties, context, "
    "value_cents, category, at, client_at, is_machine"
)
INSERT_SQL = f"""
WITH fresh AS (
  INSERT INTO event (tenant_id, source, received_at, {COLUMNS})
  SELECT %(tenant)s, %(source)s, %(now)s, {COLUMNS} FROM {STAGE}
  ON CONFLICT (tenant_id, message_id) DO NOTHING
  RETURNING contact_id, name, at),
counted AS (
  INSERT INTO event_count (id, tenant_id, day, name, n)
  SELECT gen_random_uuid(), %(tenant)s, (at AT TIME ZONE 'UTC')::date, name, count(*)
  FROM fresh GROUP BY 3, name ORDER BY 3, name
  ON CONFLICT (tenant_id, day, name) DO UPDATE SET n = event_count.n + excluded.n),
changed AS (
  INSERT INTO contact_change (id, tenant_id, contact_id)
  SELECT gen_random_uuid(), %(tenant)s, contact_id FROM fresh GROUP BY contact_id)
SELECT count(*) FROM fresh"""  # noqa: S608
IDENTITY_SQL = """
SELECT value, contact_id FROM identity WHERE tenant_id = %s AND kind = %s AND value = ANY(%s)"""
NEW_IDENTITY_SQL = """
INSERT INTO identity (id, tenant_id, kind, value, contact_id)
SELECT gen_random_uuid(), %s, %s, v, c FROM unnest(%s::text[], %s::uuid[]) AS n(v, c)
ON CONFLICT (tenant_id, kind, value) DO NOTHING RETURNING value, contact_id"""
NEW_CONTACT_SQL = """
INSERT INTO contact (id, tenant_id, external_id, email, phone, name, locale, timezone, traits,
                     status)
SELECT c, %s, e, '', '', '', '', '', '{}', 'enabled'
FROM unnest(%s::uuid[], %s::text[]) AS n(c, e)"""


@dataclass(frozen=True, slots=True)
class Pair:
    """An anonymous contact that turned out to be a known one."""

    anonymous_id: str
    source: UUID
    target: UUID


@dataclass(frozen=True, slots=True)
class Written:
    """What one batch did: new events, and identities that want merging."""

    fresh: int
    pairs: list[Pair]


def write(events: list[Parsed], *, source: str, now: datetime) -> Written:
    """Store a batch; a message id seen before is left as it was. Returns counts and merges."""
    if not events:
        return Written(0, [])
    tenant = current_tenant()
    with connection.cursor() as cursor:
        users = _resolve(cursor, tenant, "user", {e.user_id for e in events if e.user_id})
        wanted = {e.anonymous_id for e in events if e.anonymous_id}
        wanted |= {e.previous_id for e in events if e.previous_id}
        owner = {
            anonymous: users[e.user_id]
            for e in events
            if e.user_id
            for anonymous in (e.anonymous_id, e.previous_id)
            if anonymous
        }
        visitors = _resolve(cursor, tenant, "anonymous", wanted, owner)
        cursor.execute(STAGE_SQL)
        with cursor.copy(f"COPY {STAGE} ({COLUMNS}) FROM STDIN") as copy:
            for e in _once(events):
                contact = users[e.user_id] if e.user_id else visitors[e.anonymous_id]
                copy.write_row(
                    (
                        e.id, e.message_id, e.type, e.name, contact, e.user_id, e.anonymous_id,
                        e.properties.decode(), e.context.decode(), e.value_cents, e.category,
                        e.at, e.client_at, e.is_machine,
                    )
                )  # fmt: skip
        cursor.execute(INSERT_SQL, {"tenant": tenant, "source": source, "now": now})
        fresh = cursor.fetchone()[0]
        cursor.execute(f"DELETE FROM {STAGE}")  # noqa: S608
    pairs = [
        Pair(anonymous, visitors[anonymous], target)
        for anonymous, target in owner.items()
        if visitors[anonymous] != target
    ]
    return Written(fresh, pairs)


def _once(events: list[Parsed]) -> list[Parsed]:
    """The earliest event of each message id (of equal ones the first), sorted by it: two batches
    that hold the same ids take their locks in one order, and neither waits in a circle."""
    earliest: dict[str, Parsed] = {}
    for event in events:
        known = earliest.get(event.message_id)
        if known is None or event.at < known.at:
            earliest[event.message_id] = event
    return [earliest[message_id] for message_id in sorted(earliest)]


def _resolve(
    cursor: object,
    tenant: int,
    kind: str,
    values: Iterable[str],
    owner: dict[str, UUID] | None = None,
) -> dict[str, UUID]:
    """The contact of each identity; unknown ones are made, or linked to their `owner`.

    Identities go in first, sorted: a rival batch waits for ours on the unique key, then reads
    our contact, so that one identity never makes two contacts.
    """
    wanted = sorted(set(values))
    if not wanted:
        return {}
    cursor.execute(IDENTITY_SQL, [tenant, kind, wanted])  # type: ignore[attr-defined]
    known = dict(cursor.fetchall())  # type: ignore[attr-defined]
    missing = [value for value in wanted if value not in known]
    if not missing:
        return known
    owner = owner or {}
    targets = [owner.get(value) or new_id() for value in missing]
    cursor.execute(NEW_IDENTITY_SQL, [tenant, kind, missing, targets])  # type: ignore[attr-defined]
    made = dict(cursor.fetchall())  # type: ignore[attr-defined]
    new = [(contact, value) for value, contact in made.items() if value not in owner]
    external = [value if kind == "user" else "" for _, value in new]
    cursor.execute(NEW_CONTACT_SQL, [tenant, [c for c, _ in new], external])  # type: ignore[attr-defined]
    known.update(made)
    lost = [value for value in missing if value not in made]
    if lost:
        cursor.execute(IDENTITY_SQL, [tenant, kind, lost])  # type: ignore[attr-defined]
        known.update(dict(cursor.fetchall()))  # type: ignore[attr-defined]
    return known


def contact_id(*, user_id: str = "", anonymous_id: str = "") -> UUID:
    """The contact of one identity, made if unknown."""
    kind, value = ("user", user_id) if user_id else ("anonymous", anonymous_id)
    with connection.cursor() as cursor:
        return _resolve(cursor, current_tenant(), kind, [value])[value]
