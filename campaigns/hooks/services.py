"""Deliveries: take what is due, settle each attempt, back off, switch off, replay.

Attempts of a delivery follow the schedule that Standard Webhooks recommends: at once, then after 5
seconds, 5 minutes, 30 minutes, 2, 5, 10, 14, 20 and 24 hours. An endpoint that fails for five days
without one success is switched off by itself, and those who manage webhooks are told.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from attune.kernel import audit, live
from attune.kernel.errors import Conflict
from attune.kernel.models import JobRow, new_id
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from campaigns.delivery import endpoints
from campaigns.delivery.models import Endpoint
from campaigns.hooks import hearing, types
from campaigns.hooks.jobs import DELIVER_WEBHOOKS, DeliverWebhooks
from campaigns.hooks.models import WebhookDelivery
from tenants import notices

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
SCHEDULE = (5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR,
            20 * HOUR, 24 * HOUR)  # fmt: skip
PATIENCE = timedelta(days=5)
KEPT = timedelta(days=30)
GONE = 410
MOST_ATTEMPTS = 20  # kept of one delivery
BATCH = 50  # of one endpoint by one job, so that others have their turn
State = WebhookDelivery.State


@dataclass(frozen=True, slots=True)
class Prepared:
    """A delivery that leaves now."""

    pk: UUID
    message_id: str
    url: str
    secrets: tuple[str, ...]
    payload: dict[str, object]


def due(endpoint_id: UUID, now: datetime) -> list[UUID]:
    """What is due to an endpoint that is on, the longest waiting first."""
    rows = WebhookDelivery.objects.filter(
        endpoint_id=endpoint_id, endpoint__enabled=True, state=State.PENDING, next_at__lte=now
    )
    return list(rows.order_by("next_at", "id").values_list("id", flat=True)[:BATCH])


def prepare(pk: UUID, now: datetime) -> Prepared | None:
    """Take one delivery for a minute; None where another worker has it, or it is not due."""
    rows = WebhookDelivery.objects.select_for_update(of=("self",), skip_locked=True)
    row = rows.select_related("endpoint").filter(pk=pk, state=State.PENDING, next_at__lte=now)
    mine = row.first()
    if mine is None or not mine.endpoint.enabled:
        return None
    WebhookDelivery.objects.filter(pk=pk).update(next_at=now + MINUTE)
    signing = endpoints.secrets_of(mine.endpoint, now)
    return Prepared(pk, mine.message_id, mine.endpoint.url, signing, mine.payload)


def settle(pk: UUID, *, status: int, error: str, ms: int, now: datetime) -> bool:
    """Write down an attempt; whether it was taken."""
    row = WebhookDelivery.objects.select_for_update().get(pk=pk)
    told = {"at": now.isoformat(), "status": status, "error": str.__str__(error)[:300], "ms": ms}
    row.attempts = [*row.attempts, told][-MOST_ATTEMPTS:]
    taken = 200 <= status < 300
    row.tries += 1
    if taken:
        row.state, row.delivered_at, row.next_at = State.DELIVERED, now, None
        Endpoint.objects.filter(pk=row.endpoint_id).update(failing_since=None)
    elif row.tries > len(SCHEDULE):
        row.state, row.next_at = State.FAILED, None
    else:
        wait = SCHEDULE[row.tries - 1]
        row.next_at = now + wait * random.uniform(1, 1.2)  # noqa: S311 - so that not all come at once
    row.save(update_fields=["attempts", "tries", "state", "delivered_at", "next_at"])
    if not taken:
        _failed(row, status, now)
    live.push(current_tenant(), "hooks", str(row.endpoint_id))
    return taken


def _failed(row: WebhookDelivery, status: int, now: datetime) -> None:
    """Note since when an endpoint fails; switch it off where it says so, or fails for too long."""
    rows = Endpoint.objects.filter(pk=row.endpoint_id, enabled=True)
    if status == GONE:
        _switch_off(row.endpoint, say("It answered 410: it does not want webhooks any more."))
        return
    rows.filter(failing_since=None).update(failing_since=now)
    if rows.filter(failing_since__lt=now - PATIENCE).exists():
        _switch_off(row.endpoint, say("It failed for five days without one success."))


def _switch_off(endpoint: Endpoint, why: Phrase) -> None:
    if not Endpoint.objects.filter(pk=endpoint.pk, enabled=True).update(
        enabled=False, off_because=why
    ):
        return
    WebhookDelivery.objects.filter(endpoint=endpoint, state=State.PENDING).update(
        state=State.HELD, next_at=None
    )
    audit.record("hooks.switch_off", endpoint)
    told = say("The endpoint “%(endpoint)s” was switched off: %(why)s", endpoint=endpoint, why=why)
    notices.tell(notices.those_who_can("webhooks.manage"), told, "hooks:endpoint", endpoint.pk)
    hearing.forget()


def switch_off(*, endpoint: Endpoint) -> None:
    """By a person: what is due is held."""
    _switch_off(endpoint, say("A person switched it off."))


@transaction.atomic
def switch_on(*, endpoint: Endpoint) -> int:
    """On again; what was held meanwhile is sent. How many that were."""
    won = Endpoint.objects.filter(pk=endpoint.pk, enabled=False).update(
        enabled=True, failing_since=None, off_because=""
    )
    if not won:
        raise Conflict(say("This endpoint is on already."))
    audit.record("hooks.switch_on", endpoint)
    hearing.forget()
    return _again(endpoint, [State.HELD])


def replay(*, delivery: WebhookDelivery) -> None:
    """Send one again, delivered or not, with its own id: who keeps ids takes it once."""
    if not delivery.endpoint.enabled:
        raise Conflict(say("The endpoint is switched off; switch it on first."))
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        state=State.PENDING, next_at=timezone.now(), tries=0
    )
    audit.record("hooks.replay", delivery.endpoint, delivery=str(delivery.pk))
    _wake(delivery.endpoint_id)


def replay_failed(*, endpoint: Endpoint) -> int:
    """Send everything again that failed for good or is held; how many."""
    if not endpoint.enabled:
        raise Conflict(say("The endpoint is switched off; switch it on first."))
    n = _again(endpoint, [State.FAILED, State.HELD])
    audit.record("hooks.replay_failed", endpoint, deliveries=n)
    return n


def _again(endpoint: Endpoint, states: list[str]) -> int:
    rows = WebhookDelivery.objects.filter(endpoint=endpoint, state__in=states)
    n = rows.update(state=State.PENDING, next_at=timezone.now(), tries=0)
    if n:
        _wake(endpoint.pk)
    return n


def try_out(*, endpoint: Endpoint) -> WebhookDelivery:
    """Send a test message now."""
    if not endpoint.enabled:
        raise Conflict(say("The endpoint is switched off; switch it on first."))
    now = timezone.now()
    payload = {"type": types.TEST, "timestamp": now.isoformat(), "data": {"hello": "from Attune"}}
    row = WebhookDelivery.objects.create(
        endpoint=endpoint, of=f"{types.TEST}:{new_id()}", type=types.TEST, payload=payload,
        next_at=now,
    )  # fmt: skip
    _wake(endpoint.pk)
    return row


def _wake(endpoint_id: UUID) -> None:
    DELIVER_WEBHOOKS.enqueue(DeliverWebhooks(endpoint_id), dedupe_key=str(endpoint_id))


def ask() -> None:
    """Let every endpoint to which something is due be served."""
    now = timezone.now()
    # a process that did not know yet that it is on again has held what happened meanwhile
    WebhookDelivery.objects.filter(state=State.HELD, endpoint__enabled=True).update(
        state=State.PENDING, next_at=now
    )
    ready = WebhookDelivery.objects.filter(
        endpoint_id=OuterRef("pk"), state=State.PENDING, next_at__lte=now
    )
    busy = set(
        JobRow.objects.filter(kind=DELIVER_WEBHOOKS.name, state=JobRow.State.RUNNING)
        .values_list("dedupe_key", flat=True)
    )  # fmt: skip
    for pk in Endpoint.objects.filter(Exists(ready), enabled=True).values_list("pk", flat=True):
        if str(pk) not in busy:
            _wake(pk)


def tidy(now: datetime) -> int:
    """Forget deliveries of long ago, a bounded number."""
    rows = WebhookDelivery.objects.filter(created_at__lt=now - KEPT).order_by("id")
    return int(WebhookDelivery.objects.filter(
        pk__in=list(rows.values_list("pk", flat=True)[:10_000])
    ).delete()[0])  # fmt: skip
