"""From events to profile, set by set: recomputed from the facts, so running twice changes
nothing, and late events and merges need no special case."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection

from attune.kernel.tenancy import current_tenant

TAKE_SQL = """
WITH first AS (
  SELECT DISTINCT contact_id FROM (
    SELECT contact_id FROM contact_change WHERE tenant_id = %(tenant)s ORDER BY id
    LIMIT %(most)s) oldest),
mine AS (
  SELECT id FROM contact_change
  WHERE tenant_id = %(tenant)s AND contact_id IN (SELECT contact_id FROM first)
  LIMIT %(entries)s FOR UPDATE SKIP LOCKED)
DELETE FROM contact_change WHERE id IN (SELECT id FROM mine) RETURNING contact_id"""
"""A contact that changed a hundred times is folded once: with it go all its entries."""

LATEST_TRAITS = """
  SELECT DISTINCT ON (e.contact_id, t.key) e.contact_id, t.key, t.value
  FROM event e CROSS JOIN LATERAL jsonb_each(e.properties) AS t(key, value)
  WHERE e.tenant_id = %(tenant)s AND e.contact_id = ANY(%(contacts)s) AND e.type = 'identify'
  ORDER BY e.contact_id, t.key, e.at DESC, e.id DESC"""

LOCK_SQL = """
SELECT id FROM contact WHERE tenant_id = %(tenant)s AND id = ANY(%(contacts)s)
ORDER BY id FOR NO KEY UPDATE"""  # folds of one contact take turns; intake's key checks do not wait

OWNED_SQL = """
WITH names AS (
  SELECT DISTINCT contact_id, user_id,
    CASE WHEN user_id = '' THEN anonymous_id ELSE '' END AS visitor
  FROM event WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s)),
astray AS (
  SELECT n.*, i.contact_id AS owner FROM names n JOIN identity i ON i.tenant_id = %(tenant)s
    AND i.kind = CASE WHEN n.user_id = '' THEN 'anonymous' ELSE 'user' END
    AND i.value = CASE WHEN n.user_id = '' THEN n.visitor ELSE n.user_id END
  WHERE i.contact_id <> n.contact_id),
moved AS (
  UPDATE event e SET contact_id = a.owner FROM astray a
  WHERE e.tenant_id = %(tenant)s AND e.contact_id = a.contact_id AND e.user_id = a.user_id
    AND (a.user_id <> '' OR e.anonymous_id = a.visitor)
  RETURNING e.contact_id)
INSERT INTO contact_change (id, tenant_id, contact_id)
SELECT gen_random_uuid(), %(tenant)s, contact_id FROM moved GROUP BY contact_id"""
"""An event belongs to whom its identity belongs to. One that was on its way during a merge, or the
undoing of one, is moved to its owner, who is folded next."""

AGED_SQL = """
INSERT INTO contact_change (id, tenant_id, contact_id)
SELECT gen_random_uuid(), %(tenant)s, contact_id FROM profile WHERE tenant_id = %(tenant)s AND (
  (orders = 0 AND lifecycle <> 'dormant'
   AND coalesce(last_seen_at, first_seen_at) < now() - interval '60 days')
  OR (orders > 0 AND lifecycle <> 'lapsed' AND last_order_at < now() - interval '120 days'))"""

TRAITS_SQL = f"""
WITH latest AS ({LATEST_TRAITS}),
bags AS (SELECT w.contact_id, coalesce(jsonb_object_agg(l.key, l.value)
           FILTER (WHERE l.value <> 'null'::jsonb), '{{}}') AS bag
         FROM unnest(%(contacts)s::uuid[]) AS w(contact_id)
         LEFT JOIN latest l ON l.contact_id = w.contact_id GROUP BY w.contact_id)
UPDATE contact c SET traits = bag,
  email = left(coalesce(lower(btrim(bag->>'email')), ''), 254),
  phone = left(coalesce(bag->>'phone', ''), 40),
  name = left(coalesce(bag->>'name', concat_ws(' ', coalesce(bag->>'firstName',
         bag->>'first_name'), coalesce(bag->>'lastName', bag->>'last_name')), ''), 200),
  locale = left(coalesce(bag->>'locale', bag->>'language', ''), 20),
  timezone = left(coalesce(bag->>'timezone', ''), 50)
FROM bags WHERE c.tenant_id = %(tenant)s AND c.id = bags.contact_id"""  # noqa: S608

TRAIT_ROWS_SQL = f"""
WITH latest AS ({LATEST_TRAITS})
INSERT INTO trait (id, tenant_id, contact_id, key, text, number)
SELECT gen_random_uuid(), %(tenant)s, contact_id, left(key, 80), left(value #>> '{{}}', 300),
  CASE WHEN jsonb_typeof(value) = 'number' AND abs((value #>> '{{}}')::numeric) < 1e300
       THEN (value #>> '{{}}')::float8 END
FROM latest WHERE jsonb_typeof(value) IN ('string', 'number', 'boolean')
  AND length(key) <= 80
ON CONFLICT (tenant_id, contact_id, key)
DO UPDATE SET text = excluded.text, number = excluded.number
  WHERE trait.text <> excluded.text OR trait.number IS DISTINCT FROM excluded.number"""  # noqa: S608

DROP_TRAITS_SQL = f"""
WITH latest AS ({LATEST_TRAITS})
DELETE FROM trait t WHERE t.tenant_id = %(tenant)s AND t.contact_id = ANY(%(contacts)s)
  AND NOT EXISTS (SELECT 1 FROM latest l WHERE l.contact_id = t.contact_id AND l.key = t.key
                  AND jsonb_typeof(l.value) IN ('string', 'number', 'boolean'))"""  # noqa: S608

ORDER_NAMES = "('Order Completed', 'Purchase')"
PROFILE_SQL = f"""
WITH facts AS (
  SELECT contact_id, min(at) AS first_seen,
    max(at) FILTER (WHERE name <> 'Message Sent' AND source NOT IN ('import', 'admin'))
      AS last_seen, count(*) AS events,
    count(*) FILTER (WHERE name IN {ORDER_NAMES}) AS orders,
    greatest(least(coalesce(sum(value_cents) FILTER (WHERE name IN {ORDER_NAMES}), 0), 9e18),
      -9e18)::bigint AS revenue,
    max(at) FILTER (WHERE name IN {ORDER_NAMES}) AS last_order,
    count(*) FILTER (WHERE name = 'Message Sent') AS messages,
    count(*) FILTER (WHERE name = 'Message Clicked') AS clicks
  FROM event WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s) AND NOT is_machine
  GROUP BY contact_id),
tastes AS (
  SELECT contact_id, jsonb_object_agg(category, share) AS categories,
    (array_agg(category ORDER BY share DESC, category))[1] AS top FROM (
    SELECT contact_id, category,
      round(sum(CASE WHEN name IN {ORDER_NAMES} THEN 4 ELSE 1 END)
        / sum(sum(CASE WHEN name IN {ORDER_NAMES} THEN 4 ELSE 1 END)) OVER (PARTITION BY contact_id)
        , 3) AS share
    FROM event WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s)
      AND category <> '' AND NOT is_machine GROUP BY contact_id, category) weighed
  GROUP BY contact_id)
INSERT INTO profile (id, tenant_id, contact_id, first_seen_at, last_seen_at, events, orders,
  revenue_cents, last_order_at, categories, top_category, messages, clicks, lifecycle, updated_at)
SELECT gen_random_uuid(), %(tenant)s, f.contact_id, first_seen, last_seen, events, orders, revenue,
  last_order, coalesce(categories, '{{}}'), coalesce(top, ''), messages, clicks,
  CASE WHEN orders = 0 AND coalesce(last_seen, first_seen) < now() - interval '60 days'
         THEN 'dormant'
       WHEN orders = 0 THEN 'visitor'
       WHEN last_order < now() - interval '120 days' THEN 'lapsed'
       WHEN orders = 1 THEN 'new' WHEN orders >= 5 THEN 'loyal' ELSE 'active' END, now()
FROM facts f LEFT JOIN tastes t ON t.contact_id = f.contact_id
ON CONFLICT (tenant_id, contact_id) DO UPDATE SET first_seen_at = excluded.first_seen_at,
  last_seen_at = excluded.last_seen_at, events = excluded.events, orders = excluded.orders,
  revenue_cents = excluded.revenue_cents, last_order_at = excluded.last_order_at,
  categories = excluded.categories, top_category = excluded.top_category,
  messages = excluded.messages, clicks = excluded.clicks, lifecycle = excluded.lifecycle,
  updated_at = excluded.updated_at"""  # noqa: S608


DROP_PROFILES_SQL = """
DELETE FROM profile p WHERE p.tenant_id = %(tenant)s AND p.contact_id = ANY(%(contacts)s)
  AND NOT EXISTS (SELECT 1 FROM event e WHERE e.tenant_id = %(tenant)s
                  AND e.contact_id = p.contact_id)"""  # a contact that was merged away


def take_changed(most: int) -> list[UUID]:
    """Take the contacts of the oldest `most` entries off the queue, with all their entries. The
    caller's transaction decides: a rollback puts them back."""
    values = {"tenant": current_tenant(), "most": most, "entries": most * 50}
    with connection.cursor() as cursor:
        cursor.execute(TAKE_SQL, values)
        return sorted({row[0] for row in cursor.fetchall()})


def fold(contacts: list[UUID]) -> None:
    """Work out traits and profile of these contacts again, from their events."""
    if not contacts:
        return
    values: dict[str, Any] = {"tenant": current_tenant(), "contacts": contacts}
    with connection.cursor() as cursor:
        for statement in (
            LOCK_SQL, OWNED_SQL, TRAITS_SQL, DROP_TRAITS_SQL, TRAIT_ROWS_SQL, PROFILE_SQL,
            DROP_PROFILES_SQL,
        ):  # fmt: skip
            cursor.execute(statement, values)


def queue_aged() -> int:
    """Queue contacts whose stage changes because time passed, not because they did something."""
    with connection.cursor() as cursor:
        cursor.execute(AGED_SQL, {"tenant": current_tenant()})
        return int(cursor.rowcount)
