"""Reading endpoints with how they do, and what went to them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, F, QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from campaigns.delivery.models import Endpoint
from campaigns.hooks.models import WebhookDelivery

RETRIED = "retried"  # waits for another attempt after one that failed


def counts(rows: list[Endpoint]) -> dict[UUID, dict[str, int]]:
    """{endpoint: {state: deliveries}} of the last 30 days, none left out."""
    found = {row.pk: dict.fromkeys(WebhookDelivery.State.values, 0) for row in rows}
    counted = WebhookDelivery.objects.filter(endpoint__in=rows).values("endpoint_id", "state")
    for row in counted.annotate(n=Count("id")).order_by():
        found[row["endpoint_id"]][row["state"]] = row["n"]
    return found


def deliveries(of: Endpoint, *, state: str = "") -> QuerySet[WebhookDelivery]:
    rows = of.deliveries.order_by("-id")
    if state == RETRIED:
        return rows.filter(state=WebhookDelivery.State.PENDING, tries__gt=0)
    return rows.filter(state=state) if state else rows


def failing(of: Endpoint) -> WebhookDelivery | None:
    """Of an endpoint that fails, the delivery that was tried last: its answer says why."""
    if not of.failing_since:
        return None
    tried = WebhookDelivery.objects.filter(endpoint=of, state__in=("pending", "failed"))
    return tried.exclude(attempts=[]).order_by(F("next_at").desc(nulls_last=True), "-id").first()


def delivery(pk: UUID | str) -> WebhookDelivery:
    row = WebhookDelivery.objects.select_related("endpoint").filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such delivery in this workspace."))
    return row
