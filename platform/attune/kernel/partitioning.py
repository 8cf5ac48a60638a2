"""A tenant table cut into parts by workspace: each workspace's rows lie in one part, so that its
indexes stay small and the parts can be kept, moved and vacuumed one by one.

Every key of a tenant table begins with the workspace, so that hash partitioning (and a distributed
table of Citus, whose rules are the same) asks for nothing but the primary key (tenant_id, id).
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from attune.kernel.rls import protect_sql

MOST_PARTS = 1024
CONSTRAINTS_SQL = """
SELECT conname, pg_get_constraintdef(oid), contype, conrelid::regclass::text FROM pg_constraint
WHERE {} = %s::regclass AND contype = ANY(%s) AND conparentid = 0 ORDER BY contype DESC, conname"""
INDEXES_SQL = """
SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i
LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid
WHERE i.indrelid = %s::regclass AND c.oid IS NULL"""
TRIGGERS_SQL = """
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal"""
RIGHTS_SQL = """
SELECT grantee, string_agg(privilege_type, ', ') FROM information_schema.role_table_grants
WHERE table_schema = 'public' AND table_name = %s AND grantee <> %s GROUP BY grantee"""


@dataclass(frozen=True, slots=True)
class Key:
    """A constraint as the catalog tells it."""

    name: str
    definition: str
    kind: str
    table: str


def partition(connection: BaseDatabaseWrapper, table: str, parts: int) -> int:
    """Cut a table into parts, as its owner and in one transaction that nobody else writes into;
    the rows moved. Raises ValueError for what is no whole tenant table."""
    if not 2 <= parts <= MOST_PARTS:
        raise ValueError(f"Cut it into 2 to {MOST_PARTS} parts.")
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        _check(cursor, table)
        cursor.execute(f'LOCK TABLE "{table}" IN ACCESS EXCLUSIVE MODE')
        own = _keys(cursor, "conrelid", table, ["u", "f"])
        inward = [k for k in _keys(cursor, "confrelid", table, ["f"]) if k.table != table]
        indexes, triggers = (
            _column(cursor, INDEXES_SQL, table),
            _column(cursor, TRIGGERS_SQL, table),
        )
        cursor.execute("SELECT current_user")
        owner = cursor.fetchone()[0]
        cursor.execute(RIGHTS_SQL, [table, owner])
        rights = cursor.fetchall()
        moved = _move(cursor, table, parts)
        cursor.execute(f'ALTER TABLE "{table}" ADD PRIMARY KEY (tenant_id, id)')
        for key in own:
            cursor.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT "{key.name}" {key.definition}')
        for key in inward:
            cursor.execute(f'ALTER TABLE {key.table} ADD CONSTRAINT "{key.name}" {key.definition}')
        for definition in (*indexes, *triggers):
            cursor.execute(definition)
        for grantee, verbs in rights:
            cursor.execute(f'GRANT {verbs} ON "{table}" TO "{grantee}"')
        _protect(cursor, table, parts)
    return moved


def _check(cursor: CursorWrapper, table: str) -> None:
    cursor.execute(
        "SELECT c.relkind FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relname = %s AND a.attname = 'tenant_id' "
        "AND c.relnamespace = 'public'::regnamespace",
        [table],
    )
    row = cursor.fetchone()
    if row is None:
        raise ValueError(f"There is no tenant table {table!r}.")
    if row[0] != "r":
        raise ValueError(f"{table!r} is cut into parts already.")


def _keys(cursor: CursorWrapper, side: str, table: str, kinds: list[str]) -> list[Key]:
    cursor.execute(CONSTRAINTS_SQL.format(side), [table, kinds])
    return [Key(*row) for row in cursor.fetchall()]


def _column(cursor: CursorWrapper, query: str, table: str) -> list[str]:
    cursor.execute(query, [table])
    return [row[0] for row in cursor.fetchall()]


def _move(cursor: CursorWrapper, table: str, parts: int) -> int:
    """The rows into the parts; the old table is gone after that, and what pointed at it."""
    whole = f"{table}_whole"
    cursor.execute(f'ALTER TABLE "{table}" RENAME TO "{whole}"')
    cursor.execute(
        f'CREATE TABLE "{table}" (LIKE "{whole}" INCLUDING DEFAULTS INCLUDING CONSTRAINTS '
        "INCLUDING GENERATED INCLUDING STORAGE) PARTITION BY HASH (tenant_id)"
    )
    for n in range(parts):
        cursor.execute(
            f'CREATE TABLE "{table}_p{n}" PARTITION OF "{table}" '
            f"FOR VALUES WITH (MODULUS {parts}, REMAINDER {n})"
        )
    cursor.execute(f'INSERT INTO "{table}" SELECT * FROM "{whole}"')  # noqa: S608
    moved = cursor.rowcount
    cursor.execute(f'DROP TABLE "{whole}" CASCADE')
    return moved


def _protect(cursor: CursorWrapper, table: str, parts: int) -> None:
    """Row-level security of the whole, and of each part, which the application never names."""
    for name in (table, *(f"{table}_p{n}" for n in range(parts))):
        for statement in protect_sql(name):
            cursor.execute(statement)
    for n in range(parts):
        cursor.execute(f'REVOKE ALL ON "{table}_p{n}" FROM PUBLIC, attune_app')


def composite_primary_keys(connection: BaseDatabaseWrapper) -> list[str]:
    """Give every tenant table that has not got it the primary key (tenant_id, id), as distributed
    tables ask for; the tables changed."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, k.conname FROM pg_class c "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
            "JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p' "
            "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') "
            "AND NOT c.relispartition AND array_length(k.conkey, 1) = 1 ORDER BY 1"
        )
        found = cursor.fetchall()
        for table, key in found:
            cursor.execute(
                f'ALTER TABLE "{table}" DROP CONSTRAINT "{key}", ADD PRIMARY KEY (tenant_id, id)'
            )
    return [table for table, _ in found]
