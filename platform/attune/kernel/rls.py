"""Row-level security and composite keys, written by migrations; and the catalog lint."""

from __future__ import annotations

from typing import Any

from django.db import connections, models
from django.db.migrations.operations.base import Operation

from attune.kernel.tenancy import TenantForeignKey

ENTER_BODY = """
  SELECT set_config('attune.tenant_id', t::text, true),
         set_config('attune.tenant_ts', extract(epoch FROM transaction_timestamp())::text, true);
"""
TENANT_BODY = """
DECLARE v text := current_setting('attune.tenant_id', true);
BEGIN
  IF v IS NULL OR v = '' OR current_setting('attune.tenant_ts', true)
     IS DISTINCT FROM extract(epoch FROM transaction_timestamp())::text
  THEN RAISE EXCEPTION 'tenant context not set' USING ERRCODE = '42501'; END IF;
  RETURN v::bigint;
END """
FUNCTIONS_SQL = f"""
CREATE OR REPLACE FUNCTION attune_enter(t bigint) RETURNS void LANGUAGE sql AS $${ENTER_BODY}$$;
CREATE OR REPLACE FUNCTION attune_tenant() RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $${TENANT_BODY}$$;
"""

POLICY = "tenant_isolation"


def protect_sql(table: str) -> list[str]:
    """SQL that isolates one table. Idempotent."""
    name = f'"{table}"'
    return [
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
        f"DROP POLICY IF EXISTS {POLICY} ON {name}",
        f"CREATE POLICY {POLICY} ON {name} USING (tenant_id = (SELECT attune_tenant())) "
        "WITH CHECK (tenant_id = (SELECT attune_tenant()))",
    ]


def foreign_key_sql(table: str, column: str, target: str) -> list[str]:
    """A composite key: the row and what it points to belong to one tenant. Idempotent."""
    name = f"{table}_{column}_tenant_fk"[:63]
    return [
        f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{name}"',
        f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY (tenant_id, "{column}") '
        f'REFERENCES "{target}" (tenant_id, id) DEFERRABLE INITIALLY DEFERRED',
    ]


def _tenant_models(state: Any, app_label: str) -> list[type[models.Model]]:
    return [
        model
        for model in state.apps.get_models()
        if model._meta.app_label == app_label
        and any(f.name == "tenant_id" for f in model._meta.local_fields)
    ]


class ProtectTenantTables(Operation):
    """Put every tenant table of an app behind row-level security, with composite keys.

    Runs last in each migration that adds a tenant table; running it again changes nothing.
    """

    reduces_to_sql = False
    reversible = True

    def __init__(self, app_label: str) -> None:
        self.protected_label = app_label

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The model state does not change."""

    def database_forwards(self, app_label: str, editor: Any, old: Any, new: Any) -> None:
        tables = _tenant_models(new, self.protected_label)
        for model in tables:
            table = model._meta.db_table
            key = f"{table}_tenant_key"[:63]
            editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{key}" CASCADE')
            editor.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT "{key}" UNIQUE (tenant_id, id)')
        for model in tables:
            for statement in protect_sql(model._meta.db_table):
                editor.execute(statement)
        self._keys(editor, new)

    def _keys(self, editor: Any, new: Any) -> None:
        """Composite keys of, and into, the app's tables (a re-made unique key drops those)."""
        for model in new.apps.get_models():
            for field in model._meta.local_fields:
                if not isinstance(field, TenantForeignKey):
                    continue
                target = field.related_model._meta
                if self.protected_label in (model._meta.app_label, target.app_label):
                    table = model._meta.db_table
                    for statement in foreign_key_sql(table, field.column, target.db_table):
                        editor.execute(statement)

    def database_backwards(self, app_label: str, editor: Any, old: Any, new: Any) -> None:
        """Dropping the tables drops their policies."""

    def describe(self) -> str:
        return f"Protect the tenant tables of {self.protected_label}"


LINT: dict[str, str] = {
    "a tenant table without forced row-level security": """
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relkind IN ('r','p') AND a.attname = 'tenant_id' AND NOT a.attisdropped
          AND c.relnamespace = 'public'::regnamespace
          AND NOT (c.relrowsecurity AND c.relforcerowsecurity)""",
    "a tenant table whose policy is missing or not the standard one": f"""
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relkind IN ('r','p') AND a.attname = 'tenant_id' AND NOT a.attisdropped
          AND c.relnamespace = 'public'::regnamespace AND (
            (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) <> 1
            OR NOT EXISTS (SELECT 1 FROM pg_policies p WHERE p.schemaname = 'public'
              AND p.tablename = c.relname AND p.policyname = '{POLICY}'
              AND p.qual = '(tenant_id = ( SELECT attune_tenant() AS attune_tenant))'
              AND p.with_check = p.qual))""",
    "a tenant column that may be null": """
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relkind IN ('r','p') AND a.attname = 'tenant_id' AND NOT a.attnotnull
          AND NOT a.attisdropped AND c.relnamespace = 'public'::regnamespace""",
    "a single-column foreign key between tenant tables": """
        SELECT con.conname FROM pg_constraint con
        JOIN pg_attribute s ON s.attrelid = con.conrelid AND s.attname = 'tenant_id'
        JOIN pg_attribute t ON t.attrelid = con.confrelid AND t.attname = 'tenant_id'
        WHERE con.contype = 'f' AND array_length(con.conkey, 1) = 1""",
    "a unique key that does not start with the tenant": """
        SELECT i.indexrelid::regclass::text FROM pg_index i
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = 'tenant_id'
        JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace
        WHERE i.indisunique AND NOT i.indisprimary AND i.indkey[0] <> a.attnum""",
    "a right the application role must not have": """
        SELECT table_name || ' ' || privilege_type FROM information_schema.role_table_grants
        WHERE grantee = 'attune_app' AND privilege_type IN ('TRUNCATE','TRIGGER','REFERENCES')
          AND table_schema = 'public'""",
    "a view or materialized view": """
        SELECT relname FROM pg_class WHERE relkind IN ('v','m')
          AND relnamespace = 'public'::regnamespace""",
    "a security definer function that is not on the list": """
        SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace
          AND proname <> ALL(ARRAY['attune_memberships','attune_api_key','attune_invitation',
                                   'attune_due_jobs','attune_tenants','attune_job_counts',
                                   'attune_inbox', 'attune_near_texts', 'attune_forget_events',
                                   'attune_strip_events', 'attune_forget_decisions',
                                   'attune_forget_audit', 'attune_erase_workspace',
                                   'attune_clients', 'attune_client_meters',
                                   'attune_agency', 'attune_one_level', 'attune_take_link',
                                   'attune_tell_agency'])""",
    "a security definer function that a temporary table could lead astray": """
        SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace
          AND NOT coalesce(array_to_string(proconfig, ',') LIKE '%search_path=public, pg_temp%',
                           false)""",
    "an application role that can bypass row-level security": """
        SELECT rolname FROM pg_roles WHERE rolname = 'attune_app'
          AND (rolsuper OR rolbypassrls OR rolcreaterole)""",
    "an application role that may become the owner": """
        SELECT rolname FROM pg_roles WHERE rolname = 'attune_app'
          AND pg_has_role('attune_app', 'attune_owner', 'MEMBER')""",
    "a table or function that the application role owns": """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
          AND relowner = 'attune_app'::regrole
        UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
          AND proowner = 'attune_app'::regrole""",
    "a schema in which the application role may create": """
        SELECT nspname FROM pg_namespace WHERE nspname = 'public'
          AND has_schema_privilege('attune_app', oid, 'CREATE')""",
    "a tenant function that is not the standard one": f"""
        SELECT want.name FROM (VALUES
          ('attune_tenant', 's', $body${TENANT_BODY}$body$),
          ('attune_enter', 'v', $body${ENTER_BODY}$body$)) AS want(name, volatility, source)
        WHERE NOT EXISTS (SELECT 1 FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
          AND p.proname = want.name AND p.provolatile = want.volatility::"char"
          AND p.prosrc = want.source AND NOT p.prosecdef)""",
}


def catalog_findings(alias: str = "default") -> list[str]:
    """Every defect the catalog lint knows, as sentences. Empty is good."""
    findings = []
    with connections[alias].cursor() as cursor:
        for title, query in LINT.items():
            cursor.execute(query)
            findings += [f"{title}: {row[0]}" for row in cursor.fetchall()]
        cursor.execute(
            "SELECT current_user, rolsuper OR rolbypassrls FROM pg_roles "
            "WHERE rolname = current_user"
        )
        role, bypasses = cursor.fetchone()
        if bypasses:
            findings.append(f"the connection's role can bypass row-level security: {role}")
    return findings
