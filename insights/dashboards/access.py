"""A read-only SQL schema of one workspace, for Tableau, Power BI and the like.

The schema holds views that name their workspace, owned by the owner of the tables; the login may
read those views and nothing else: no table, no function of ours and no other schema; it may make no
table and no large object, and open four connections. That transactions are read-only and statements
end after a minute are settings that a login can change for itself, so give it to people whom you
trust with the server's time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connections
from django.utils.crypto import get_random_string
from psycopg import sql

CONNECTIONS, TIMEOUT = 4, "60s"
LARGE_OBJECTS = ("lo_create(oid)", "lo_creat(integer)", "lo_from_bytea(oid, bytea)",
                 "lo_put(oid, bigint, bytea)", "lowrite(integer, bytea)")  # fmt: skip
VIEWS: dict[str, str] = {
    "campaigns": """SELECT c.id, c.name, c.via, c.channel, c.state, s.name AS audience,
        c.launched_at, c.planned, k.fixed_cents, k.message_micros
        FROM public.campaign c JOIN public.segment s ON s.id = c.audience_id AND s.tenant_id = {t}
        LEFT JOIN public.campaign_cost k ON k.campaign_id = c.id AND k.tenant_id = {t}
        WHERE c.tenant_id = {t}""",
    "sends": """SELECT id, campaign_id, contact_id, decision_id, revision_id, state, sent_at
        FROM public.send WHERE tenant_id = {t}""",
    "decisions": """SELECT id, source, source_id, contact_id, action, propensity, mode, version, at
        FROM public.decision WHERE tenant_id = {t}""",
    "rewards": """SELECT r.decision_id, m.key AS metric, r.event_id, r.value, r.observed_at
        FROM public.reward r JOIN public.metric m ON m.id = r.metric_id AND m.tenant_id = {t}
        WHERE r.tenant_id = {t}""",
    "contacts": """SELECT c.id, c.status, c.created_at, p.lifecycle, p.orders, p.revenue_cents,
        p.first_seen_at, p.last_seen_at, p.last_order_at, p.top_category
        FROM public.contact c LEFT JOIN public.profile p ON p.contact_id = c.id
         AND p.tenant_id = {t} WHERE c.tenant_id = {t}""",
    "segment_members": """SELECT m.segment_id, s.name AS segment, m.contact_id,
        m.created_at AS entered_at, m.left_at FROM public.segment_membership m
        JOIN public.segment s ON s.id = m.segment_id AND s.tenant_id = {t}
        WHERE m.tenant_id = {t}""",
    "events_by_day": "SELECT day, name, n FROM public.event_count WHERE tenant_id = {t}",
    "texts": """SELECT d.id, s.name AS source, s.kind, p.name AS product, d.at, d.language,
        d.rating, d.title, d.text, d.weight, r.feeling, r.negative, r.neutral, r.positive,
        b.topic_id
        FROM public.insight_document d
        JOIN public.insight_source s ON s.id = d.source_id AND s.tenant_id = {t}
        LEFT JOIN public.product p ON p.id = d.product_id AND p.tenant_id = {t}
        LEFT JOIN public.reading r ON r.document_id = d.id AND r.tenant_id = {t}
        LEFT JOIN public.topic_belonging b ON b.document_id = d.id AND b.tenant_id = {t}
        WHERE d.tenant_id = {t} AND d.state = 'read'""",
    "mentions": """SELECT m.document_id, f.label AS feature, p.name AS product, m.polarity,
        m.confidence, m.at, m.weight FROM public.mention m
        JOIN public.feature f ON f.id = m.feature_id AND f.tenant_id = {t}
        LEFT JOIN public.product p ON p.id = m.product_id AND p.tenant_id = {t}
        WHERE m.tenant_id = {t}""",
    "topics": "SELECT id, label, state, pinned FROM public.topic WHERE tenant_id = {t}",
    "findings": """SELECT id, kind, state, about, effect, low, high, q, n, measured_at
        FROM public.finding WHERE tenant_id = {t}""",
}  # fmt: skip


@contextmanager
def _owner() -> Iterator[Any]:
    """A cursor of the login that may create roles, outside of Django's transactions: logins and
    schemas are made for the server."""
    login = connections["owner"].get_connection_params()
    names = ("host", "port", "dbname", "user", "password")
    with psycopg.connect(**{n: login[n] for n in names if login.get(n)}) as link:
        yield link.cursor()


def name_of(tenant_id: int) -> str:
    """Of the login and of the schema."""
    return f"attune_read_{tenant_id}"


def open_access(tenant_id: int) -> str:
    """Make the schema and the login, or make them anew; the new password. Needs a login that may
    create roles (DATABASE_ADMIN_URL)."""
    name, password = name_of(tenant_id), get_random_string(32)
    with _owner() as cursor:
        role, schema = sql.Identifier(name), sql.Identifier(name)
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
        verb = "ALTER" if cursor.fetchone() else "CREATE"
        cursor.execute(sql.SQL(
            "{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOINHERIT "
            "CONNECTION LIMIT {most} PASSWORD {password}"
        ).format(verb=sql.SQL(verb), role=role, most=sql.Literal(CONNECTIONS),
                 password=sql.Literal(password)))  # fmt: skip
        for setting, value in (("search_path", name), ("default_transaction_read_only", "on"),
                               ("statement_timeout", TIMEOUT)):  # fmt: skip
            cursor.execute(sql.SQL("ALTER ROLE {role} SET {setting} = {value}").format(
                role=role, setting=sql.Identifier(setting), value=sql.Literal(value)))  # fmt: skip
        cursor.execute("GRANT USAGE ON SCHEMA public TO attune_app")
        cursor.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {s} CASCADE").format(s=schema))
        _make_schema(cursor, schema, tenant_id)
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA {s} TO {r}").format(s=schema, r=role))
        cursor.execute(
            sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {s} TO {r}").format(s=schema, r=role)
        )
    return password


def _make_schema(cursor: Any, schema: sql.Identifier, tenant_id: int) -> None:
    run = cursor.execute
    run("SELECT current_database()")
    database = cursor.fetchone()[0]
    run(sql.SQL("GRANT CREATE ON DATABASE {d} TO attune_owner").format(d=sql.Identifier(database)))
    run(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {d} TO attune_app").format(
        d=sql.Identifier(database)))  # fmt: skip
    run(sql.SQL("REVOKE TEMPORARY ON DATABASE {d} FROM PUBLIC").format(d=sql.Identifier(database)))
    for function in LARGE_OBJECTS:  # they fill the disk; nothing of ours uses them
        try:
            with cursor.connection.transaction():
                run(f"REVOKE EXECUTE ON FUNCTION pg_catalog.{function} FROM PUBLIC")
        except psycopg.errors.InsufficientPrivilege:  # a managed server keeps them to itself
            break
    run(sql.SQL("CREATE SCHEMA {s} AUTHORIZATION attune_owner").format(s=schema))
    for view, query in VIEWS.items():
        run(sql.SQL("CREATE VIEW {s}.{v} WITH (security_barrier) AS ").format(
            s=schema, v=sql.Identifier(view))
            + sql.SQL(query.replace("{t}", str(int(tenant_id)))))  # fmt: skip
        run(sql.SQL("ALTER VIEW {s}.{v} OWNER TO attune_owner").format(
            s=schema, v=sql.Identifier(view)))  # fmt: skip


def close_access(tenant_id: int) -> None:
    """The login ends, open connections with it, and the schema goes."""
    name = name_of(tenant_id)
    with _owner() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
                       [name])  # fmt: skip
        cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {s} CASCADE").format(s=sql.Identifier(name)))
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
        if cursor.fetchone():
            cursor.execute(sql.SQL("DROP OWNED BY {r}").format(r=sql.Identifier(name)))
            cursor.execute(sql.SQL("DROP ROLE {r}").format(r=sql.Identifier(name)))


def is_open(tenant_id: int) -> bool:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name_of(tenant_id)])
        return cursor.fetchone() is not None


def columns(tenant_id: int) -> list[tuple[str, list[str]]]:
    """The views and their columns, as they would be made for this workspace."""
    found = []
    with connections["default"].cursor() as cursor:
        for view, query in VIEWS.items():
            wanted = query.replace("{t}", str(int(tenant_id)))
            cursor.execute(f"SELECT * FROM ({wanted}) q LIMIT 0")  # noqa: S608 - constants
            found.append((view, [column.name for column in cursor.description or []]))
    return found
