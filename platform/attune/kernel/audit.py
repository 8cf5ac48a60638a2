"""Who did what, in the same transaction as the deed. Entries are appended, never edited."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from django.db import models
from django.utils import translation

from attune.kernel.models import AuditEntry


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts in this unit of work. `kind` is user, api_key, system or visitor."""

    kind: str
    id: str
    label: str
    request: uuid.UUID = field(default_factory=uuid.uuid4)


SYSTEM = Actor(kind="system", id="", label="Attune")
_actor: ContextVar[Actor] = ContextVar("attune_actor", default=SYSTEM)


def actor() -> Actor:
    return _actor.get()


def user_id() -> int | None:
    """The id of the signed-in person who acts; None for keys, visitors and the system."""
    who = actor()
    return int(who.id) if who.kind == "user" and who.id.isdecimal() else None


@contextmanager
def acting(who: Actor) -> Iterator[None]:
    """Set who acts, once, around a request, job or command."""
    token = _actor.set(who)
    try:
        yield
    finally:
        _actor.reset(token)


def latest_of(row: models.Model, action: str) -> AuditEntry | None:
    """The newest entry of one action on a thing: who did that to it last."""
    rows = AuditEntry.objects.filter(object_id=str(row.pk), object_type=row._meta.label_lower)
    return rows.filter(action=action).order_by("-id").first()


def _label(row: models.Model) -> str:
    """The name of a thing, in English whoever acts: everybody reads the same log."""
    with translation.override("en"):
        return str(row)


def _as(was: object, value: object) -> object:
    """A field's value the way its former one was kept: as it is, or as text."""
    return str(value) if isinstance(was, str) else value


_listeners: list[Callable[[AuditEntry], None]] = []


def listen(hear: Callable[[AuditEntry], None]) -> None:
    """Hear of every entry, in the transaction of the deed."""
    if hear not in _listeners:
        _listeners.append(hear)


def record(action: str, row: models.Model | None = None, **details: object) -> AuditEntry:
    """Append one entry. A failing audit fails the act, since both share the transaction.

    `before={field: value}` of a row gets its `after` from the row as it is now.
    """
    who, before = actor(), details.get("before")
    if row is not None and isinstance(before, dict) and "after" not in details:
        details["after"] = {
            name: details.get(name, _as(was, getattr(row, name))) for name, was in before.items()
        }
    entry = AuditEntry.objects.create(
        action=action,
        object_type=row._meta.label_lower if row is not None else "",
        object_id=str(row.pk) if row is not None else "",
        object_label=_label(row)[:200] if row is not None else "",
        actor_kind=who.kind,
        actor_id=who.id,
        actor_label=who.label,
        request=who.request,
        details=details,
    )
    for hear in _listeners:
        hear(entry)
    return entry
