"""What happens in the house, heard where it is written, and told to the endpoints that ask for it:
in the same transaction, so that nothing is told that did not happen and nothing is left out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.utils import timezone

from attune.kernel import audit
from attune.kernel.models import AuditEntry
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import services as contacts
from campaigns.contacts.intake import Parsed
from campaigns.delivery.models import Endpoint
from campaigns.hooks import types
from campaigns.hooks.jobs import DELIVER_WEBHOOKS, DeliverWebhooks
from campaigns.hooks.models import WebhookDelivery

KEPT = 5.0  # seconds in which a process may not know of a subscription yet
QUIET = {"before", "after", "wording", "changes"}  # details that may hold what people typed


@dataclass(frozen=True, slots=True)
class Wish:
    """What one endpoint asks for."""

    endpoint_id: UUID
    types: frozenset[str]
    events: frozenset[str]  # of event.tracked; empty for all
    held: bool


_wishes: dict[int, tuple[float, list[Wish]]] = {}
_lock = threading.Lock()


def listen() -> None:
    audit.listen(on_deed)
    contacts.listen(on_events)


@dataclass(frozen=True, slots=True)
class Happened:
    """Something of one kind, {what: (when, data)}, and who wants to hear of it."""

    kind: str
    what: dict[str, tuple[str, dict[str, Any]]]
    wanted: Sequence[Wish]


def wishes() -> list[Wish]:
    """What this workspace's endpoints ask for; known to a process for a few seconds."""
    tenant, now = current_tenant(), time.monotonic()
    known = _wishes.get(tenant)
    if known is None or known[0] < now:
        rows = Endpoint.objects.exclude(types=[]).only("id", "types", "event_names", "enabled")
        known = (now + KEPT, [
            Wish(e.pk, frozenset(e.types), frozenset(e.event_names), not e.enabled) for e in rows
        ])  # fmt: skip
        with _lock:
            if len(_wishes) > 5_000:
                _wishes.clear()
            _wishes[tenant] = known
    return known[1]


def forget() -> None:
    """An endpoint changed: ask anew. Once more after the commit, for who asked in between."""
    tenant = current_tenant()
    _wishes.pop(tenant, None)
    transaction.on_commit(lambda: _wishes.pop(tenant, None))


def on_deed(entry: AuditEntry) -> None:
    kind = types.OF_ACTION.get(entry.action)
    if kind is None:
        return
    wanted = [wish for wish in wishes() if kind in wish.types]
    if not wanted:
        return
    about = {k: v for k, v in entry.details.items() if k not in QUIET}
    data = {
        "action": entry.action, "object": {"type": entry.object_type, "id": entry.object_id},
        "by": entry.actor_kind, "details": orjson.loads(orjson.dumps(about, default=str)),
    }  # fmt: skip
    tell([Happened(kind, {f"deed:{entry.pk}": (timezone.now().isoformat(), data)}, wanted)])


def on_events(events: Sequence[Parsed]) -> None:
    """Customers' events that were taken in. One that came before is known by its message id."""
    asking = wishes()
    if not asking:
        return
    happened = []
    for kind, mine in _by_type(events).items():
        wanted = [wish for wish in asking if kind in wish.types]
        if kind != types.TRACKED and wanted:
            happened.append(Happened(kind, dict(map(_told, mine)), wanted))
        for wish in wanted if kind == types.TRACKED else []:
            chosen = [e for e in mine if not wish.events or e.name in wish.events]
            happened.append(Happened(kind, dict(map(_told, chosen)), [wish]))
    tell(happened)


def _by_type(events: Iterable[Parsed]) -> dict[str, list[Parsed]]:
    found: dict[str, list[Parsed]] = {}
    for event in events:
        if event.type != "track":
            continue
        found.setdefault(types.TRACKED, []).append(event)
        own = types.OF_EVENT.get(event.name)
        if own is not None:
            found.setdefault(own, []).append(event)
    return found


def _told(event: Parsed) -> tuple[str, tuple[str, dict[str, Any]]]:
    data = {
        "event": event.name, "messageId": event.message_id, "userId": event.user_id or None,
        "anonymousId": event.anonymous_id or None, "properties": orjson.loads(event.properties),
        "machine": event.is_machine,
    }  # fmt: skip
    return f"event:{event.message_id}", (event.at.isoformat(), data)


def tell(happened: Iterable[Happened]) -> None:
    """Deliveries to the endpoints that want them. One that is switched off keeps them held, to be
    sent when somebody switches it on again. All that one transaction tells of is told at once, in
    one order of endpoints: two that tell the same endpoints do not wait for each other."""
    rows, endpoints = [], set()
    now = timezone.now()
    for one in happened:
        for wish in one.wanted:
            for of, (at, data) in one.what.items():
                payload = {"type": one.kind, "timestamp": at, "data": data}
                state = "held" if wish.held else "pending"
                rows.append(WebhookDelivery(
                    endpoint_id=wish.endpoint_id, of=f"{one.kind}:{of}"[:160], type=one.kind,
                    payload=payload, state=state, next_at=None if wish.held else now,
                ))  # fmt: skip
            if one.what and not wish.held:
                endpoints.add(wish.endpoint_id)
    rows.sort(key=lambda row: (row.endpoint_id, row.of))
    WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True)
    for endpoint in sorted(endpoints):
        DELIVER_WEBHOOKS.enqueue(DeliverWebhooks(endpoint), dedupe_key=str(endpoint))
