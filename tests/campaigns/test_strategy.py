"""A policy decides: groups, slots, probabilities, what the constraints forbid, fallbacks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.utils import timezone

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import say
from campaigns.contacts import services as contacts
from campaigns.contacts.models import Contact
from campaigns.decisions.models import Decision, Reward
from campaigns.delivery import deciding as delivery
from campaigns.strategy import banks, deciding, planning, selectors, services
from campaigns.strategy.models import Policy, PolicySpend
from tests import make
from tests.campaigns import shop
from tests.tenants.test_api import client, post

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def decide(of: Policy, person: Contact, at: datetime = NOON, **context: object) -> Decision:
    return deciding.decide(planning.planned(selectors.policy(of.pk), at), person, context, at)


def test_a_draft_decides_for_nobody_and_a_start_explores_evenly_beside_a_control(tenant):
    row = shop.policy(started=False)
    people = shop.people(400)
    with pytest.raises(Conflict, match="does not decide: it is draft"):
        decide(row, people[0])
    services.start(row)
    plan = planning.planned(selectors.policy(row.pk), NOON)
    made = [deciding.decide(plan, person, {}, NOON) for person in people]
    control = [d for d in made if d.mode == "control"]
    assert 10 < len(control) < 70  # five standard deviations
    assert {d.action for d in control} == {"wait"}
    assert {d.mode for d in made} == {"control", "explore"}
    # logged is the chance over everything left to chance: 0.1 of control, 0.9 in thirds
    assert made[0].propensities == {
        "wait": pytest.approx(0.4), "discount": pytest.approx(0.3), "delivery": pytest.approx(0.3),
    }  # fmt: skip
    shares = {key: sum(d.action == key for d in made) / 400 for key in made[0].propensities}
    assert shares == {
        "wait": pytest.approx(0.4, abs=0.123), "discount": pytest.approx(0.3, abs=0.115),
        "delivery": pytest.approx(0.3, abs=0.115),
    }  # fmt: skip


def test_in_a_slot_the_answer_stays_and_the_next_slot_decides_anew(tenant):
    row, people = shop.policy(), shop.people(60)
    first = [decide(row, p).pk for p in people]
    assert [decide(row, p, NOON + timedelta(hours=5)).pk for p in people] == first
    later = [decide(row, p, NOON + timedelta(hours=24)) for p in people]
    assert not {d.pk for d in later} & set(first)
    groups = {d.contact_id: d.mode for d in Decision.objects.filter(pk__in=first)}
    assert {d.contact_id: d.mode for d in later} == groups  # the control group is for good
    assert len({d.action for d in later}) == 3


def test_each_request_is_its_own_where_a_policy_decides_at_once(tenant):
    row = shop.policy(every_hours=0)
    person = shop.people(1)[0]
    assert len({decide(row, person).pk for _ in range(3)}) == 3


def test_a_reward_goes_to_the_last_decision_before_it(tenant):
    row, people = shop.policy(window_hours=100), shop.people(1)
    start = timezone.now() - timedelta(days=4)
    first, second = (decide(row, people[0], start + timedelta(days=d)) for d in (0, 1))
    make.record(make.track(people[0].external_id, "Order Completed"))
    make.run_jobs()
    assert Reward.objects.count() == 1
    assert Reward.objects.get().decision_id == second.pk != first.pk


def test_a_cap_counts_what_was_done_and_says_so(tenant):
    row = shop.policy(control_share=0.01)
    person = next(p for p in shop.people(9) if deciding.group_of(row, None, p.pk)[0] != "control")
    banks.add_constraint(
        row, kind="cap", options=["offer:discount", "offer:delivery"],
        values={"most": 1, "days": 7},
    )  # fmt: skip
    done = 0
    for day in range(12):
        made = decide(row, person, NOON + timedelta(days=day))
        recent = Decision.objects.filter(
            contact=person, at__gte=made.at - timedelta(days=7), at__lt=made.at
        ).exclude(action="wait")
        if recent.exists():
            assert made.propensities == {"wait": 1.0}
            assert [e["action"] for e in made.excluded] == ["discount", "delivery"]
            assert made.excluded[0]["why"]["text"].startswith("Had it %(n)s time")
        done += made.action != "wait"
    assert 1 <= done <= 2


def test_quiet_hours_are_those_of_the_person(tenant):
    row = shop.policy(may_wait=True)
    banks.add_constraint(row, kind="quiet", options=[], values={"from": 21, "to": 8})
    here, there = shop.people(2)
    Contact.objects.filter(pk=there.pk).update(timezone="Asia/Shanghai")  # 20:00 + 8 h at noon UTC
    there.refresh_from_db()
    at = datetime(2026, 11, 25, 14, tzinfo=UTC)
    assert len(decide(row, here, at).propensities) == 3
    assert decide(row, there, at).propensities == {"wait": 1.0}


def test_a_budget_is_never_overspent(tenant):
    row = shop.policy(of=shop.bank(discount=300, delivery=200), control_share=0.01)
    rule = banks.add_constraint(
        row, kind="budget", options=[], values={"cents": 1_000, "period": "day"}
    )
    made = [decide(row, p) for p in shop.people(30)]
    cost = {"discount": 300, "delivery": 200, "wait": 0}
    spent = sum(cost[d.action] for d in made)
    assert PolicySpend.objects.get().cents == spent
    assert 800 < spent <= 1_000
    last = decide(row, shop.people(1, seed=9)[0])
    assert last.action == "wait" or spent + cost[last.action] <= 1_000
    assert all(e["rule"] == str(rule.pk) for e in last.excluded)


def test_eligibility_consent_and_exclusion(tenant):
    bank = shop.bank()
    for channel in ("email", "sms"):
        banks.add_option(bank, dimension="channel", name=channel, key=channel)
    row = shop.policy(of=bank, control_share=0.01)
    vip = make.segment({"trait": "tier", "is": "vip"}, name="VIP")
    banks.add_constraint(row, kind="eligible", options=["offer:discount"], values={}, segment=vip)
    both = ["offer:delivery", "channel:sms"]
    banks.add_constraint(row, kind="exclusion", options=both, values={})
    plain = make.contact("plain", age="old")
    assert set(decide(row, plain).propensities) == {"wait", "email.delivery"}
    gold = make.contact("gold", age="old", tier="vip")
    assert set(decide(row, gold).propensities) == {
        "wait", "email.discount", "email.delivery", "sms.discount",
    }  # fmt: skip
    contacts.record_consent(contact=gold, state="refused", channel="email", source="t")
    after = decide(row, gold, NOON + timedelta(days=2))
    assert set(after.propensities) == {"wait", "sms.discount"}
    assert {e["rule"] for e in after.excluded} == {"consent"}


def test_shares_keep_to_their_bounds_and_to_those_of_a_group(tenant):
    row = shop.policy(control_share=0.1)
    banks.add_constraint(row, kind="share", options=["offer:discount"], values={
        "least": 0.0, "most": 0.1, "trait": "age", "value": "young",
    })  # fmt: skip
    young, old = make.contact("y", age="young"), make.contact("o", age="old")
    assert decide(row, young).propensities["discount"] == pytest.approx(0.09)  # 0.9 of 0.1
    assert decide(row, old).propensities["discount"] == pytest.approx(0.3)
    assert decide(row, young).context["bound"] or decide(row, young).mode == "control"


def test_a_killed_policy_and_one_that_knows_too_little_give_the_default(tenant):
    row = shop.policy(features=["trait:age", "trait:tier", "trait:town"])
    person = make.contact("x", age="old")
    made = decide(row, person)
    assert (made.mode, made.action) == ("fallback", "wait")
    assert made.context["fallback"]["text"].startswith("Of %(n)s features only")
    services.kill(selectors.policy(row.pk), say("It sold what was out of stock."))
    later = decide(row, make.contact("z", age="old", tier="a", town="b"))
    assert (later.mode, later.propensities) == ("fallback", {"wait": 1.0})
    services.resume(selectors.policy(row.pk))
    at = NOON + timedelta(days=1)
    assert decide(row, make.contact("w", age="old", tier="a", town="b"), at).mode != "fallback"


def test_an_option_taken_out_is_chosen_no_more_and_a_new_one_may_be(tenant):
    row = shop.policy(control_share=0.01)
    bank = selectors.bank(row.bank_id)
    options = {o.key: o for o in selectors.options_of(bank.pk)}
    banks.set_in_use(options["discount"], in_use=False)
    assert set(decide(row, shop.people(1)[0]).propensities) == {"wait", "delivery"}
    banks.add_option(bank, dimension="offer", name="Gift", key="gift")
    assert set(decide(row, shop.people(1, seed=2)[0]).propensities) == {"wait", "delivery", "gift"}
    banks.set_in_use(options["delivery"], in_use=False)
    gift = next(o for o in selectors.options_of(bank.pk) if o.key == "gift")
    with pytest.raises(Conflict, match="last option of its dimension"):
        banks.set_in_use(gift, in_use=False)
    with pytest.raises(Invalid, match="a new dimension would change every action"):
        banks.add_option(bank, dimension="channel", name="SMS")


def test_what_a_plan_may_not_be(tenant):
    empty = banks.create_bank("Empty")
    order = make.metric()
    plan = services.PolicyPlan(
        name=" ", bank=empty, primary=order, guardrails=[order], features=["shoe size"],
        control_share=0.0, window_hours=0, stale_hours=0, every_hours=-1, discount=1.0,
    )  # fmt: skip
    with pytest.raises(Invalid) as refused:
        services.create(plan)
    assert [e.field for e in refused.value.errors] == [
        "name", "control_share", "every_hours", "window_hours", "discount", "stale_hours",
        "features", "guardrails", "bank",
    ]  # fmt: skip
    full = shop.bank()
    with pytest.raises(Invalid, match=r"floor is 0 to 0\.333"):
        services.create(services.PolicyPlan(name="x", bank=full, primary=order, floor=0.4))
    with pytest.raises(Invalid, match="no action “email” in the bank"):
        services.create(
            services.PolicyPlan(name="x", bank=full, primary=order, default_action="email")
        )


def test_the_api_tells_options_and_approved_texts(tenant):
    bank = banks.create_bank("Banners")
    text = make.approved("banner")
    banks.add_option(bank, dimension="creative", name="Spring", key="spring", revision=text)
    row = shop.policy(of=bank, features=[], control_share=0.01)
    answers = [
        delivery.decide_by_policy(
            key=row.key, user_id=f"u{n}", anonymous_id="", context={}, now=NOON)
        for n in range(20)
    ]  # fmt: skip
    shown = [a for a in answers if a.decision.action == "spring"]
    assert shown
    assert shown[0].options == {"creative": "spring"}
    assert shown[0].components == {"creative": make.GOOD["banner"]}
    assert {a.decision.action for a in answers} == {"wait", "spring"}
    assert np.isclose(sum(shown[0].decision.propensities.values()), 1)


def test_a_program_asks_for_an_action_and_may_pull_the_kill_switch(tenant):
    row = shop.policy(features=[])
    who = client(tenant, "decisions.make", "strategy.launch", "strategy.view")
    status, told = post(who, "/v1/decide", {"policy": row.key, "userId": "u1"})
    assert status == 200
    assert told["action"] in {"wait", "discount", "delivery"}
    assert told["options"] == ({} if told["action"] == "wait" else {"offer": told["action"]})
    assert (told["arm"], told["revision"]) == (None, None)
    assert sum(told["propensities"].values()) == pytest.approx(1)
    assert post(who, "/v1/decide", {"policy": row.key, "userId": "u1"})[1] == told
    assert post(who, "/v1/decide", {"policy": "none", "userId": "u1"})[0] == 404
    assert post(who, "/v1/decide", {"policy": row.key, "experiment": "x", "userId": "u"})[0] == 422
    assert post(who, "/v1/decide", {"userId": "u"})[0] == 422
    status, after = post(who, f"/v1/policies/{row.pk}/move", {"verb": "kill"})
    assert (status, after["state"]) == (200, "paused")
    assert post(who, "/v1/decide", {"policy": row.key, "userId": "u2"})[1]["mode"] == "fallback"
    assert post(who, f"/v1/policies/{row.pk}/move", {"verb": "kill"})[0] == 409
