"""A workspace as one file: copied whole, and put back with a proof that it is the same.

The file is a zip: `manifest.json` with the rows and a checksum of every table, `rows/<table>.jsonl`
as the database writes them, and the uploaded files. Everything is read in one snapshot.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

import orjson
from django.apps import apps
from django.core.files.storage import default_storage
from django.db import models, transaction
from django.db.backends.utils import CursorWrapper
from django.db.migrations.recorder import MigrationRecorder

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import TenantModel
from attune.kernel.phrases import say
from attune.kernel.tenancy import TenantForeignKey, current_tenant
from tenants.models import Tenant, User, WorkspaceCopy

FORMAT = 1
BATCH = 500
AWAY: dict[str, Any] = {
    "house_caps": {},
    "client_link": "",
    "erase_at": None,
    "parent_id": None,
    "agency_caps": {},
}  # does not come with a copy
PASSING = {"job", "idempotency_record", "workspace_copy"}  # work in progress, and copies themselves
PEOPLE = {
    "author_id",
    "launched_by",
    "submitted_by",
    "assigned_to",
    "by_id",
    "made_by",
    "accepted_by",
    "agent_id",
    "asked_by",
}  # ids of people that are no foreign keys


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a copy holds: {table: (rows, checksum)}, and the code that made it."""

    tenant: dict[str, Any]
    members: dict[str, str]  # the ids of people in it, and their addresses
    tables: dict[str, tuple[int, str]]
    migrations: list[str]
    made_at: str

    def stored(self) -> bytes:
        told = {"format": FORMAT, "tenant": self.tenant, "members": self.members,
                "tables": self.tables, "migrations": self.migrations,
                "made_at": self.made_at}  # fmt: skip
        return orjson.dumps(told, option=orjson.OPT_INDENT_2, default=str)


def tables() -> list[type[models.Model]]:
    """Tables of a workspace's rows."""
    found = [m for m in apps.get_models() if issubclass(m, TenantModel)]
    return [m for m in found if m._meta.db_table not in PASSING]


def named(model: type[models.Model]) -> list[str]:
    """Columns of a table that name people by their ids."""
    return [
        str(f.column) for f in model._meta.local_fields
        if (isinstance(f, models.ForeignKey) and f.related_model is User)
        or (isinstance(f, models.BigIntegerField) and f.column in PEOPLE)
    ]  # fmt: skip


def _row(model: type[models.Model]) -> str:
    """A row as JSON in SQL, without what points to work in progress."""
    gone = [
        f.column for f in model._meta.local_fields
        if isinstance(f, TenantForeignKey) and f.related_model._meta.db_table in PASSING
    ]  # fmt: skip
    nothing = "".join(f" || '{{\"{column}\": null}}'" for column in gone)
    return f"(to_jsonb(t){nothing})::text"


def checksum(
    cursor: CursorWrapper, model: type[models.Model], tenant_id: int
) -> tuple[int, str]:  # fmt: skip
    """Rows of a table and a digest of all they hold, whatever their order on disk."""
    cursor.execute(
        f"SELECT count(*), coalesce(md5(string_agg(md5({_row(model)}), '' ORDER BY t.id)), '') "  # noqa: S608
        f'FROM "{model._meta.db_table}" t WHERE tenant_id = %s',
        [tenant_id],
    )
    n, digest = cursor.fetchone()
    return int(n), str(digest)


def migrations() -> list[str]:
    """What was applied to the database, in order: a copy is put back under the same."""
    rows = MigrationRecorder.Migration.objects.order_by("id")
    return [f"{row.app}.{row.name}" for row in rows]


def write(cursor: CursorWrapper, tenant: Tenant, file: IO[bytes]) -> Manifest:
    """Copy the open workspace. The caller's transaction is repeatable read, so that all of it is of
    one moment."""
    found: dict[str, tuple[int, str]] = {}
    people: set[int] = set()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as whole:
        for model in tables():
            table = model._meta.db_table
            with whole.open(f"rows/{table}.jsonl", "w", force_zip64=True) as out:
                for line in _lines(cursor, model, tenant.pk):
                    out.write(line.encode() + b"\n")
            found[table] = checksum(cursor, model, tenant.pk)
            people |= _people(model)
        for name in _all_files(tenant):
            if default_storage.exists(name):
                with default_storage.open(name) as source, whole.open(f"files/{name}", "w") as out:
                    for block in source.chunks():
                        out.write(block)
        cursor.execute("SELECT to_jsonb(t)::text FROM tenants_tenant t WHERE id = %s", [tenant.pk])
        own = orjson.loads(cursor.fetchone()[0])
        members = User.objects.filter(pk__in=people).values_list("pk", "email")
        manifest = Manifest(own, {str(pk): mail for pk, mail in members}, found, migrations(),
                            datetime.now(UTC).isoformat())  # fmt: skip
        whole.writestr("manifest.json", manifest.stored())
    return manifest


def _lines(
    cursor: CursorWrapper, model: type[models.Model], tenant_id: int
) -> Iterator[str]:  # fmt: skip
    after, table = None, model._meta.db_table
    while True:
        cursor.execute(
            f'SELECT id, {_row(model)} FROM "{table}" t WHERE tenant_id = %s '  # noqa: S608
            "AND (%s::uuid IS NULL OR id > %s::uuid) ORDER BY id LIMIT 2000",
            [tenant_id, after, after],
        )
        rows = cursor.fetchall()
        yield from (row[1] for row in rows)
        if not rows:
            return
        after = rows[-1][0]


def _people(model: type[models.Model]) -> set[int]:
    """Ids of people that a table points to."""
    columns = named(model)
    fields = [f.attname for f in model._meta.local_fields if f.column in columns]
    found: set[int] = set()
    for name in fields:
        rows = model._default_manager.exclude(**{name: None}).values_list(name, flat=True)
        found |= set(rows.distinct())
    return found


def _files() -> Iterator[str]:
    for model in tables():
        for field in model._meta.local_fields:
            if isinstance(field, models.FileField):
                yield from model._default_manager.exclude(**{field.name: ""}).values_list(
                    field.name, flat=True
                )


def _all_files(tenant: Tenant) -> Iterator[str]:
    """Names of every uploaded file, the workspace's own picture among them."""
    yield from _files()
    if tenant.brand_logo:
        yield str(tenant.brand_logo.name)


def read(file: IO[bytes]) -> tuple[zipfile.ZipFile, dict[str, Any]]:
    """A copy and its manifest. Raises Invalid for anything else, and for one of other code."""
    try:
        whole = zipfile.ZipFile(file)
        told = json.loads(whole.read("manifest.json"))
    except (zipfile.BadZipFile, KeyError, ValueError) as wrong:
        raise Invalid.one("file", say("This is no copy of a workspace: %(why)s",
                                      why=str(wrong))) from wrong  # fmt: skip
    if told.get("format") != FORMAT or sorted(told["migrations"]) != sorted(migrations()):
        raise Invalid.one("file", say("The copy was made by another version of Attune; put it back "
                                      "with that one, then upgrade."))  # fmt: skip
    return whole, told


def restore(cursor: CursorWrapper, file: IO[bytes]) -> dict[str, Any]:
    """Put a copy back, as the owner of the tables and in one transaction; the manifest. Raises
    Conflict where the workspace is there, or where what was written is not what was copied."""
    whole, told = read(file)
    own = told["tenant"]
    cursor.execute("SELECT attune_enter(%s)", [own["id"]])
    cursor.execute("SELECT slug FROM tenants_tenant WHERE id = %s", [own["id"]])
    there = cursor.fetchone()
    if there is not None and there[0] == own["slug"]:
        raise Conflict(say("This workspace is there already."))
    if there is not None:
        raise Conflict(say("Another workspace has its number here: put it back in an Attune of its "
                           "own."))  # fmt: skip
    people = {int(pk): _person(cursor, mail) for pk, mail in told["members"].items()}
    cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    _insert(cursor, "tenants_tenant", [orjson.dumps({**own, **AWAY}).decode()])
    cursor.execute(
        "SELECT setval(pg_get_serial_sequence('tenants_tenant', 'id'), greatest(%s, "
        "(SELECT last_value FROM tenants_tenant_id_seq)))", [own["id"]],
    )  # fmt: skip
    for model in tables():
        _fill(cursor, whole, model, people)
    for name in whole.namelist():
        if name.startswith("files/") and not default_storage.exists(name[6:]):
            with whole.open(name) as source:
                default_storage.save(name[6:], source)
    moved = any(old != new for old, new in people.items())
    wrong = [
        model._meta.db_table for model in tables()
        if _differs(cursor, model, own["id"], told["tables"][model._meta.db_table], moved=moved)
    ]  # fmt: skip
    if wrong:
        raise Conflict(say("What was put back is not what was copied: %(names)s.", names=wrong))
    return told


def _differs(
    cursor: CursorWrapper, model: type[models.Model], tenant_id: int, copied: tuple[int, str], *,
    moved: bool,
) -> bool:  # fmt: skip
    """Only tables that name people are counted alone, and only where these have other numbers
    here."""
    n, digest = checksum(cursor, model, tenant_id)
    if (n, digest) == tuple(copied):
        return False
    acts = model._meta.db_table == "audit_entry"
    return not (moved and (acts or named(model)) and n == copied[0])


def _person(cursor: CursorWrapper, mail: str) -> int:
    """The person of an address, made without a password where there is none."""
    cursor.execute("SELECT id FROM tenants_user WHERE lower(email) = lower(%s)", [mail])
    row = cursor.fetchone()
    if row is None:
        cursor.execute(
            "INSERT INTO tenants_user (password, email, name, is_active, is_staff, theme, language)"
            " VALUES ('!', %s, '', true, false, 'auto', '') RETURNING id", [mail],
        )  # fmt: skip
        row = cursor.fetchone()
    return int(row[0])


def _fill(
    cursor: CursorWrapper, whole: zipfile.ZipFile, model: type[models.Model], people: dict[int, int]
) -> None:
    table, columns = model._meta.db_table, named(model)
    waiting: list[str] = []
    with whole.open(f"rows/{table}.jsonl") as lines:
        for line in lines:
            text = line.decode()
            if columns or table == "audit_entry":
                row = orjson.loads(text)
                for column in columns:
                    row[column] = people.get(row[column], row[column])
                if row.get("actor_kind") == "user" and str(row["actor_id"]).isdecimal():
                    row["actor_id"] = str(people.get(int(row["actor_id"]), row["actor_id"]))
                text = orjson.dumps(row).decode()
            waiting.append(text)
            if len(waiting) == BATCH:
                _insert(cursor, table, waiting)
                waiting = []
    _insert(cursor, table, waiting)


def _insert(cursor: CursorWrapper, table: str, rows: list[str]) -> None:
    if rows:
        cursor.execute(
            f'INSERT INTO "{table}" SELECT * FROM '  # noqa: S608
            f'jsonb_populate_recordset(null::"{table}", %s::jsonb)',
            ["[" + ",".join(rows) + "]"],
        )


def forget_files() -> None:
    """Delete the open workspace's uploaded files and copies, once the transaction commits."""
    copies = WorkspaceCopy.objects.exclude(file="").values_list("file", flat=True)
    tenant = Tenant.objects.get(pk=current_tenant())
    names = [str(name) for name in (*_all_files(tenant), *copies)]

    def unlink() -> None:
        for name in names:
            default_storage.delete(name)

    transaction.on_commit(unlink)
