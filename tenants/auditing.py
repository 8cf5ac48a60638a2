"""Reading the audit log: narrowed, as what changed, and as a file."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import IO, Any

from django.apps import apps
from django.db.models import Q, QuerySet
from django.utils import timezone

from attune.kernel import audit
from attune.kernel.cells import guard_formula
from attune.kernel.models import AuditEntry
from attune.kernel.phrases import Phrase, say
from attune.kernel.storable import as_uuid
from tenants.models import Membership

PERSONAL = ("contacts.", "conversations.", "assistant.", "dialogue.", "delivery.send",
            "delivery.suppression", "privacy.")  # fmt: skip
MOST = 200_000
BY = {"people": ("user",), "keys": ("api_key",), "system": ("system",)}  # kinds of who did it
HEAD = ("at", "actor_kind", "actor", "action", "object_type", "object_id", "object", "details",
        "request")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What the log is narrowed by; each part may be empty. Days are the workspace's own."""

    action: str = ""
    actor: str = ""
    kind: str = ""
    object: str = ""
    since: str = ""
    until: str = ""
    by: str = ""

    @classmethod
    def of(cls, bag: Mapping[str, str]) -> Asked:
        return cls(**{name: str(bag.get(name, "")).strip()[:120] for name in cls.__slots__})

    @property
    def wrong(self) -> list[Phrase]:
        """What cannot be read of it; nothing is narrowed by that."""
        days = {"since": say("From day"), "until": say("To day")}
        found = [
            say("%(field)s: write a day as 2026-11-30.", field=label)
            for name, label in days.items()
            if getattr(self, name) and _day(getattr(self, name)) is None
        ]
        if self.by and self.by not in BY:
            found.append(say("By: choose one of %(names)s.", names=list(BY)))
        return found

    @property
    def used(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__)


def entries(asked: Asked, *, personal: bool) -> QuerySet[AuditEntry]:
    """Narrowed entries, the newest first. Who may not see names cannot ask for one either."""
    rows = AuditEntry.objects.order_by("-id")
    if asked.action:
        rows = rows.filter(action__startswith=asked.action)
    if asked.actor:
        rows = rows.filter(Q(actor_label__icontains=asked.actor) | _of_address(asked.actor))
    if asked.kind:
        rows = rows.filter(object_type=asked.kind)
    if asked.by in BY:
        rows = rows.filter(actor_kind__in=BY[asked.by])
    if asked.object:
        known = as_uuid(asked.object)
        if known:
            rows = rows.filter(object_id=str(known))
        else:
            rows = rows.filter(object_label__icontains=asked.object)
            for kind in PERSONAL if not personal else ():
                rows = rows.exclude(object_type__startswith=kind)
    if (since := _day(asked.since)) is not None:
        rows = rows.filter(created_at__gte=since)
    if (until := _day(asked.until)) is not None:
        rows = rows.filter(created_at__lt=until + timedelta(days=1))
    return rows


def _of_address(text: str) -> Q:
    """Deeds of members whose e-mail address holds these letters."""
    if "@" not in text:
        return Q(pk=None)
    ids = Membership.objects.filter(user__email__icontains=text).values_list("user_id", flat=True)
    return Q(actor_kind="user", actor_id__in=[str(pk) for pk in ids])


def _day(text: str) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    if not 1990 <= day.year <= 2200:
        return None
    return timezone.make_aware(datetime.combine(day, time()))


def kinds() -> list[tuple[str, str]]:
    """Kinds of things that something was done to, each with its name."""
    rows = AuditEntry.objects.exclude(object_type="").values_list("object_type", flat=True)
    named = {kind: _called(kind) for kind in rows.distinct()}
    often = Counter(named.values())
    told = [(k, f"{name} ({k.partition('.')[0]})" if often[name] > 1 else name)
            for k, name in named.items()]  # fmt: skip
    return sorted(told, key=lambda pair: pair[1])


def _called(kind: str) -> str:
    """A kind of thing as a word; one that the house knows no more as it was written."""
    try:
        name = str(apps.get_model(kind)._meta.verbose_name)
    except (LookupError, ValueError):
        return kind
    return name[:1].upper() + name[1:]


@dataclass(frozen=True, slots=True)
class Change:
    """A field that a deed changed."""

    field: str
    before: str
    after: str


def changes(entry: AuditEntry) -> list[Change]:
    """What a deed changed, where it kept both sides."""
    if "before" not in entry.details or "after" not in entry.details:
        return []
    before, after = entry.details["before"], entry.details["after"]
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            Change(key, _shown(before.get(key)), _shown(after.get(key)))
            for key in sorted({*before, *after}) if before.get(key) != after.get(key)
        ]  # fmt: skip
    return [Change("", _shown(before), _shown(after))] if before != after else []


def rest(entry: AuditEntry) -> dict[str, Any]:
    """Details that are no change."""
    told = bool(changes(entry))
    return {k: v for k, v in entry.details.items() if not (told and k in {"before", "after"})}


def _shown(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or "–"
    return json.dumps(value, ensure_ascii=False, default=str)


def is_personal(entry: AuditEntry) -> bool:
    return entry.object_type.startswith(PERSONAL)


def veil(entry: AuditEntry) -> AuditEntry:
    """Without the name of a person, for who may not see names."""
    if is_personal(entry):
        entry.object_label = f"{entry.object_type.rpartition('.')[2]} {entry.object_id[-6:]}"
    return entry


def as_csv(asked: Asked, *, personal: bool) -> IO[bytes]:
    """The narrowed log, the newest first; without names of persons unless `personal`."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by who sends it
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(HEAD)
    n = 0
    for n, row in enumerate(_rows(asked, personal=personal), start=1):  # noqa: B007
        writer.writerow([guard_formula(cell) for cell in row])
    text.flush()
    text.detach()
    audit.record("audit.export", None, rows=n)
    return file


def _rows(asked: Asked, *, personal: bool) -> Iterator[list[str]]:
    for entry in entries(asked, personal=personal)[:MOST].iterator(chunk_size=2_000):
        shown = entry if personal else veil(entry)
        details = entry.details if personal or not is_personal(entry) else {}
        yield [
            shown.created_at.isoformat(), shown.actor_kind, shown.actor_label, shown.action,
            shown.object_type, shown.object_id, shown.object_label,
            json.dumps(details, ensure_ascii=False, default=str), str(shown.request),
        ]  # fmt: skip
