"""The month's cap on messages: counted exactly, one at a time, while a cap is set."""

from __future__ import annotations

from datetime import date, datetime, time

from django.db import connection
from django.utils import timezone

from attune.kernel.models import new_id
from attune.kernel.tenancy import current_tenant
from campaigns.delivery.models import Send
from tenants import caps
from tenants.models import Allowance, Meter, Tenant

HANDED_OVER = (Send.State.SENT, Send.State.SENDING, Send.State.UNCERTAIN, Send.State.FAILED)
BEGIN_SQL = """
INSERT INTO allowance (id, tenant_id, month, n) VALUES (%s, %s, %s, 0)
ON CONFLICT (tenant_id, month) DO NOTHING RETURNING id"""
TAKE_SQL = """
UPDATE allowance SET n = n + 1 WHERE tenant_id = %s AND month = %s AND n < %s RETURNING n"""


def take(tenant: Tenant) -> bool:
    """Take one message out of the month's allowance; False when it is used up. Senders of one
    workspace wait here for each other's transactions, and only while a cap holds."""
    cap = caps.cap_of(tenant, Meter.Kind.MESSAGES)
    if cap is None:
        return True
    month = caps.this_month()
    _begin(month)
    with connection.cursor() as cursor:
        cursor.execute(TAKE_SQL, [current_tenant(), month, cap])
        return cursor.fetchone() is not None


def _begin(month: date) -> None:
    """The month's row. Whoever makes it counts what left before it; others wait for them, and what
    leaves meanwhile is counted by none twice, since each of them has to pass here first."""
    with connection.cursor() as cursor:
        cursor.execute(BEGIN_SQL, [new_id(), current_tenant(), month])
        made = cursor.fetchone() is not None
    if made:
        Allowance.objects.filter(month=month).update(n=handed_over(month))


def handed_over(month: date) -> int:
    """Messages that were handed to a provider since the first of a month."""
    since = timezone.make_aware(datetime.combine(month, time.min))
    return Send.objects.filter(state__in=HANDED_OVER, sent_at__gte=since).count()


def left(tenant: Tenant) -> int | None:
    """How many messages may still leave this month; None for any number."""
    cap = caps.cap_of(tenant, Meter.Kind.MESSAGES)
    return None if cap is None else max(0, cap - handed_over(caps.this_month()))
