"""Roles and database of an installation. Runs as a login that may create roles; idempotent."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

ROLES = {
    "attune_owner": "NOLOGIN BYPASSRLS",  # owns tables and functions, runs migrations
    "attune_app": "NOLOGIN NOBYPASSRLS NOSUPERUSER",  # serves requests, owns nothing
}
MINIMUM_VERSION = 150000


def named(url: str, name: str) -> str:
    """The same server's URL with another database name."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))


def prepare(url: str) -> None:
    """Create the roles, the database of `url`, its vector extension and the grants."""
    name = urlsplit(url).path.lstrip("/")
    with psycopg.connect(named(url, "postgres"), autocommit=True) as server:
        if server.info.server_version < MINIMUM_VERSION:
            raise RuntimeError("Attune needs PostgreSQL 15 or newer.")
        for role, attributes in ROLES.items():
            if not server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                server.execute(sql.SQL("CREATE ROLE {} " + attributes).format(sql.Identifier(role)))
            server.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            server.execute(
                sql.SQL("CREATE DATABASE {} OWNER attune_owner").format(sql.Identifier(name))
            )
    with psycopg.connect(url, autocommit=True) as database:
        if not database.execute(
            "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"
        ).fetchone():
            raise RuntimeError(
                "The server lacks pgvector, which the knowledge base searches with; install its "
                "package (postgresql-<version>-pgvector) and try again."
            )
        database.execute("CREATE EXTENSION IF NOT EXISTS vector")
        database.execute("ALTER SCHEMA public OWNER TO attune_owner")
        database.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        database.execute("GRANT USAGE ON SCHEMA public TO attune_app")
        database.execute(
            sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO attune_app").format(
                sql.Identifier(name)
            )
        )
        for kind, rights in {
            "TABLES": "SELECT, INSERT, UPDATE, DELETE",
            "SEQUENCES": "USAGE, SELECT",
        }.items():
            database.execute(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE attune_owner IN SCHEMA public "
                f"GRANT {rights} ON {kind} TO attune_app"
            )
