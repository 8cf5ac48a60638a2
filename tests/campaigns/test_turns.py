"""Quiet hours, a set time of day, the pace and the cap put a message off; nothing is dropped."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from campaigns.delivery import endpoints, selectors, sending, services, standing, timing
from campaigns.delivery.jobs import SEND_DUE
from campaigns.delivery.models import Campaign, Endpoint, Send
from tenants.models import Tenant
from tests import make

BERLIN, TOKYO = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo")


def launched(*zones: str, **options: object) -> Campaign:
    for n, zone in enumerate(zones):
        make.contact(f"p{n}", timezone=zone)
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    campaign = make.campaign(make.segment(), trial, **options)
    services.launch(campaign=campaign)
    return campaign


def set_up(tenant: make.Place, **values: object) -> None:
    Tenant.objects.filter(pk=tenant.id).update(**values)


@pytest.mark.parametrize(
    ("now", "start", "end", "until"),
    [
        ("2026-03-02 23:10", 22, 8, "2026-03-03 08:00"),
        ("2026-03-02 07:59", 22, 8, "2026-03-02 08:00"),
        ("2026-03-02 08:00", 22, 8, None),
        ("2026-03-02 21:59", 22, 8, None),
        ("2026-03-02 13:30", 12, 14, "2026-03-02 14:00"),
        ("2026-03-02 13:30", 9, 9, None),
        ("2026-03-28 23:00", 22, 3, "2026-03-29 03:00"),  # the clock jumps from 2 to 3
    ],
)
def test_quiet_hours_end_by_the_persons_clock(now, start, end, until):
    local = datetime.fromisoformat(now).replace(tzinfo=BERLIN)
    found = timing.quiet_until(local.astimezone(UTC), BERLIN, start, end)
    want = datetime.fromisoformat(until).replace(tzinfo=BERLIN) if until else None
    assert found == want


def test_the_next_monday_at_nine():
    now = datetime(2026, 3, 2, 9, 1, tzinfo=TOKYO)  # a Monday
    assert timing.next_at(now, TOKYO, time(9), 0) == datetime(2026, 3, 9, 9, tzinfo=TOKYO)
    assert timing.next_at(now, TOKYO, time(9, 1), 0) == now
    assert timing.zone_of("Nowhere/Else", "", "Asia/Tokyo") == TOKYO
    assert timing.zone_of("x") == ZoneInfo("UTC")


def test_in_quiet_hours_a_message_waits_and_leaves_when_they_are_over(tenant):
    now = timezone.now()
    hour = now.astimezone(BERLIN).hour
    set_up(tenant, quiet_from=hour, quiet_to=(hour + 1) % 24, timezone="UTC")
    campaign = launched("Europe/Berlin", "Asia/Tokyo")
    make.run_jobs()
    assert services.counts(campaign) == {"pending": 1, "sent": 1}
    waits = Send.objects.get(state="pending")
    assert waits.contact.timezone == "Europe/Berlin"
    assert waits.reason == "Waits for the end of the quiet hours."
    ends = (now.astimezone(BERLIN) + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    assert waits.due_at == ends
    campaign.refresh_from_db()
    assert campaign.state == "running"
    set_up(tenant, quiet_to=hour)
    Send.objects.filter(pk=waits.pk).update(due_at=now)
    standing.ask(timezone.now())
    make.run_jobs()
    assert services.counts(campaign) == {"sent": 2}
    campaign.refresh_from_db()
    assert campaign.state == "finished"
    waits.refresh_from_db()
    assert waits.reason == ""


def test_at_a_time_of_each_persons_day(tenant):
    now = timezone.now()
    soon = (now.astimezone(TOKYO) + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    campaign = launched("Asia/Tokyo", "Europe/Berlin", local_time=soon.time())
    make.run_jobs()
    due = dict(Send.objects.values_list("contact__timezone", "due_at"))
    assert due["Asia/Tokyo"] == soon
    assert due["Europe/Berlin"] == timing.next_at(
        Campaign.objects.get(pk=campaign.pk).launched_at, BERLIN, soon.time()
    )
    assert services.counts(campaign) == {"pending": 2}


def test_the_pace_spreads_a_queue_over_its_hours(tenant):
    campaign = launched(*["UTC"] * 5, per_hour=2)
    make.run_jobs()
    assert services.counts(campaign) == {"sent": 2, "pending": 3}
    first = Send.objects.filter(state="sent").order_by("sent_at").first().sent_at
    due = sorted(Send.objects.filter(state="pending").values_list("due_at", flat=True))
    after = [round((at - first).total_seconds() / 60) for at in due]
    assert after == [60, 90, 120]


def test_the_cap_holds_a_message_back_as_long_as_the_workspace_is_patient(tenant):
    set_up(tenant, frequency_cap=1, frequency_days=1, patience_hours=25)
    first = launched("UTC")
    make.run_jobs()
    sent_at = Send.objects.get(campaign=first).sent_at
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    second = make.campaign(make.segment(), trial)
    services.launch(campaign=second)
    make.run_jobs()
    waits = Send.objects.get(campaign=second)
    assert (waits.state, waits.due_at) == ("pending", sent_at + timedelta(days=1))
    Send.objects.filter(campaign=first).update(sent_at=sent_at - timedelta(days=2))
    assert sending.prepare(waits.pk, now=timezone.now()) is None  # not before its time
    SEND_DUE.enqueue(SEND_DUE.payload(second.pk))
    Send.objects.filter(pk=waits.pk).update(due_at=timezone.now())
    make.run_jobs()
    assert services.counts(second) == {"sent": 1}


def test_a_patience_too_short_gives_the_message_up(tenant):
    set_up(tenant, frequency_cap=1, frequency_days=7, patience_hours=48)
    launched("UTC")
    make.run_jobs()
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    second = make.campaign(make.segment(), trial)
    services.launch(campaign=second)
    make.run_jobs()
    gone = Send.objects.get(campaign=second)
    assert (gone.state, gone.reason) == ("capped", "1 messages in 7 days already.")
    assert selectors.campaign(second.pk).state == "finished"


def test_who_waits_for_another_reason_is_not_in_the_queue_of_the_pace(tenant):
    campaign = launched(*["UTC"] * 4, per_hour=2)
    make.run_jobs()
    assert services.counts(campaign) == {"sent": 2, "pending": 2}
    capped, next_one = Send.objects.filter(state="pending").order_by("due_at")
    Send.objects.filter(pk=capped.pk).update(due_at=timezone.now() + timedelta(days=2))
    Send.objects.filter(pk=next_one.pk).update(due_at=timezone.now(), paced_at=None)
    standing.ask(timezone.now())
    make.run_jobs()
    next_one.refresh_from_db()
    assert next_one.due_at == next_one.paced_at
    assert timedelta(minutes=58) < next_one.due_at - timezone.now() <= timedelta(hours=1)


def test_what_goes_to_an_endpoint_that_is_off_waits_until_it_is_on(tenant, partner):
    url = f"http://127.0.0.1:{partner.server_port}/"
    endpoint, _ = endpoints.create(name="partner", url=url)
    Endpoint.objects.update(enabled=False)
    endpoint.refresh_from_db()
    campaign = launched("UTC", via="webhook", endpoint=endpoint)
    make.run_jobs()
    send = Send.objects.get()
    assert (send.state, str(send.reason)) == (
        "pending", "The endpoint is switched off: it waits until somebody switches it on.",
    )  # fmt: skip
    assert partner.calls == []
    Endpoint.objects.update(enabled=True)
    Send.objects.update(due_at=timezone.now())
    standing.ask(timezone.now())
    make.run_jobs()
    assert services.counts(campaign) == {"sent": 1}


def test_a_message_that_a_dead_worker_held_does_not_keep_its_campaign_open(tenant):
    campaign = launched("UTC")
    make.run_jobs()
    Campaign.objects.update(state="running")
    long_ago = timezone.now() - timedelta(minutes=16)
    Send.objects.update(state="sending", due_at=long_ago, sent_at=long_ago)
    standing.ask(timezone.now())
    campaign.refresh_from_db()
    assert (Send.objects.get().state, campaign.state) == ("uncertain", "finished")


def test_who_can_get_nothing_takes_no_turn_of_the_pace(tenant):
    for n in range(6):
        make.contact(f"p{n}", email=f"p{n}@example.com" if n >= 4 else "")
    audience = make.segment({"any": [{"trait": "email", "exists": True}, {"did_not": "Seen"}]})
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    campaign = make.campaign(audience, trial, per_hour=2)
    services.launch(campaign=campaign)
    make.run_jobs()
    assert services.counts(campaign) == {"suppressed": 4, "sent": 2}
