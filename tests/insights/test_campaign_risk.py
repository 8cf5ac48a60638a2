"""What a campaign may lose: told by earlier ones beside their control groups."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns.contacts.models import Contact, Event
from campaigns.decisions import services as log
from campaigns.decisions.models import Decision, Goal, Reward
from campaigns.delivery.models import Send
from insights.risk import campaigns
from tests import make

GOAL = "Order Completed"


def launched(name: str, *, people: int, lifted: float) -> None:
    """A campaign that is over: every second person got it; of each ten one bought for 20, of those
    who got it for more."""
    trial = make.experiment([make.approved()], holdout=0.5, name=name)
    campaign = make.campaign(make.segment({"trait": "email", "exists": True}), trial, via="decide")
    rows = [Contact(external_id=f"{name}{i}") for i in range(people)]
    Contact.objects.bulk_create(rows)
    shown = trial.arms.exclude(revision=None).get().key
    control = trial.arms.get(revision=None).key
    then = timezone.now() - timedelta(days=40)
    log.log([
        log.Choice(source="experiment", source_id=trial.pk, contact_id=person.pk, draw=0.5,
                   propensities={shown: 0.5, control: 0.5}, action=shown if i % 2 else control,
                   at=then, window_closes_at=then + timedelta(days=7), version=1)
        for i, person in enumerate(rows)
    ])  # fmt: skip
    metric = Goal.objects.get(source_id=trial.pk, role="primary").metric
    for i, person in enumerate(rows):
        if i % 20 < 2:
            cents = 2_000 + round(100 * lifted) * (i % 2)
            paid = Event.objects.create(message_id=f"{name}{i}", type="track", name=GOAL,
                                        contact=person, at=then, value_cents=cents)  # fmt: skip
            decision = Decision.objects.get(contact=person)
            Reward.objects.create(decision=decision, metric=metric, event=paid, value=1,
                                  observed_at=then)  # fmt: skip
    assert campaign.via == "decide"


def test_what_a_campaign_may_lose_is_told_by_earlier_ones(tenant, client):
    client.force_login(tenant.owner)
    trial = make.experiment([make.approved()], holdout=0.1, running=False)
    audience = make.segment({"trait": "email", "exists": True})
    new = make.campaign(audience, trial)
    page = f"/w/{tenant.slug}/risk/campaigns/{new.pk}"
    assert "Nothing was measured yet" in client.get(page).content.decode()
    launched("first", people=400, lifted=5.0)
    launched("second", people=200, lifted=15.0)
    launched("small", people=40, lifted=15.0)
    lines = campaigns.past(new)
    first, second, small = lines
    assert [(line.n, line.control_n) for line in lines] == [(200, 200), (100, 100), (20, 20)]
    assert (first.mean, first.control_mean) == pytest.approx((2.5, 2.0))
    assert first.effect.mean == pytest.approx(0.5)
    # one of ten paid 25, or 20: variances of 0.09 times the square, with n - 1
    expected = math.sqrt((25**2 + 20**2) * 0.09 * 200 / 199 / 200)
    assert first.effect.error == pytest.approx(expected)
    assert second.effect.mean == pytest.approx(1.5)
    assert small.effect is None
    told = client.get(page, {"people": 1000, "fixed": 100, "message": "0.05", "margin": 40})
    text = told.content.decode()
    found = campaigns.answer(campaigns.Question(1000, 100.0, 0.05, 0.4), lines)
    assert f"{found.loss:.0%}" in text
    assert "It pays from 0.375" in text
    assert 0.05 < found.loss < 0.5
    assert "By 2 earlier campaigns" in text
    guess = client.get(page, {"people": 1000, "fixed": 0, "message": 0, "margin": 100,
                              "gain": -2, "unsure": "0.1"}).content.decode()  # fmt: skip
    assert "By your own guess" in guess
    assert "more likely to lose money than to gain (100%)" in guess
    wrong = client.get(page, {"people": -5, "fixed": 0, "message": 0, "margin": 0, "gain": 1})
    assert wrong.status_code == 422
    for remedy in ("not negative", "at most 100 percent", "Give both"):
        assert remedy in wrong.content.decode()
    assert client.get(page, {"people": "many", "fixed": "x"}).status_code == 422


def test_a_campaign_counts_everybody_who_was_decided_for(tenant):
    """A fifth can never be written to and spends nothing: they are on both sides."""
    client_of = make.experiment([make.approved()], holdout=0.5, name="mail")
    campaign = make.campaign(make.segment({"trait": "email", "exists": True}), client_of)
    rows = [Contact(external_id=f"m{i}") for i in range(400)]
    Contact.objects.bulk_create(rows)
    shown = client_of.arms.exclude(revision=None).get()
    control = client_of.arms.get(revision=None).key
    then = timezone.now() - timedelta(days=40)
    log.log([
        log.Choice(source="experiment", source_id=client_of.pk, contact_id=person.pk, draw=0.5,
                   propensities={shown.key: 0.5, control: 0.5},
                   action=shown.key if i % 2 else control, at=then,
                   window_closes_at=then + timedelta(days=7), version=1)
        for i, person in enumerate(rows)
    ])  # fmt: skip
    metric = Goal.objects.get(source_id=client_of.pk, role="primary").metric
    for i, person in enumerate(rows):
        decision = Decision.objects.get(contact=person)
        reachable = i % 10 < 8
        if i % 2:
            Send.objects.create(campaign=campaign, contact=person, decision=decision,
                                revision=shown.revision, sent_at=then, components={"body": "x"},
                                state="sent" if reachable else "suppressed")  # fmt: skip
        if reachable:
            paid = Event.objects.create(message_id=f"m{i}", type="track", name=GOAL,
                                        contact=person, at=then,
                                        value_cents=1_000 + 50 * (i % 4 > 1))  # fmt: skip
            Reward.objects.create(decision=decision, metric=metric, event=paid, value=1,
                                  observed_at=then)  # fmt: skip
    trial = make.experiment([make.approved()], holdout=0.1, running=False)
    new = make.campaign(make.segment({"trait": "email", "exists": True}), trial)
    (line,) = campaigns.past(new)
    assert (line.n, line.sent, line.control_n) == (200, 160, 200)
    assert line.mean == pytest.approx(line.control_mean, abs=0.3)
    assert line.effect.mean == pytest.approx((line.mean - line.control_mean) / 0.8)
