"""When a campaign leaves: now, at a set time, or not yet; and the month as a calendar."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from attune.kernel import live
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.locking import locked
from attune.kernel.phrases import as_is, say
from attune.kernel.states import advance
from attune.kernel.tenancy import current_tenant
from campaigns.delivery import preflight, services
from campaigns.delivery.jobs import LAUNCH_CAMPAIGN, LaunchCampaign
from campaigns.delivery.models import Campaign
from tenants import notices

SOONEST, LATEST = timedelta(minutes=1), timedelta(days=366)


def schedule(*, campaign: Campaign, at: datetime, by_id: int | None) -> None:
    """Let a draft leave at a set time. What would stop it now is told now; it is checked again
    when the time comes."""
    ahead = at - timezone.now()
    if not SOONEST <= ahead <= LATEST:
        raise Invalid.one("at", say("Choose a time from one minute to one year ahead."))
    with transaction.atomic():
        services.by_audience(locked(campaign))
        preflight.cleared(campaign)
        Campaign.objects.filter(pk=campaign.pk).update(launch_at=at, launched_by=by_id)
        advance(services.CAMPAIGN, campaign, "schedule", at=at.isoformat())
    LAUNCH_CAMPAIGN.enqueue(LaunchCampaign(campaign.pk, at.isoformat()), run_at=at)
    live.push(current_tenant(), "campaigns", str(campaign.pk))


def unschedule(*, campaign: Campaign) -> None:
    """Take the time back: the campaign is a draft again."""
    advance(services.CAMPAIGN, campaign, "unschedule")
    Campaign.objects.filter(pk=campaign.pk).update(launch_at=None)
    live.push(current_tenant(), "campaigns", str(campaign.pk))


def launch_due(*, campaign: Campaign, at: str) -> bool:
    """Launch a campaign whose time has come; a time that was changed meanwhile is not this one.

    What stands in the way puts it back to draft and is told to who scheduled it and who launches.
    """
    due = campaign.launch_at is not None and campaign.launch_at.isoformat() == _utc(at)
    if campaign.state != Campaign.State.SCHEDULED or not due:
        return False
    problems = preflight.of(campaign).problems
    if not problems:
        try:
            services.launch(campaign=campaign)
            return True
        except Conflict as refusal:
            problems = [as_is(refusal.detail)]
    unschedule(campaign=campaign)
    told = say(
        "“%(campaign)s” was not launched: %(problem)s", campaign=campaign, problem=problems[0]
    )
    people = [campaign.launched_by, *notices.those_who_can("campaigns.launch")]
    notices.tell(people, told, "delivery_pages:campaign", campaign.pk)
    return False


def _utc(at: str) -> str:
    return datetime.fromisoformat(at).astimezone(timezone.get_default_timezone()).isoformat()


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the month's grid: its date, whether it is of the month, what leaves then."""

    date: date
    inside: bool
    today: bool
    campaigns: list[Campaign]


@dataclass(frozen=True, slots=True)
class Month:
    """A month as weeks from Monday, with the first days of the months beside it."""

    first: date
    before: date
    after: date
    weeks: list[list[Day]]

    @property
    def empty(self) -> bool:
        return not any(day.campaigns for week in self.weeks for day in week if day.inside)


def month_of(text: str, today: date) -> date:
    """The first day of a month written 2026-11; anything else is this month."""
    try:
        first = datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a month has no zone
    except ValueError:
        return today.replace(day=1)
    return first if 2000 <= first.year <= 2200 else today.replace(day=1)


def month(first: date, today: date) -> Month:
    """Launches of a month, past and planned, on the days of the workspace's time zone."""
    grid = calendar.Calendar().monthdatescalendar(first.year, first.month)
    start = timezone.make_aware(datetime.combine(grid[0][0], datetime.min.time()))
    end = timezone.make_aware(datetime.combine(grid[-1][-1], datetime.min.time()))
    rows = Campaign.objects.filter(by_journey=False).annotate(
        leaves_at=Coalesce("launched_at", "launch_at")
    )
    rows = rows.filter(leaves_at__gte=start, leaves_at__lt=end + timedelta(days=1))
    by_day = {
        day: list(found)
        for day, found in groupby(
            rows.order_by("leaves_at"), key=lambda c: timezone.localtime(c.leaves_at).date()
        )
    }
    weeks = [
        [Day(day, day.month == first.month, day == today, by_day.get(day, [])) for day in week]
        for week in grid
    ]
    before = (first - timedelta(days=1)).replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    return Month(first, before, after, weeks)
