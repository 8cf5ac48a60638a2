"""The month's cap on messages: counted one at a time, from the moment that a cap is set."""

from __future__ import annotations

from datetime import date, datetime

from django.utils import timezone

from campaigns.delivery.models import Send
from tenants import caps
from tenants.models import Meter, Tenant

MESSAGES = Meter.Kind.MESSAGES


def take(tenant: Tenant) -> bool:
    """Take one message out of the month's allowance; False when it is used up. What was on its way
    in the moment that the first cap was set is not in it."""
    cap = caps.cap_of(tenant, MESSAGES)
    if cap is None:
        return True
    month = caps.month_of(tenant)
    caps.begun(MESSAGES, month, lambda: handed_over(month, tenant))
    return caps.take(MESSAGES, month, cap)


def handed_over(month: date, tenant: Tenant) -> int:
    """Messages that were handed to a provider in a month."""
    since = caps.begin_of(month, tenant)
    return Send.objects.filter(state__in=Send.HANDED_OVER, sent_at__gte=since).count()


def left(tenant: Tenant) -> int | None:
    """How many messages may still leave this month; None for any number."""
    cap = caps.cap_of(tenant, MESSAGES)
    return None if cap is None else max(0, cap - handed_over(caps.month_of(tenant), tenant))


def until(tenant: Tenant) -> datetime:
    """When the month is over: what the cap holds waits until then, or until it is raised."""
    return caps.begin_of(caps.next_month(caps.month_of(tenant)), tenant)


def release(tenant: Tenant) -> int:
    """Let what the cap holds look again, where there is room; how many messages that are."""
    room = left(tenant)
    if room == 0:
        return 0
    held = Send.objects.filter(state=Send.State.PENDING, due_at=until(tenant))
    return held.update(due_at=timezone.now())
