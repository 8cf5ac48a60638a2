"""Real servers for the suite: PostgreSQL and Valkey, embedded unless named by TEST_DATABASE_URL.

One template database is migrated per state of the migrations; every test process gets a copy.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.core.cache import caches
from django.core.management import call_command
from django.db import connections
from psycopg import sql
from pytest_django.plugin import DjangoDbBlocker

from attune import celery
from attune.embedded import database, servers
from attune.kernel.tenancy import tenant_context
from tests import make

ROOT = Path(__file__).resolve().parents[1]


def migrations_digest() -> str:
    files = sorted(ROOT.glob("**/migrations/*.py"))
    own = [f for f in files if ".venv" not in f.parts]
    source = (
        b"".join(f.read_bytes() for f in own)
        + (ROOT / "platform/attune/kernel/rls.py").read_bytes()
        + (ROOT / "tenants/registry.py").read_bytes()
    )
    return hashlib.sha256(source).hexdigest()[:12]


@pytest.fixture(scope="session", autouse=True)
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Valkey of this process (TEST_REDIS_URL names another): cache, sockets, broker."""
    named = os.environ.get("TEST_REDIS_URL")
    server = None if named else servers.start_valkey(tmp_path_factory.mktemp("valkey"))
    url = named or server.url  # type: ignore[union-attr]
    caches.settings["default"]["LOCATION"] = url  # what the handler read when it was first asked
    if hasattr(caches._connections, "default"):
        del caches["default"]
    settings.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"] = [url]
    celery.app.conf.broker_url = url
    yield url
    if server is not None:
        server.stop()


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The server's URL: TEST_DATABASE_URL, or an embedded server kept between runs."""
    return os.environ.get("TEST_DATABASE_URL") or servers.start_postgres(
        ROOT / "var" / "test-postgres", durable=False
    )


@pytest.fixture(scope="session")
def django_db_setup(
    postgres_url: str, django_db_blocker: DjangoDbBlocker, worker_id: str
) -> Iterator[None]:
    """A database of this process, copied from the migrated template."""
    template, name = f"attune_template_{migrations_digest()}", f"attune_test_{worker_id}"
    with psycopg.connect(database.named(postgres_url, "postgres"), autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(7261)")
        with django_db_blocker.unblock():
            if not _exists(admin, template):
                _make_template(database.named(postgres_url, template), admin)
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(_name(name)))
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER attune_owner").format(
                _name(name), _name(template)
            )
        )
        admin.execute("SELECT pg_advisory_unlock(7261)")
    use(database.named(postgres_url, name))
    with django_db_blocker.unblock():
        yield
    for alias in connections:
        connections[alias].close()


def _name(value: str) -> sql.Identifier:
    return sql.Identifier(value)


def _exists(admin: psycopg.Connection, name: str) -> bool:
    row = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    return row is not None


def _make_template(url: str, admin: psycopg.Connection) -> None:
    """Migrate into a scratch name first: a template that exists is a template that is whole."""
    building = urlsplit(url).path.lstrip("/") + "_building"
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(_name(building)))
    database.prepare(database.named(url, building))
    use(database.named(url, building))
    call_command("migrate", database="owner", verbosity=0)
    for alias in connections:
        connections[alias].close()
        if getattr(connections[alias], "pool", None):
            connections[alias].close_pool()
    admin.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
            _name(building), _name(urlsplit(url).path.lstrip("/"))
        )
    )


def use(url: str) -> None:
    """Point both aliases at a database."""
    base = settings.CONNECTION(url)
    for alias, fresh in base.items():
        # a test is one transaction, and a model may work longer than a connection may idle
        limit = "idle_in_transaction_session_timeout"
        options = fresh["OPTIONS"]["options"].replace(f"{limit}=30s", f"{limit}=0")
        fresh["OPTIONS"] = {**fresh["OPTIONS"], "options": options}
        connections[alias].close()
        if getattr(connections[alias], "pool", None):
            connections[alias].close_pool()
        connections[alias].settings_dict.update(fresh)


@pytest.fixture
def tenant(db: None) -> Iterator[make.Place]:
    """A workspace with its owner, whose tenant context is open."""
    place = make.workspace("acme")
    with tenant_context(place.id):
        yield place
