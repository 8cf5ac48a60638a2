"""Webhooks to partners' endpoints: each by itself, outside any transaction."""

from __future__ import annotations

import time

from django.utils import timezone

from attune.kernel.errors import AttuneError
from campaigns.delivery import webhook
from campaigns.hooks import services
from campaigns.hooks.jobs import DELIVER_WEBHOOKS, DeliverWebhooks
from workers.runner import Run, handles

ENOUGH = 3  # failures one after the other: the endpoint is away, the rest waits for its turn


@handles(DELIVER_WEBHOOKS)
def deliver_webhooks(payload: DeliverWebhooks, run: Run) -> None:
    with run.unit():
        waiting = services.due(payload.endpoint_id, timezone.now())
    failed = 0
    for done, pk in enumerate(waiting, start=1):
        with run.unit():
            prepared = services.prepare(pk, timezone.now())
        if prepared is None:
            continue
        began = time.monotonic()
        status, error = _hand_over(prepared)
        ms = round((time.monotonic() - began) * 1000)
        with run.unit():
            taken = services.settle(pk, status=status, error=error, ms=ms, now=timezone.now())
        failed = 0 if taken else failed + 1
        run.progress(done=done, total=len(waiting))
        if failed == ENOUGH:
            return
    if len(waiting) == services.BATCH:
        with run.unit():
            DELIVER_WEBHOOKS.enqueue(payload, dedupe_key=str(payload.endpoint_id))


def _hand_over(prepared: services.Prepared) -> tuple[int, str]:
    """Status and what was wrong; 0 where there was no answer."""
    try:
        status = webhook.post(
            prepared.url, secrets=prepared.secrets, message_id=prepared.message_id,
            timestamp=int(timezone.now().timestamp()), payload=prepared.payload,
        )  # fmt: skip
    except AttuneError as refused:  # an address that must not be called
        return 0, str.__str__(refused.detail)
    except OSError as away:
        return 0, away.strerror or str(away) or type(away).__name__
    return status, ""
