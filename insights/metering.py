"""What a workspace used, day by day, counted from the rows themselves: never twice, whenever it is
counted again. And the word to its people when a cap comes near. Events and tokens have their days
in UTC, as the tables that count them do; the rest is in the workspace's own."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from attune.kernel.models import new_id
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from tenants import caps, notices
from tenants.models import Meter, Tenant

AGAIN = 3  # days counted each time: what is late is seen
TELL_AT = (caps.NEAR, 1.0)
# Every query gives (day, n) for days from %(since)s, %(start)s the moment that day begins.
DAYS: dict[str, str] = {
    Meter.Kind.MESSAGES: """
        SELECT (sent_at AT TIME ZONE %(zone)s)::date, count(*) FROM send
        WHERE tenant_id = %(tenant)s AND sent_at >= %(start)s
          AND state IN ('sent', 'sending', 'uncertain', 'failed') GROUP BY 1""",
    Meter.Kind.EVENTS: """
        SELECT day, sum(n)::bigint FROM event_count
        WHERE tenant_id = %(tenant)s AND day >= %(since)s AND day <= %(today)s GROUP BY 1""",
    Meter.Kind.CONVERSATIONS: """
        SELECT (created_at AT TIME ZONE %(zone)s)::date, count(*) FROM conversation
        WHERE tenant_id = %(tenant)s AND created_at >= %(start)s GROUP BY 1""",
    Meter.Kind.TOKENS: """
        SELECT day, sum(tokens_in + tokens_out)::bigint FROM usage
        WHERE tenant_id = %(tenant)s AND day >= %(since)s GROUP BY 1""",
    Meter.Kind.CONTACTS: """
        SELECT %(today)s::date, count(*) FROM contact WHERE tenant_id = %(tenant)s""",
}
WRITE_SQL = """
INSERT INTO meter (id, tenant_id, day, kind, n) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, day, kind) DO UPDATE SET n = excluded.n WHERE meter.n <> excluded.n"""


def count(*, days: int = AGAIN) -> None:
    """Count the open workspace's last days, today included, and tell of caps that come near."""
    tenant = Tenant.objects.get(pk=current_tenant())
    with timezone.override(tenant.timezone):
        today = timezone.localdate()
        since = today - timedelta(days=days - 1)
        _count(tenant, since, today)
        Tenant.objects.filter(pk=tenant.pk).update(metered_at=timezone.now())
        _warn(tenant)


def _count(tenant: Tenant, since: date, today: date) -> None:
    start = timezone.make_aware(datetime.combine(since, time.min))
    asked: dict[str, Any] = {
        "tenant": tenant.pk, "zone": tenant.timezone, "start": start, "since": since,
        "today": today,
    }  # fmt: skip
    with connection.cursor() as cursor:
        for kind, query in DAYS.items():
            cursor.execute(query, asked)
            found = dict(cursor.fetchall())
            for day, n in found.items():
                cursor.execute(WRITE_SQL, [new_id(), tenant.pk, day, kind, n])
            if kind != Meter.Kind.CONTACTS:  # how many there were on a day stays as it was seen
                gone = Meter.objects.filter(kind=kind, day__gte=since).exclude(day__in=found)
                gone.update(n=0)


def _warn(tenant: Tenant) -> None:
    """Tell of a cap at 80 % and when it is used up, once a month each."""
    tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
    month = caps.month_of(tenant).isoformat()
    warned = {kind: told for kind, told in tenant.warned.items() if told[0] == month}
    for line in caps.lines(tenant):
        share, before = line.share, warned.get(line.kind, [month, 0.0])[1]
        reached = max((at for at in TELL_AT if share is not None and share >= at), default=0.0)
        if reached > before:
            warned[line.kind] = [month, reached]
            people = notices.those_who_can("workspace.manage")
            notices.tell(people, _sentence(line, full=reached >= 1), "workspace:usage")
    if warned != tenant.warned:
        Tenant.objects.filter(pk=tenant.pk).update(warned=warned)


def _sentence(line: caps.Line, *, full: bool) -> Phrase:
    if full:
        return say("This month's cap is used up: %(kind)s, %(cap)s", kind=line.label,
                   cap=f"{line.cap:,}")  # fmt: skip
    return say("Four fifths of this month's cap are used: %(kind)s, %(used)s of %(cap)s",
               kind=line.label, used=f"{line.used:,}", cap=f"{line.cap:,}")  # fmt: skip
