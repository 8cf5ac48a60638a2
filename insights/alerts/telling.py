"""Who is told of an alert: members in the app, by e-mail, and webhook endpoints.

Each e-mail and each call is a job of its own: one that fails is tried again, waits longer each
time, and is seen under Jobs. A webhook's id is that of the alert and the route, so that a receiver
knows a repetition.
"""

from __future__ import annotations

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


def send(alert: Alert, route: AlertRoute) -> None:
    """Send it by one route. Raises OSError where it could not be delivered."""
    tenant = Tenant.objects.get(pk=current_tenant())
    if route.endpoint is not None:
        _call(alert, route)
    elif route.user is not None and route.user_id in notices.those_who_can("insights.view"):
        with translation.override(route.user.language or "en"):
            title = str(say("%(workspace)s: %(told)s", workspace=tenant.name, told=alert.told))
            body = f"{_body(alert)}\n\n{address(tenant, alert)}\n"
            send_mail(title[:200].replace("\n", " "), body, None, [route.user.email])


def _body(alert: Alert) -> str:
    lines = [str(alert.told)]
    for _, key, value, usual, _ in alert.slices:
        told = {"key": key, "value": f"{value:,.0f}", "usual": f"{usual:,.0f}"}
        lines.append(str(say("%(key)s: %(value)s, usually %(usual)s", **told)))
    return "\n".join(lines)


def _call(alert: Alert, route: AlertRoute) -> None:
    assert route.endpoint is not None  # noqa: S101 - the caller looked
    status = webhook.post(
        route.endpoint.url, secret=endpoints.secret_of(route.endpoint),
        message_id=f"alert-{alert.pk}-{route.pk}", timestamp=int(timezone.now().timestamp()),
        payload=payload(alert),
    )  # fmt: skip
    if not 200 <= status < 300:
        raise OSError(str(say("The endpoint answered %(status)s.", status=str(status))))


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
