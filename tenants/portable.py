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
from django.db import models
from django.db.backends.utils import CursorWrapper
from django.db.migrations.recorder import MigrationRecorder

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import TenantModel
from attune.kernel.phrases import say
from tenants.models import Tenant, User

FORMAT = 1
BATCH = 500
PASSING = {"job", "idempotency_record", "workspace_copy"}  # work in progress, and copies themselves


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


def checksum(cursor: CursorWrapper, table: str, tenant_id: int) -> tuple[int, str]:
    """Rows of a table and a digest of all they hold, whatever their order on disk."""
    cursor.execute(
        f"SELECT count(*), coalesce(md5(string_agg(md5(to_jsonb(t)::text), '' ORDER BY t.id)), '') "  # noqa: S608
        f'FROM "{table}" t WHERE tenant_id = %s',
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
                for line in _lines(cursor, table, tenant.pk):
                    out.write(line.encode() + b"\n")
            found[table] = checksum(cursor, table, tenant.pk)
            people |= _people(model)
        for name in _files():
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


def _lines(cursor: CursorWrapper, table: str, tenant_id: int) -> Iterator[str]:
    after = None
    while True:
        cursor.execute(
            f'SELECT id, to_jsonb(t)::text FROM "{table}" t WHERE tenant_id = %s '  # noqa: S608
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
    fields = [f.attname for f in model._meta.local_fields
              if isinstance(f, models.ForeignKey) and f.related_model is User]  # fmt: skip
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
    cursor.execute("SELECT 1 FROM tenants_tenant WHERE id = %s OR slug = %s",
                   [own["id"], own["slug"]])  # fmt: skip
    if cursor.fetchone():
        raise Conflict(say("A workspace of this address or number is there already; erase it "
                           "first."))  # fmt: skip
    people = {int(pk): _person(cursor, mail) for pk, mail in told["members"].items()}
    cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    _insert(cursor, "tenants_tenant", [orjson.dumps(own).decode()])
    for model in tables():
        _fill(cursor, whole, model, people)
    for name in whole.namelist():
        if name.startswith("files/") and not default_storage.exists(name[6:]):
            with whole.open(name) as source:
                default_storage.save(name[6:], source)
    wrong = [t for t, (n, digest) in told["tables"].items()
             if _differs(cursor, t, own["id"], n, digest, moved=people)]  # fmt: skip
    if wrong:
        raise Conflict(say("What was put back is not what was copied: %(names)s.", names=wrong))
    return told


def _differs(
    cursor: CursorWrapper, table: str, tenant_id: int, n: int, digest: str,
    moved: dict[int, int],
) -> bool:  # fmt: skip
    """Rows that name people are counted alone where these have other numbers here."""
    found = checksum(cursor, table, tenant_id)
    if found == (n, digest):
        return False
    named = any(old != new for old, new in moved.items())
    return not (named and found[0] == n)


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
    table = model._meta.db_table
    named = [f.column for f in model._meta.local_fields
             if isinstance(f, models.ForeignKey) and f.related_model is User]  # fmt: skip
    waiting: list[str] = []
    with whole.open(f"rows/{table}.jsonl") as lines:
        for line in lines:
            text = line.decode()
            if named:
                row = orjson.loads(text)
                for column in named:
                    if row[column] is not None:
                        row[column] = people[row[column]]
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
    """Delete the open workspace's uploaded files."""
    for name in list(_files()):
        default_storage.delete(str(name))
