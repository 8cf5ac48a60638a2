"""Whether a message that might leave now has to wait for its turn: queued, not dropped.

By the recipient's clock (a set time of their day, quiet hours), by the campaign's pace, by the
frequency cap. A message by a policy waits by its policy's own rules (holding.py); quiet hours of
the workspace hold for it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import F

from attune.kernel.phrases import Phrase, say
from campaigns.content.models import Revision
from campaigns.delivery import allowance, timing
from campaigns.delivery.models import Campaign, Send
from campaigns.delivery.suppression import Permission
from tenants import caps
from tenants.models import Meter, Tenant

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LOOK_AGAIN = timedelta(minutes=10)  # whether an endpoint is on again


def waits(send: Send, tenant: Tenant, now: datetime) -> bool:
    """Put the message off where the clock or a switch says so; whether it was."""
    zone = timing.zone_of(send.contact.timezone, tenant.timezone)
    campaign = send.campaign
    if campaign.local_time is not None and send.due_at is None:
        begun = campaign.timed_at or campaign.launched_at or now
        due = timing.next_at(begun, zone, campaign.local_time)
        if due > now:
            return _put_off(send, due, say("Waits for this time of the person's day."))
    quiet = timing.quiet_until(now, zone, tenant.quiet_from, tenant.quiet_to)
    if quiet is not None:
        return _put_off(send, quiet, say("Waits for the end of the quiet hours."))
    if _is_off(campaign):
        told = say("The endpoint is switched off: it waits until somebody switches it on.")
        return _put_off(send, now + LOOK_AGAIN, told)
    return False


def queues(send: Send, now: datetime) -> bool:
    """Put a message that may leave off to its turn by the campaign's pace; whether it was."""
    campaign = send.campaign
    if not campaign.per_hour or (later := _next_slot(campaign, now)) is None:
        return False
    Send.objects.filter(pk=send.pk).update(paced_at=later)
    return _put_off(send, later, say("Waits for its turn: %(most)s an hour.",
                                     most=campaign.per_hour))  # fmt: skip


def _is_off(campaign: Campaign) -> bool:
    endpoint = campaign.endpoint if campaign.via == Campaign.Via.WEBHOOK else None
    return endpoint is not None and not endpoint.enabled


def _next_slot(campaign: Campaign, now: datetime) -> datetime | None:
    """When the campaign's pace lets one more leave; None for now. What waits already goes first, so
    that a long queue is spread over its hours at once; what waits for another reason is not of that
    queue. The campaign is locked (sending.prepare): messages take turns."""
    assert campaign.per_hour  # noqa: S101
    rows = Send.objects.filter(campaign=campaign)
    left = rows.filter(state__in=Send.HAS_LEFT, sent_at__gte=now - HOUR).order_by("-sent_at")
    nth = list(left.values_list("sent_at", flat=True)[campaign.per_hour - 1 : campaign.per_hour])
    if not nth:
        return None
    free = nth[0] + HOUR
    queue = rows.filter(state=Send.State.PENDING, due_at__gt=now, due_at=F("paced_at"))
    last = queue.order_by("-due_at").values_list("due_at", flat=True).first()
    return free if last is None else max(free, last + HOUR / campaign.per_hour)


def hopes(send: Send, permission: Permission, tenant: Tenant) -> bool:
    """Put off what only the cap holds, where it is free again within the workspace's patience."""
    free = permission.until
    since = max(send.created_at, _month(tenant)) if _by_the_month(tenant) else send.created_at
    latest = since + timedelta(hours=tenant.patience_hours)
    if permission.state != Send.State.CAPPED or free is None or free > latest:
        return False
    return _put_off(send, free, permission.reason)


def for_the_new_text(send: Send, now: datetime) -> bool:
    """A blast whose text was edited meanwhile waits until somebody says, on its page, that the new
    text takes the place of the old one, or ends it (revising.py)."""
    if send.campaign.goes_on or send.revision.state != Revision.State.SUPERSEDED:
        return False
    told = say("The text was edited meanwhile: it waits until you choose the new one on the "
               "campaign's page.")  # fmt: skip
    return _put_off(send, now + DAY, told)


def slow(messages: int, per_hour: int | None, tenant: Tenant) -> Iterator[Phrase]:
    """What a pace brings with it that takes longer than the workspace's patience."""
    hours = messages / per_hour if per_hour else 0
    if hours > tenant.patience_hours:
        yield say(
            "At %(most)s an hour %(messages)s messages take about %(hours)s h. One that the "
            "frequency cap stops later than %(patience)s h after the launch is not sent at all.",
            most=per_hour, messages=messages, hours=round(hours), patience=tenant.patience_hours,
        )  # fmt: skip


def until_raised(send: Send, tenant: Tenant) -> None:
    """The month's cap is used up: the message waits for the next month, or for allowance.release,
    which the meter asks once the cap is raised."""
    _put_off(send, allowance.until(tenant), of_the_month(tenant))


def of_the_month(tenant: Tenant) -> Phrase:
    """The sentence for a message that the month's cap holds."""
    return caps.told(Meter.Kind.MESSAGES, caps.cap_of(tenant, Meter.Kind.MESSAGES) or 0)


def _by_the_month(tenant: Tenant) -> bool:
    return caps.cap_of(tenant, Meter.Kind.MESSAGES) is not None


def _month(tenant: Tenant) -> datetime:
    """The month's begin: what waited for it has its patience anew."""
    return caps.begin_of(caps.month_of(tenant), tenant)


def _put_off(send: Send, until: datetime, why: Phrase | str) -> bool:
    Send.objects.filter(pk=send.pk).update(due_at=until, reason=why)
    return True
