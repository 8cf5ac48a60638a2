"""Who is told of an alert: members in the app, by e-mail, and webhook endpoints.

Each e-mail and each call is a job of its own: one that fails is tried again, waits longer each
time, and is seen under Jobs. A webhook's id is that of the alert and the route, so that a receiver
knows a repetition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse
from django.utils import timezone, translation

from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.delivery import endpoints, webhook
from insights.alerts.jobs import TELL_ALERT, TellAlert
from insights.alerts.models import Alert, AlertRoute
from tenants import notices
from tenants.models import Tenant


def tell(alert: Alert) -> None:
    """In the app at once; by e-mail and webhook by jobs of the transaction that made it."""
    if alert.day is None:
        notices.tell(notices.those_who_can("insights.edit"), alert.told, "alerts:alerts")
    else:
        people = notices.those_who_can("insights.edit")
        notices.tell(people, alert.told, "alerts:alert", alert.pk)
    for route in AlertRoute.objects.order_by("id"):
        TELL_ALERT.enqueue(TellAlert(alert.pk, route.pk), dedupe_key=f"{alert.pk}-{route.pk}")


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail, ready to leave."""

    to: str
    title: str
    body: str

    def leave(self) -> None:
        send_mail(self.title, self.body, None, [self.to])


@dataclass(frozen=True, slots=True)
class Call:
    """A webhook call, ready to leave; its id is the same when it is tried again."""

    url: str
    secrets: tuple[str, ...]
    message_id: str
    payload: dict[str, Any]

    def leave(self) -> None:
        status = webhook.post(
            self.url, secrets=self.secrets, message_id=self.message_id,
            timestamp=int(timezone.now().timestamp()), payload=self.payload,
        )  # fmt: skip
        if not 200 <= status < 300:
            raise OSError(str(say("The endpoint answered %(status)s.", status=str(status))))


def prepared(alert: Alert, route: AlertRoute) -> Letter | Call | None:
    """What leaves by a route, all of it known before anything is called (outside a transaction,
    `leave` raises OSError where it could not be delivered); None for a member who may no longer
    look."""
    if route.endpoint is not None:
        return Call(route.endpoint.url, endpoints.secrets_of(route.endpoint, timezone.now()),
                    f"alert-{alert.pk}-{route.pk}", payload(alert))  # fmt: skip
    if route.user is None or route.user_id not in notices.those_who_can("insights.view"):
        return None
    tenant = Tenant.objects.get(pk=current_tenant())
    with translation.override(route.user.language or "en"):
        title = str(say("%(workspace)s: %(told)s", workspace=tenant.name, told=alert.told))
        body = f"{_body(alert)}\n\n{address(tenant, alert)}\n"
    return Letter(route.user.email, title[:200].replace("\n", " "), body)


def _body(alert: Alert) -> str:
    lines = [str(alert.told)]
    for _, key, value, usual, _ in alert.slices:
        told = {"key": key, "value": f"{value:,.0f}", "usual": f"{usual:,.0f}"}
        lines.append(str(say("%(key)s: %(value)s, usually %(usual)s", **told)))
    return "\n".join(lines)


def payload(alert: Alert) -> dict[str, Any]:
    tenant = Tenant.objects.get(pk=current_tenant())
    return {
        "type": "alert.raised", "timestamp": alert.at.isoformat(),
        "data": {
            "id": str(alert.pk), "watch_id": str(alert.watch_id), "figure": alert.watch.figure,
            "label": str(alert.watch), "text": str(alert.told), "moved": alert.moved,
            "day": alert.day.isoformat() if alert.day else None, "days": alert.days,
            "value": alert.value, "usual": alert.usual, "low": alert.low, "high": alert.high,
            "slices": [dict(zip(("by", "key", "value", "usual", "share"), s, strict=True))
                       for s in alert.slices],
            "url": address(tenant, alert),
        },
    }  # fmt: skip


def address(tenant: Tenant, alert: Alert) -> str:
    return settings.PUBLIC_URL + reverse("alerts:alert", args=[tenant.slug, alert.pk])
