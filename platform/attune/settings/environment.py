"""Reads the environment. Nothing else in the house does; each variable is listed here once."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

VARIABLES: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Database:
    """One connection, from a URL postgresql://user:password@host:port/name?host=/socket/dir."""

    name: str
    user: str
    password: str
    host: str
    port: str
    parameters: dict[str, str]


def text(name: str, default: str, about: str) -> str:
    VARIABLES[name] = about
    return os.environ.get(name, default)


def flag(name: str, default: bool, about: str) -> bool:
    value = text(name, "1" if default else "0", about).lower()
    return value in {"1", "true", "yes", "on"}


def table(name: str, about: str) -> dict[str, str]:
    """A JSON object of texts; empty where none is given."""
    try:
        value = json.loads(text(name, "{}", about) or "{}")
    except ValueError as wrong:
        raise ValueError(f"{name} must be a JSON object, such as {{}}: {wrong}.") from wrong
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be a JSON object, such as {{}}.")
    return value


def number(name: str, default: int, about: str) -> int:
    value = text(name, str(default), about)
    if not value.isdigit():
        raise ValueError(f"{name} must be a whole number, got {value!r}.")
    return int(value)


def words(name: str, default: str, about: str) -> list[str]:
    return [word.strip() for word in text(name, default, about).split(",") if word.strip()]


def database(url: str) -> Database:
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError(f"DATABASE_URL must begin with postgresql://, got {url!r}.")
    parameters = dict(parse_qsl(parts.query))
    return Database(
        name=unquote(parts.path.lstrip("/")) or "attune",
        user=unquote(parts.username or "postgres"),
        password=unquote(parts.password or ""),
        host=parameters.pop("host", "") or unquote(parts.hostname or ""),
        port=str(parts.port or ""),
        parameters=parameters,
    )
