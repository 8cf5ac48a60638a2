"""Policies that send by themselves: each person is decided for in time, once; what was chosen leaves
at its hour, and stops where people, policy or workspace say so."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from attune.kernel.phrases import say
from campaigns.approval import services as approval
from campaigns.contacts import services as contacts
from campaigns.contacts.models import Contact, Event, Identity
from campaigns.content import services as content
from campaigns.decisions.models import Decision, Reward, Withdrawal
from campaigns.delivery import deciding, revising, selectors, services, standing
from campaigns.delivery.forms import ReviseForm
from campaigns.delivery.models import Campaign, Send
from campaigns.segments.models import SegmentMembership
from campaigns.strategy import banks, binding, rounds
from campaigns.strategy import deciding as deciding_of_policies
from campaigns.strategy import selectors as strategy
from campaigns.strategy import services as policies
from campaigns.strategy.models import ActionBank, Constraint, Policy, PolicySpend
from insights import chain
from tenants import caps
from tenants.models import Tenant
from tests import make
from tests.campaigns import shop
from workers import tasks

NOON = datetime(2026, 11, 30, 12, 5, tzinfo=UTC)


def letters(**options: Any) -> ActionBank:
    bank = banks.create_bank("Letters")
    for key in ("plain", "offer"):
        banks.add_option(bank, dimension="creative", name=key.title(), key=key,
                         revision=make.approved(subject=f"The {key} tea"))  # fmt: skip
    for dimension, values in options.items():
        banks.add_option(bank, dimension=dimension, name=f"{dimension} option", **values)
    return bank


def people(n: int = 6, **traits: str) -> None:
    make.record(
        *[make.identify(f"p{i}", email=f"p{i}@example.com", name="Ada L", **traits)
          for i in range(n)]
    )  # fmt: skip


def launched(bank: ActionBank | None = None, n: int = 6, **fields: Any) -> Campaign:
    """Without a wait, so that whoever is no control gets a letter."""
    people(n)
    bank = bank or letters()
    usual = strategy.combined_actions(strategy.options_of(bank.pk), False)[0].key
    of = shop.policy(of=bank, started=False, features=[], may_wait=False, default_action=usual,
                     floor=0.05, **fields)  # fmt: skip
    audience = make.segment({"trait": "email", "exists": True})
    row = services.create(name="Tea letters", via="email", audience=audience, policy=of)
    services.launch(campaign=row)
    return selectors.campaign(row.pk)


def tick(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    """What beat and workers do at a moment."""
    monkeypatch.setattr("workers.tasks.delivery.timezone", SimpleNamespace(now=lambda: at))
    tasks.delivery.keep_up()
    make.run_jobs()


def test_each_person_gets_one_letter_a_day(tenant, monkeypatch):
    campaign = launched()
    for minutes in (0, 20, 40, 60):
        tick(monkeypatch, NOON + timedelta(minutes=minutes))
    assert services.counts(campaign) == {"sent": 6}
    assert Decision.objects.count() == 6
    seen = selectors.visit_of(selectors.campaign(campaign.pk))
    assert (seen["decided"], seen["waits"], seen["unreachable"]) == (0, 0, 0)
    tick(monkeypatch, NOON + timedelta(days=1))
    assert services.counts(campaign) == {"sent": 12}
    assert selectors.visit_of(selectors.campaign(campaign.pk))["decided"] == 6
    chosen = dict(Decision.objects.values_list("pk", "action"))
    for send in selectors.sends():
        assert send.components["subject"] == f"The {chosen[send.decision_id]} tea"
    assert Event.objects.filter(name="Message Sent").count() == 12


def test_what_is_beyond_the_months_cap_is_not_kept_for_later(tenant, monkeypatch):
    """The policy decides anew each day: what waited for the month would pile up."""
    caps.save_own({"messages": 2})
    row = launched()
    tick(monkeypatch, NOON)
    assert services.counts(row) == {"sent": 2, "capped": 4}


def test_what_comes_back_is_a_reward_of_the_decision(tenant, monkeypatch):
    launched(n=1)
    now = timezone.now()
    tick(monkeypatch, now)
    make.record(make.track("p0", "Order Completed"))
    tick(monkeypatch, now + timedelta(minutes=1))
    assert Reward.objects.get().decision_id == Decision.objects.get().pk
    steps = {step.key: str(step.sentence) for step in chain.of_send(selectors.sends().get())}
    control = Decision.objects.get().mode == "control"
    begins = "They are in the control group" if control else "Version 1 of “Welcome” chose “"
    assert steps["decision"].startswith(begins)


def test_whoever_waits_gets_nothing_and_is_counted(tenant, monkeypatch):
    people(40)
    of = shop.policy(of=letters(), features=[], floor=0.2)
    audience = make.segment({"trait": "email", "exists": True})
    campaign = services.create(name="Tea letters", via="email", audience=audience, policy=of)
    services.launch(campaign=campaign)
    tick(monkeypatch, NOON)
    waits = Decision.objects.filter(action="wait").count()
    assert 0 < waits < 40  # a third of 36, and the control
    seen = selectors.visit_of(selectors.campaign(campaign.pk))
    assert (seen["decided"], seen["waits"]) == (40, waits)
    assert services.counts(campaign) == {"sent": 40 - waits}


@pytest.mark.parametrize(
    ("zone", "due"),
    [("UTC", datetime(2026, 12, 1, 9, tzinfo=UTC)),
     ("Asia/Shanghai", datetime(2026, 12, 1, 1, tzinfo=UTC)),
     ("America/New_York", datetime(2026, 11, 30, 14, tzinfo=UTC))],
)  # fmt: skip
def test_a_send_time_is_of_the_persons_day(tenant, monkeypatch, zone, due):
    campaign = launched(letters(send_time={"key": "nine", "hour": 9}), n=1)
    Contact.objects.update(timezone=zone)
    tick(monkeypatch, NOON)
    send = selectors.sends().get()
    assert (send.state, send.due_at) == ("pending", due)
    tick(monkeypatch, due - timedelta(minutes=1))
    assert services.counts(campaign) == {"pending": 1}
    monkeypatch.setattr(standing, "EVERY", timedelta(days=9))
    tick(monkeypatch, due)
    assert Send.objects.get(pk=send.pk).state == "sent"


def test_quiet_hours_put_off_and_drop_nothing(tenant, monkeypatch):
    campaign = launched(n=2)
    banks.add_constraint(campaign.policy, kind=Constraint.Kind.QUIET, options=[],
                         values={"from": 20, "to": 8})  # fmt: skip
    Contact.objects.filter(external_id="p1").update(timezone="Asia/Shanghai")  # 20:05 there
    tick(monkeypatch, NOON)
    seen = selectors.visit_of(selectors.campaign(campaign.pk))
    assert (seen["decided"], seen["quiet"]) == (1, 1)
    assert services.counts(campaign) == {"sent": 1}
    tick(monkeypatch, NOON + timedelta(hours=11, minutes=54))  # 07:59 there
    assert services.counts(campaign) == {"sent": 1}
    tick(monkeypatch, NOON + timedelta(hours=12, minutes=10))
    assert Send.objects.filter(contact__external_id="p1", state="sent").count() == 1


def test_a_frequency_gives_rest(tenant, monkeypatch):
    campaign = launched(letters(frequency={"key": "weekly", "days": 7}), n=3)
    for day in range(8):
        tick(monkeypatch, NOON + timedelta(days=day, minutes=day))
        if day == 3:
            assert selectors.visit_of(selectors.campaign(campaign.pk))["held"] == 3
    assert services.counts(campaign) == {"sent": 6}
    assert sorted({d.at.day for d in Decision.objects.all()}) == [7, 30]


def test_an_option_for_a_segment_is_for_its_people(tenant, monkeypatch):
    people(8)
    gold = make.segment({"trait": "plan", "is": "gold"})
    bank = letters(audience={"key": "gold", "segment": gold})
    banks.add_option(bank, dimension="audience", name="All", key="all")
    make.record(*[make.identify(f"p{i}", plan="gold") for i in range(4)])
    launched(bank, n=8)
    tick(monkeypatch, NOON)
    for made in Decision.objects.select_related("contact"):
        golden = made.contact.traits.get("plan") == "gold"
        assert any("gold" in key for key in made.eligible) is golden
        assert {e["rule"] for e in made.excluded} == (set() if golden else {"audience"})


def test_who_may_not_be_written_to_is_not_decided_for(tenant, monkeypatch):
    campaign = launched(n=5)
    Contact.objects.filter(external_id="p0").update(email="not an address")
    Contact.objects.filter(external_id="p1").update(status="blocklisted")
    p2 = Contact.objects.get(external_id="p2")
    contacts.record_consent(contact=p2, state="refused", channel="email", source="test")
    Tenant.objects.filter(pk=tenant.id).update(frequency_cap=1)
    tick(monkeypatch, NOON)
    assert services.counts(campaign) == {"sent": 2}
    assert selectors.visit_of(selectors.campaign(campaign.pk))["unreachable"] == 3
    tick(monkeypatch, NOON + timedelta(days=1))  # the cap is one in seven days
    assert Decision.objects.count() == 2
    assert selectors.visit_of(selectors.campaign(campaign.pk))["unreachable"] == 5


def test_the_kill_switch_stops_what_waits(tenant, monkeypatch, client):
    campaign = launched(letters(send_time={"key": "nine", "hour": 9}), n=20)
    tick(monkeypatch, NOON)
    policies.kill(campaign.policy, say("Wrong price."))
    tick(monkeypatch, NOON + timedelta(minutes=1))
    assert services.counts(campaign) == {"aborted": 20}  # at once, not when they are due
    told = {s.reason for s in selectors.sends()}
    assert told == {"The policy is stopped; nothing is sent."}
    client.force_login(tenant.owner)
    page = client.get(f"/w/{tenant.slug}/campaigns/{campaign.pk}").content.decode()
    assert "nothing is decided or sent until it is resumed" in page
    tick(monkeypatch, NOON + timedelta(days=1))  # nobody gets the default by itself either
    assert Decision.objects.count() == 20
    seen = selectors.visit_of(selectors.campaign(campaign.pk))
    assert str(seen["problem"]).startswith("Nothing is sent: The policy is stopped")


def test_what_did_not_leave_teaches_nothing_and_gives_its_money_back(tenant, monkeypatch):
    campaign = launched(letters(send_time={"key": "nine", "hour": 9, "cost_cents": 7}), n=30)
    budget = banks.add_constraint(campaign.policy, kind=Constraint.Kind.BUDGET, options=[],
                                  values={"cents": 10_000, "period": "month"})  # fmt: skip
    tick(monkeypatch, NOON)
    assert PolicySpend.objects.get(constraint=budget).cents == 30 * 7
    some = Contact.objects.filter(external_id__in=[f"p{n}" for n in range(10)])
    some.update(status="blocklisted")
    monkeypatch.setattr(standing, "EVERY", timedelta(days=9))
    tick(monkeypatch, NOON + timedelta(hours=21))
    assert services.counts(campaign) == {"sent": 20, "aborted": 10}
    aborted = selectors.sends().filter(state="aborted")
    gone = set(aborted.values_list("decision_id", flat=True))
    assert gone == set(Withdrawal.objects.values_list("decision_id", flat=True))
    assert PolicySpend.objects.get(constraint=budget).cents == 20 * 7
    since, until = NOON - timedelta(days=1), NOON + timedelta(days=2)
    assert len(rounds.of_decisions(campaign.policy, since=since, until=until)) == 20


def test_a_reward_counts_from_when_the_letter_leaves(tenant, monkeypatch):
    bank = letters(send_time={"key": "nine", "hour": 9})
    campaign = launched(bank, n=1, window_hours=24)
    Contact.objects.update(timezone="UTC")
    now = timezone.now().replace(hour=12, minute=0)
    now -= timedelta(days=3)
    tick(monkeypatch, now)
    leaves = (now + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    made = Decision.objects.get()
    assert (made.acts_at, made.window_closes_at) == (leaves, leaves + timedelta(hours=24))
    for at in (leaves - timedelta(hours=1), leaves + timedelta(hours=2)):
        make.record(make.track("p0", "Order Completed") | {"timestamp": at.isoformat()})
    reward = Reward.objects.get()
    assert reward.observed_at == leaves + timedelta(hours=2)
    told = rounds.of_decisions(campaign.policy, since=now - timedelta(days=1),
                               until=leaves + timedelta(days=2))  # fmt: skip
    assert told.delays[0] == pytest.approx(2.0)


def test_an_edited_text_is_not_sent_until_the_bank_shows_its_approved_revision(
    tenant, monkeypatch, client
):
    campaign = launched(n=12)
    option = campaign.policy.bank.options.get(key="offer")
    edited = content.edit(revision=option.revision, components={
        **option.revision.components, "subject": "A better tea",
    }, author_id=tenant.owner.pk)  # fmt: skip
    tick(monkeypatch, NOON)
    assert set(Decision.objects.values_list("action", flat=True)) == {"plain"}
    seen = selectors.visit_of(selectors.campaign(campaign.pk))
    assert "is not sent" in str(seen["problem"])
    review = approval.submit(revision=edited, by_id=None)
    approval.decide(review=review, by=approval.Reviewer(10**9, "Rita"), kind="approve")
    client.force_login(tenant.owner)
    page = f"/w/{tenant.slug}/strategy/banks/{campaign.policy.bank_id}"
    assert f"Show revision {edited.number}" in client.get(page).content.decode()
    client.post(f"/w/{tenant.slug}/strategy/options/{option.pk}/use", {"verb": "show"})
    tick(monkeypatch, NOON + timedelta(days=1))
    told = selectors.sends().filter(decision__action="offer").values_list("revision_id", flat=True)
    assert set(told) == {edited.pk}


def test_who_leaves_the_audience_before_the_hour_gets_nothing(tenant, monkeypatch):
    campaign = launched(letters(send_time={"key": "nine", "hour": 9}), n=2)
    tick(monkeypatch, NOON)
    SegmentMembership.objects.filter(contact__external_id="p0").update(left_at=NOON)
    monkeypatch.setattr(standing, "EVERY", timedelta(days=9))
    tick(monkeypatch, NOON + timedelta(hours=21))
    assert services.counts(campaign) == {"sent": 1, "aborted": 1}
    assert "any more" in selectors.sends().get(state="aborted").reason


def test_a_long_visit_and_many_letters_go_on_in_other_jobs(tenant, monkeypatch):
    monkeypatch.setattr(standing, "MOST", 4)
    monkeypatch.setattr(standing, "LOOKED", 4)
    monkeypatch.setattr(standing, "PORTION", 2)
    campaign = launched(n=11)
    tick(monkeypatch, NOON)
    assert services.counts(campaign) == {"sent": 11}
    assert selectors.visit_of(selectors.campaign(campaign.pk))["decided"] == 11
    done = JobRow.objects.filter(kind="delivery.visit", state="done").count()
    assert done == 3


def test_while_one_visit_runs_no_other_is_asked_for(tenant):
    campaign = launched(n=1)
    standing.ask(NOON)
    JobRow.objects.filter(kind="delivery.visit").update(state="running")
    standing.ask(NOON)
    assert JobRow.objects.filter(kind="delivery.visit").count() == 1
    assert campaign.visit_at is None


def test_a_visitor_who_turns_out_to_be_known_keeps_their_rest(tenant, monkeypatch):
    campaign = launched(letters(frequency={"key": "weekly", "days": 7}), n=1)
    visitor = Contact.objects.create(email="v@example.com")
    Identity.objects.create(kind="anonymous", value="a1", contact=visitor)
    plan = standing.ready(campaign, NOON).plan
    deciding_of_policies.decide(plan, visitor, {}, NOON - timedelta(hours=30))
    make.record({"type": "identify", "userId": "p0", "anonymousId": "a1", "messageId": "m1"})
    tick(monkeypatch, NOON)
    seen = selectors.visit_of(selectors.campaign(campaign.pk))
    assert (seen["decided"], seen["held"]) == (0, 1)


def test_a_share_of_a_true_trait_binds_as_people_write_it():
    assert [binding._text(v) for v in (True, False, 3, "x", None)] == [
        "true", "false", "3", "x", "",
    ]  # fmt: skip


def test_a_retired_policy_is_said(tenant, monkeypatch):
    campaign = launched(n=2)
    Policy.objects.update(state=Policy.State.RETIRED)
    tick(monkeypatch, NOON)
    seen = selectors.visit_of(selectors.campaign(campaign.pk))
    assert str(seen["problem"]) == "The policy “Welcome” does not decide: it is retired."
    assert not Send.objects.exists()


def test_a_pause_holds_and_what_is_too_late_is_not_sent(tenant, monkeypatch):
    campaign = launched(letters(send_time={"key": "nine", "hour": 9}), n=3)
    tick(monkeypatch, NOON)
    services.move(campaign=selectors.campaign(campaign.pk), verb="pause")
    tick(monkeypatch, NOON + timedelta(hours=22))
    assert services.counts(campaign) == {"pending": 3}
    services.move(campaign=selectors.campaign(campaign.pk), verb="resume")
    monkeypatch.setattr(standing, "EVERY", timedelta(days=9))
    tick(monkeypatch, NOON + timedelta(days=3))
    assert services.counts(campaign)["aborted"] == 3
    reason = selectors.sends().filter(state="aborted").first().reason
    assert reason == "Its time was over before it could be sent."


def test_an_end_aborts_and_frees_the_policy(tenant, monkeypatch):
    campaign = launched(letters(send_time={"key": "nine", "hour": 9}), n=2)
    tick(monkeypatch, NOON)
    with pytest.raises(Invalid, match="has this one already"):
        services.create(name="Again", via="email", audience=campaign.audience,
                        policy=campaign.policy)  # fmt: skip
    services.move(campaign=selectors.campaign(campaign.pk), verb="finish")
    assert services.counts(campaign) == {"aborted": 2}
    services.create(name="Again", via="email", audience=campaign.audience, policy=campaign.policy)


def test_others_do_not_ask_a_policy_that_sends(tenant):
    campaign = launched(n=1)
    with pytest.raises(Conflict, match="“Tea letters” sends by itself"):
        deciding.decide_by_policy(key=campaign.policy.key, user_id="p0", anonymous_id="",
                                  context={}, now=NOON)  # fmt: skip


def test_a_crash_while_handing_over_is_uncertain_and_not_sent_again(tenant, monkeypatch):
    campaign = launched(n=1)
    tick(monkeypatch, NOON)
    Send.objects.update(state="sending", sent_at=NOON)
    tick(monkeypatch, NOON + timedelta(minutes=10))
    assert services.counts(campaign) == {"sending": 1}
    tick(monkeypatch, NOON + timedelta(minutes=16))
    assert services.counts(campaign) == {"uncertain": 1}


def test_only_what_can_be_sent_is_chosen(tenant, monkeypatch):
    bank = letters()
    banks.add_option(bank, dimension="creative", name="Silent", key="silent")
    banner = make.approved("banner")
    banks.add_option(bank, dimension="creative", name="Banner", key="banner", revision=banner)
    launched(bank, n=30)
    tick(monkeypatch, NOON)
    assert set(Decision.objects.values_list("action", flat=True)) == {"plain", "offer"}


def test_a_time_of_day_is_refused_where_a_policy_chooses_the_moment(tenant):
    campaign = launched()
    with pytest.raises(Invalid) as refused:
        services.create(name="At nine", via="email", audience=campaign.audience,
                        policy=campaign.policy, local_time=time(9))  # fmt: skip
    assert [error.field for error in refused.value.errors] == ["local_time"]
    with pytest.raises(Invalid, match="chooses the moment itself"):
        revising.revise(campaign=campaign, seen=1, template=None, topic=None,
                        local_time=time(9), per_hour=None, texts={})  # fmt: skip
    assert "local_time" not in ReviseForm(own=campaign).fields
