"""A campaign leaves at its time or says why not; the calendar shows what left and what will."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from campaigns.contacts import services as contacts
from campaigns.contacts.models import Contact
from campaigns.delivery import planning, reach, services, suppression
from campaigns.delivery.models import Campaign
from campaigns.segments import services as segments
from tenants.models import Notice, Tenant
from tests import make


def planned(people: int = 3, **options: Any) -> Campaign:
    make.record(*[make.identify(f"p{n}", email=f"p{n}@example.com") for n in range(people)])
    audience = make.segment({"trait": "email", "exists": True})
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    return make.campaign(audience, trial, **options)


def in_an_hour() -> datetime:
    return timezone.now() + timedelta(hours=1)


def let_time_come(campaign: Campaign) -> None:
    """As if the hour had passed: the job and the campaign are due now."""
    then = timezone.now() - timedelta(seconds=1)
    Campaign.objects.filter(pk=campaign.pk).update(launch_at=then)
    row = JobRow.objects.get(kind="delivery.launch_campaign", state="pending")
    row.run_at, row.payload = then, {**row.payload, "at": then.isoformat()}
    row.save(update_fields=["run_at", "payload"])
    make.run_jobs()
    campaign.refresh_from_db()


def test_a_scheduled_campaign_leaves_at_its_time_and_not_before(tenant):
    campaign = planned()
    planning.schedule(campaign=campaign, at=in_an_hour(), by_id=tenant.owner.pk)
    make.run_jobs()
    campaign.refresh_from_db()
    assert (campaign.state, services.counts(campaign)) == ("scheduled", {})
    let_time_come(campaign)
    assert (campaign.state, services.counts(campaign)) == ("finished", {"sent": 3})


def test_what_stands_in_the_way_at_the_time_is_told_and_it_is_a_draft_again(tenant):
    campaign = planned()
    planning.schedule(campaign=campaign, at=in_an_hour(), by_id=tenant.owner.pk)
    segments.archive(segment=campaign.audience)
    let_time_come(campaign)
    assert (campaign.state, campaign.launch_at) == ("draft", None)
    assert Notice.objects.filter(user=tenant.owner).order_by("-id")[0].text == (
        f"“{campaign}” was not launched: The segment “{campaign.audience}” is archived; "
        "choose another."
    )


def test_a_time_that_was_taken_back_or_changed_launches_nothing(tenant):
    campaign = planned()
    first = in_an_hour()
    planning.schedule(campaign=campaign, at=first, by_id=None)
    planning.unschedule(campaign=campaign)
    assert planning.launch_due(campaign=campaign, at=first.isoformat()) is False
    planning.schedule(campaign=campaign, at=first + timedelta(hours=1), by_id=None)
    campaign.refresh_from_db()
    assert planning.launch_due(campaign=campaign, at=first.isoformat()) is False
    campaign.refresh_from_db()
    assert campaign.state == "scheduled"


@pytest.mark.parametrize(
    "ahead", [timedelta(seconds=-1), timedelta(seconds=30), timedelta(days=400)]
)
def test_a_time_in_the_past_or_too_far_is_refused(tenant, ahead):
    campaign = planned()
    with pytest.raises(Invalid, match="one minute to one year"):
        planning.schedule(campaign=campaign, at=timezone.now() + ahead, by_id=None)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.launch_at) == ("draft", None)


def test_what_would_stop_it_now_is_told_when_scheduling(tenant):
    campaign = planned()
    segments.archive(segment=campaign.audience)
    campaign.refresh_from_db()
    with pytest.raises(Invalid, match="archived; choose another"):
        planning.schedule(campaign=campaign, at=in_an_hour(), by_id=None)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.launch_at) == ("draft", None)
    assert not JobRow.objects.filter(kind="delivery.launch_campaign").exists()


def test_the_page_schedules_in_the_workspaces_time(tenant):
    Tenant.objects.filter(pk=tenant.id).update(timezone="Asia/Shanghai")
    campaign = planned()
    client = Client()
    client.force_login(tenant.owner)
    url = reverse("delivery_pages:move", args=[tenant.slug, campaign.pk])
    wall = (timezone.now().astimezone(UTC) + timedelta(hours=8 + 3)).strftime("%Y-%m-%dT%H:%M")
    assert client.post(url, {"verb": "schedule", "at": "soon"}).status_code == 422
    assert client.post(url, {"verb": "schedule", "at": wall}).status_code == 302
    campaign.refresh_from_db()
    assert campaign.state == "scheduled"
    assert abs(campaign.launch_at - timezone.now() - timedelta(hours=3)) < timedelta(minutes=1)


def test_the_calendar_puts_each_campaign_on_its_day_of_the_workspace(tenant):
    campaign = planned()
    late = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
    Campaign.objects.filter(pk=campaign.pk).update(state="scheduled", launch_at=late)
    with timezone.override("Asia/Shanghai"):
        found = planning.month(date(2026, 4, 1), date(2026, 4, 2))
    days = {d.date: [c.pk for c in d.campaigns] for week in found.weeks for d in week}
    assert days[date(2026, 4, 1)] == [campaign.pk]
    assert sum(map(len, days.values())) == 1
    assert (found.weeks[0][0].date, found.weeks[-1][-1].date) == (
        date(2026, 3, 30),
        date(2026, 5, 3),
    )
    assert not found.empty
    assert planning.month(date(2027, 4, 1), date(2026, 4, 2)).empty
    assert (found.before, found.after) == (date(2026, 3, 1), date(2026, 5, 1))


@pytest.mark.parametrize("text", ["", "2026-13", "x", "99999-01", "1999-12"])
def test_a_month_that_is_none_is_this_month(text):
    assert planning.month_of(text, date(2026, 11, 25)) == date(2026, 11, 1)


def test_a_scheduled_campaign_of_a_partners_channel_can_be_cancelled(tenant):
    campaign = planned(via="decide")
    planning.schedule(campaign=campaign, at=in_an_hour(), by_id=None)
    campaign.refresh_from_db()
    services.move(campaign=campaign, verb="cancel")
    campaign.refresh_from_db()
    assert (campaign.state, campaign.experiment.state) == ("cancelled", "draft")


def test_only_a_draft_is_changed_and_a_refusal_changes_nothing(tenant):
    campaign = planned()
    rest = {
        "via": campaign.via, "audience": campaign.audience, "experiment": campaign.experiment,
        "endpoint": None,
    }  # fmt: skip
    with pytest.raises(Invalid, match="Give the campaign a name"):
        services.change(campaign=campaign, name=" ", **rest)
    services.change(campaign=Campaign.objects.get(pk=campaign.pk), name="Spring", **rest)
    planning.schedule(campaign=campaign, at=in_an_hour(), by_id=None)
    campaign.refresh_from_db()
    with pytest.raises(Conflict, match="Only a draft"):
        services.change(campaign=campaign, name="Summer", **rest)
    campaign.refresh_from_db()
    assert campaign.name == "Spring"


def test_reach_tells_who_can_be_written_to_as_the_sending_will(tenant):
    campaign = planned(people=6)
    people = list(Contact.objects.order_by("external_id"))
    Contact.objects.filter(pk=people[0].pk).update(email="not an address")
    suppression.suppress(address=people[1].email, reason="bounced", source="test")
    contacts.record_consent(contact=people[2], state="refused", source="test")
    contacts.record_consent(contact=people[3], state="refused", source="test")
    contacts.record_consent(contact=people[3], state="given", source="test")
    make.record({**make.identify("x"), "userId": None, "anonymousId": "a4"})
    stranger = Contact.objects.get(external_id="")
    contacts.record_consent(contact=stranger, state="refused", source="test")
    make.record({**make.identify("p4"), "anonymousId": "a4"})  # who refused turns out to be p4
    Contact.objects.filter(pk=people[5].pk).update(status="blocklisted")
    found = reach.of(campaign)
    assert found.reachable == 1
    assert found.others == [
        "1 is blocklisted", "1 has no valid address", "1 is on the suppression list", "2 refused this channel",
    ]  # fmt: skip
    allowed = [
        suppression.may_send(person, channel="email", cap=3, days=7, now=timezone.now()).allowed
        for person in people
        if not person.refresh_from_db()
    ]
    assert sum(allowed) == found.reachable
