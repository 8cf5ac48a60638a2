"""The few questions asked before a workspace is known, or beyond it, each answered by one database
function.

The functions run with the owner's rights and answer only for the secret or the person given, or for
the open workspace; rls.LINT lists them by name.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from attune.kernel.phrases import word
from tenants.roles import ALL_VERBS, AT_HOME, Role, verbs_of


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a workspace, as the request knows them. Who is here for the agency that the
    workspace is a client of (`visiting`) holds what they hold there, less roles.AT_HOME."""

    tenant_id: int
    slug: str
    name: str
    timezone: str
    currency: str
    role: str
    own_role: str  # the name of a role of the workspace's own
    verbs: frozenset[str]
    parent_id: int | None
    visiting: bool

    def can(self, verb: str) -> bool:
        """Whether they hold a verb. An unknown verb is a bug and raises KeyError."""
        if verb not in ALL_VERBS:
            raise KeyError(verb)
        return verb in self.verbs

    @property
    def role_name(self) -> str:
        return self.own_role or str(word(self.role))


@dataclass(frozen=True, slots=True)
class Key:
    """An API key that matched, still to be checked for expiry by the caller."""

    tenant_id: int
    id: uuid.UUID
    name: str
    kind: str
    scopes: tuple[str, ...]
    last_used_at: datetime | None
    created_by: int | None
    events_cap: int | None = None  # most events a month (caps.py)


@dataclass(frozen=True, slots=True)
class InvitationPlace:
    tenant_id: int
    id: uuid.UUID
    workspace: str
    email: str


@dataclass(frozen=True, slots=True)
class DueJob:
    tenant_id: int
    id: uuid.UUID
    queue: str


SQL = """
CREATE FUNCTION attune_memberships(who bigint)
RETURNS TABLE (tenant_id bigint, slug text, name text, role text, timezone text, currency text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT t.id, t.slug, t.name, m.role, t.timezone, t.currency
  FROM tenants_membership m JOIN tenants_tenant t ON t.id = m.tenant_id
  JOIN tenants_user u ON u.id = m.user_id
  WHERE m.user_id = who AND u.is_active AND t.status = 'active' ORDER BY t.name $$;
CREATE FUNCTION attune_api_key(digest text)
RETURNS TABLE (tenant_id bigint, id uuid, name text, kind text, scopes jsonb,
               last_used_at timestamptz, created_by bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT k.tenant_id, k.id, k.name, k.kind, k.scopes, k.last_used_at, k.created_by_id
  FROM tenants_apikey k JOIN tenants_tenant t ON t.id = k.tenant_id
  WHERE k.hash = digest AND k.revoked_at IS NULL AND t.status = 'active'
    AND (k.expires_at IS NULL OR k.expires_at > now()) $$;
CREATE FUNCTION attune_invitation(digest text)
RETURNS TABLE (tenant_id bigint, id uuid, workspace text, email text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT i.tenant_id, i.id, t.name, i.email
  FROM tenants_invitation i JOIN tenants_tenant t ON t.id = i.tenant_id
  WHERE i.token_hash = digest AND i.accepted_at IS NULL AND i.revoked_at IS NULL
    AND i.expires_at > now() AND t.status = 'active' $$;
CREATE FUNCTION attune_due_jobs(most int)
RETURNS TABLE (tenant_id bigint, id uuid, queue text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public AS $$
  UPDATE job SET published_at = clock_timestamp() FROM (
    SELECT j.id FROM job j WHERE
      (j.state = 'pending' AND j.run_at <= clock_timestamp()
       AND coalesce(j.published_at, '-infinity') < clock_timestamp() - interval '10 seconds'
       AND (j.published_at IS NOT NULL OR j.created_at < clock_timestamp() - interval '1 second'))
      OR (j.state = 'running' AND j.lease_until < clock_timestamp()
       AND coalesce(j.published_at, '-infinity') < clock_timestamp() - interval '10 seconds')
    ORDER BY j.run_at LIMIT most FOR UPDATE SKIP LOCKED) due
  WHERE job.id = due.id RETURNING job.tenant_id, job.id, job.queue $$;
CREATE FUNCTION attune_tenants() RETURNS TABLE (tenant_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT id FROM tenants_tenant WHERE status = 'active' ORDER BY id $$;
"""
COUNTS_SQL = """
CREATE FUNCTION attune_job_counts()
RETURNS TABLE (queue text, state text, n bigint, waiting float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT j.queue, j.state, count(*),
    coalesce(extract(epoch FROM now() - min(j.run_at) FILTER (WHERE j.run_at <= now())), 0)::float8
  FROM job j WHERE j.state <> 'done' GROUP BY j.queue, j.state $$;
"""
AGENCIES_SQL = """
DROP FUNCTION attune_memberships(bigint);
DROP FUNCTION attune_api_key(text);
CREATE FUNCTION attune_api_key(digest text)
RETURNS TABLE (tenant_id bigint, id uuid, name text, kind text, scopes jsonb,
               last_used_at timestamptz, created_by bigint, events_cap bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT k.tenant_id, k.id, k.name, k.kind, k.scopes, k.last_used_at, k.created_by_id,
    least((t.own_caps->>'events')::bigint, (t.agency_caps->>'events')::bigint,
          (t.house_caps->>'events')::bigint)
  FROM tenants_apikey k JOIN tenants_tenant t ON t.id = k.tenant_id
  WHERE k.hash = digest AND k.revoked_at IS NULL AND t.status = 'active'
    AND (k.expires_at IS NULL OR k.expires_at > now()) $$;
REVOKE EXECUTE ON FUNCTION attune_api_key(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION attune_api_key(text) TO attune_app;
CREATE FUNCTION attune_memberships(who bigint)
RETURNS TABLE (tenant_id bigint, slug text, name text, timezone text, currency text, role text,
               own_role text, roles text[], granted text[], parent_id bigint, visiting boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH own AS (
    SELECT m.tenant_id, m.role::text AS role, coalesce(c.name, '')::text AS own_role,
      m.role::text || ARRAY(
        SELECT t.role::text FROM team t JOIN team_member x ON x.team_id = t.id
          AND x.tenant_id = t.tenant_id
        WHERE x.user_id = who AND t.tenant_id = m.tenant_id) AS roles,
      ARRAY(
        SELECT jsonb_array_elements_text(r.verbs) FROM custom_role r
        WHERE r.tenant_id = m.tenant_id AND (r.id = m.custom_role_id OR EXISTS (
          SELECT 1 FROM team t JOIN team_member x ON x.team_id = t.id AND x.tenant_id = t.tenant_id
          WHERE x.user_id = who AND t.tenant_id = m.tenant_id AND t.custom_role_id = r.id))
      ) AS granted
    FROM tenants_membership m JOIN tenants_user u ON u.id = m.user_id
    LEFT JOIN custom_role c ON c.id = m.custom_role_id AND c.tenant_id = m.tenant_id
    WHERE m.user_id = who AND u.is_active
      AND (NOT m.for_agency OR EXISTS (  -- who is there for the agency is of the agency
        SELECT 1 FROM tenants_tenant t LEFT JOIN tenants_membership a
          ON a.tenant_id = t.parent_id AND a.user_id = who
        WHERE t.id = m.tenant_id AND (t.parent_id IS NULL OR a.id IS NOT NULL))))
  SELECT t.id, t.slug, t.name, t.timezone, t.currency, o.role, o.own_role, o.roles, o.granted,
         t.parent_id, false
  FROM own o JOIN tenants_tenant t ON t.id = o.tenant_id WHERE t.status = 'active'
  UNION ALL
  SELECT t.id, t.slug, t.name, t.timezone, t.currency, o.role, o.own_role, o.roles, o.granted,
         t.parent_id, true
  FROM own o JOIN tenants_tenant p ON p.id = o.tenant_id AND p.status = 'active'
  JOIN tenants_tenant t ON t.parent_id = p.id AND t.status = 'active'
  WHERE NOT EXISTS (SELECT 1 FROM own d WHERE d.tenant_id = t.id)
  ORDER BY 3, 1 $$;
REVOKE EXECUTE ON FUNCTION attune_memberships(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION attune_memberships(bigint) TO attune_app;
CREATE FUNCTION attune_clients()
RETURNS TABLE (tenant_id bigint, slug text, name text, status text, created_at timestamptz,
               currency text, agency_caps jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT t.id, t.slug, t.name, t.status, t.created_at, t.currency, t.agency_caps
  FROM tenants_tenant t WHERE t.parent_id = attune_tenant() ORDER BY t.name, t.id $$;
REVOKE EXECUTE ON FUNCTION attune_clients() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION attune_clients() TO attune_app;
CREATE FUNCTION attune_agency() RETURNS TABLE (slug text, name text, erase_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT p.slug, p.name, p.erase_at FROM tenants_tenant t
  JOIN tenants_tenant p ON p.id = t.parent_id WHERE t.id = attune_tenant() $$;
REVOKE EXECUTE ON FUNCTION attune_agency() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION attune_agency() TO attune_app;
CREATE FUNCTION attune_take_link(agency bigint, link text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH taken AS (
    UPDATE tenants_tenant SET client_link = '' WHERE id = agency AND client_link = link
      AND link <> '' AND status = 'active' RETURNING 1)
  SELECT EXISTS (SELECT 1 FROM taken) $$;
REVOKE EXECUTE ON FUNCTION attune_take_link(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION attune_take_link(bigint, text) TO attune_app;
CREATE FUNCTION attune_one_level() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.parent_id IS NULL THEN RETURN NEW; END IF;
  PERFORM 1 FROM tenants_tenant WHERE id IN (NEW.id, NEW.parent_id) ORDER BY id FOR UPDATE;
  IF EXISTS (SELECT 1 FROM tenants_tenant WHERE id = NEW.parent_id AND parent_id IS NOT NULL)
     OR EXISTS (SELECT 1 FROM tenants_tenant WHERE parent_id = NEW.id)
  THEN RAISE EXCEPTION 'a client has no clients of its own' USING ERRCODE = '23514'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER one_level BEFORE INSERT OR UPDATE OF parent_id ON tenants_tenant
  FOR EACH ROW EXECUTE FUNCTION attune_one_level();
CREATE FUNCTION attune_client_meters(since date)
RETURNS TABLE (tenant_id bigint, kind text, total bigint, most bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT m.tenant_id, m.kind::text, sum(m.n)::bigint, max(m.n)
  FROM meter m JOIN tenants_tenant t ON t.id = m.tenant_id
  WHERE t.parent_id = attune_tenant() AND m.day >= since GROUP BY m.tenant_id, m.kind $$;
REVOKE EXECUTE ON FUNCTION attune_client_meters(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION attune_client_meters(date) TO attune_app;
"""
PARTED_SQL = """
CREATE FUNCTION attune_tell_agency(told jsonb) RETURNS bigint  -- of the open workspace; its number
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH agency AS (
    SELECT p.id, p.slug FROM tenants_tenant t JOIN tenants_tenant p ON p.id = t.parent_id
    WHERE t.id = attune_tenant()),
  said AS (
    INSERT INTO tenants_notice (id, tenant_id, created_at, user_id, text, url)
    SELECT gen_random_uuid(), a.id, now(), m.user_id, told, '/w/' || a.slug || '/clients'
    FROM agency a JOIN tenants_membership m ON m.tenant_id = a.id
    WHERE m.role IN ('owner', 'admin'))
  SELECT id FROM agency $$;
REVOKE EXECUTE ON FUNCTION attune_tell_agency(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION attune_tell_agency(jsonb) TO attune_app;
"""
DROP_PARTED_SQL = "DROP FUNCTION attune_tell_agency(jsonb);"
DROP_COUNTS_SQL = "DROP FUNCTION attune_job_counts();"
DROP_SQL = """
DROP FUNCTION attune_memberships(bigint); DROP FUNCTION attune_api_key(text);
DROP FUNCTION attune_invitation(text); DROP FUNCTION attune_due_jobs(int);
DROP FUNCTION attune_tenants();
"""


def digest(secret: str) -> str:
    """What is stored of a high-entropy secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _rows(sql: str, *values: str | int) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def memberships_of(user_id: int) -> list[Member]:
    """Workspaces that a person may open, by name: those they are a member of, and the clients of
    an agency that lets them in there (`clients.enter`)."""
    return [
        member for row in _rows("SELECT * FROM attune_memberships(%s)", user_id)
        if (member := _member(*row)) is not None
    ]  # fmt: skip


def _member(
    tenant_id: int, slug: str, name: str, zone: str, currency: str, role: str, own_role: str,
    roles: list[str], granted: list[str], parent_id: int | None, visiting: bool,
) -> Member | None:  # fmt: skip
    verbs = verbs_of(*roles, granted=granted)
    if visiting:
        if "clients.enter" not in verbs:
            return None
        verbs, role = verbs - AT_HOME, Role.ADMIN if role == Role.OWNER else role
    return Member(tenant_id, slug, name, zone, currency, role, own_role, verbs, parent_id, visiting)


def key_of(secret: str) -> Key | None:
    rows = _rows(
        "SELECT tenant_id, id, name, kind, scopes::text[], last_used_at, created_by, events_cap "
        "FROM ("
        "SELECT tenant_id, id, name, kind, last_used_at, created_by, events_cap, "
        "ARRAY(SELECT jsonb_array_elements_text(scopes)) AS scopes FROM attune_api_key(%s)) k",
        digest(secret),
    )
    if not rows:
        return None
    tenant_id, key_id, name, kind, scopes, used, maker, cap = rows[0]
    return Key(tenant_id, key_id, name, kind, tuple(scopes), used, maker, cap)


def invitation_of(token: str) -> InvitationPlace | None:
    rows = _rows("SELECT * FROM attune_invitation(%s)", digest(token))
    return InvitationPlace(*rows[0]) if rows else None


def due_jobs(most: int = 200) -> list[DueJob]:
    return [DueJob(*row) for row in _rows("SELECT * FROM attune_due_jobs(%s)", most)]


def active_tenants() -> list[int]:
    return [row[0] for row in _rows("SELECT * FROM attune_tenants()")]


def next_tenant_id() -> int:
    return _rows("SELECT nextval(pg_get_serial_sequence('tenants_tenant', 'id'))")[0][0]
