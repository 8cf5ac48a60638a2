"""Databases of a test's own, migrated, for what cannot be undone by a rollback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import sql
from pytest_django.plugin import DjangoDbBlocker

from attune.embedded import database
from tests import conftest


@contextmanager
def own(
    server: str, name: str, blocker: DjangoDbBlocker, *, migrated: bool = True
) -> Iterator[str]:
    """The URL of a fresh database, copied from the migrated template; none is made, only room for
    it, where `migrated` is false. Inside, units of work are as in life: no test wraps them."""
    before = connections["default"].settings_dict["NAME"]
    called, url = sql.Identifier(name), database.named(server, name)
    template = sql.Identifier(f"attune_template_{conftest.migrations_digest()}")
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(called)
    make = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER attune_owner").format(called, template)
    with psycopg.connect(database.named(server, "postgres"), autocommit=True) as admin:
        admin.execute(drop)
        if migrated:
            admin.execute(make)
        with blocker.unblock():
            nest, settings.TENANT_CONTEXT_MAY_NEST = settings.TENANT_CONTEXT_MAY_NEST, False
            try:
                if migrated:
                    conftest.use(url)
                yield url
            finally:
                settings.TENANT_CONTEXT_MAY_NEST = nest
                connections["owner"].close()
                conftest.use(database.named(server, before))
        admin.execute(drop)
