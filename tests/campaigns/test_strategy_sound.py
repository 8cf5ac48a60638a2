"""Where a policy could fool itself, or its people: signs, costs, chances, groups, pauses, consent."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import say
from campaigns.contacts import services as contacts
from campaigns.contacts.models import Contact
from campaigns.decisions.models import Decision, Metric
from campaigns.strategy import (
    actions,
    banks,
    deciding,
    explaining,
    fairness,
    gate,
    learning,
    logformats,
    looking,
    planning,
    ramps,
    rounds,
    selectors,
    services,
)
from campaigns.strategy.actions import Action
from campaigns.strategy.fairness import Group
from campaigns.strategy.features import Encoder
from campaigns.strategy.learning import Rounds
from campaigns.strategy.models import Constraint, Policy, Ramp, RampLook
from campaigns.strategy.ramping import STEPS
from tests import make
from tests.campaigns import shop


def test_less_may_be_better_and_money_is_less_what_it_cost(tenant):
    harm = Metric(kind="conversion", higher_is_better=False)
    refunds = Metric(kind="value", higher_is_better=False)
    sales = Metric(kind="value", higher_is_better=True)
    dear = Action("a", (("offer", "a"),), 200)
    assert rounds.worth(harm, 3.0) == -1
    assert rounds.worth(refunds, 10.0) - rounds.cost(refunds, dear) == -12
    assert rounds.worth(sales, 10.0) - rounds.cost(sales, dear) == 8
    assert rounds.cost(harm, dear) == 0


def test_what_is_not_in_yet_is_not_held_against_what_costs_at_once():
    """Waiting brings 2.5; the action 5 for a cost of 2. Rewards come evenly over ten hours."""
    n = 40_000
    rng = np.random.default_rng(0)
    did = rng.integers(2, size=n)
    gross = np.where(did == 1, 5.0, 2.5)
    delay = rng.uniform(0, 10, n)
    ages = rng.uniform(0, 20, n)
    costs = 2.0 * did
    came = delay <= ages
    log = Rounds(
        ("wait", "act"), [{}] * n, did, gross * came - costs, np.full(n, 0.5),
        np.ones((n, 2), dtype=bool), np.arange(n).astype(str), ages, 10.0,
        np.where(came, delay, np.nan), None, costs,
        np.stack([delay, gross], 1)[ages >= 10],
    )  # fmt: skip
    learned = learning.learned(log, [], rule="greedy")
    mean, _ = learned.scores(Encoder().matrix([{}]), ("wait", "act"))
    assert mean[0] == pytest.approx([2.5, 3.0], abs=0.05)


def test_money_that_comes_in_many_parts_is_weighed_by_all_of_them():
    log = Rounds(
        ("wait",), [{}] * 3, np.zeros(3, dtype=int), np.zeros(3), np.ones(3),
        np.ones((3, 1), dtype=bool), np.arange(3).astype(str), np.array([5.0, 15.0, 200.0]), 100.0,
        np.full(3, np.nan), None, None, np.array([[1.0, 10.0], [10.0, 30.0], [50.0, 60.0]] * 20),
    )  # fmt: skip
    assert learning.arrived(log) == pytest.approx([0.1, 0.4, 1.0])


def test_who_is_in_which_group_for_good_is_no_chance_of_a_sequence(tenant):
    row = shop.tiring(n=60, days=4)
    now = timezone.now()
    seen = rounds.logged(row, since=now - timedelta(days=30), until=now)
    within = seen.within("control")
    assert len(within) < len(seen.rounds)
    assert within.propensities == pytest.approx(np.full(len(within), 0.5))  # each of two actions
    assert within.logged.sum(1) == pytest.approx(np.ones(len(within)))
    # of everybody together a letter has the chance of the group, too
    assert seen.rounds.propensities.max() == pytest.approx(0.55)


def test_the_gate_counts_people_when_it_asks_whether_probabilities_fit():
    """Whole people are in one group or the other: 300 of them with 60 decisions each fit well."""
    refused = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        weights = np.repeat(rng.choice([0.5, 1.5], size=300), 60)
        health = gate.weighed(weights, np.repeat(np.arange(300), 60), 0.0, 1_000)
        told = gate.refusal(health)
        refused += told is not None and "do not fit" in str(told)
    assert refused == 0


def test_many_equal_groups_are_not_called_unfair():
    broken = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        groups = {}
        for n in range(12):
            got = rng.random(100) < 0.1
            groups[str(n)] = Group(100, float(got.mean()), float(got.std()) / 10)
        broken += fairness.judged(groups, 0, tolerance=0.2, least=50).state == "broken"
    assert broken <= 12  # 5 % of looks, and the normal interval of a small share


def test_a_loss_is_compared_too():
    groups = {"a": Group(500, -0.5, 0.02), "b": Group(500, -0.05, 0.01)}
    told = fairness.judged(groups, 0, tolerance=0.2, least=50)
    assert told.state == "broken"
    assert "“a” has 10% of what “b” has" in str(told.sentence)


def test_a_thin_log_can_be_looked_at_and_so_can_any_trait(tenant):
    row = shop.policy()
    banks.add_fairness(row, trait="favourite colour; --", measure="benefit", least_people=20)
    people = shop.people(30)
    Contact.objects.filter(pk=people[0].pk).update(traits={"favourite colour; --": "red"})
    shop.play(row, people, timezone.now() - timedelta(days=2))
    told = looking.look(selectors.policy(row.pk), timezone.now()).results
    assert [p["regret"] for p in told["periods"]] == [None]
    assert told["gain"] is None
    assert told["fairness"][0]["groups"] == []  # one person is no group to show


def test_a_policy_that_stalled_comes_back_with_the_first_reward(tenant):
    row = shop.explored(200, 3)
    now = timezone.now()
    plan = planning.planned(row, now)
    for person in shop.people(80, seed=3):
        deciding.decide(plan, person, {}, now)
    later = now + timedelta(hours=60)
    looking.look(selectors.policy(row.pk), later)
    row = selectors.policy(row.pk)
    assert row.stalled
    shop.play(row, shop.people(60, seed=5), later + timedelta(hours=1), seed=5)
    assert Decision.objects.filter(source_id=row.pk, mode="fallback").count() == 60
    looking.look(row, later + timedelta(hours=6))
    assert not selectors.policy(row.pk).stalled


def test_a_version_on_its_way_heals_one_that_is_too_old(tenant):
    row = shop.explored()
    version = selectors.version(services.learn(row, timezone.now()).pk)
    Policy.objects.filter(pk=row.pk).update(version=version.number)
    late = timezone.now() + timedelta(hours=800)
    assert planning.planned(selectors.policy(row.pk), late).fallback is not None
    newer = services.publish(row, _snapshot(version), rounds=1, until=late, drivers=[])
    Ramp.objects.create(policy=row, version=newer, steps=STEPS, state="running", step_since=late)
    assert planning.planned(selectors.policy(row.pk), late).fallback is None


def _snapshot(version: object) -> object:
    return planning.loaded(version)


def test_a_pause_is_not_held_against_a_ramp(tenant):
    row = shop.explored(100, 2)
    version = selectors.version(services.learn(row, timezone.now()).pk)
    now = timezone.now()
    steps = [{"coverage": 0.5, "hours": 0, "people": 10_000, "approval": False}]
    ramp = Ramp.objects.create(policy=row, version=version, steps=steps, state="running",
                               step_since=now)  # fmt: skip
    RampLook.objects.create(ramp=ramp, at=now, did="begin")
    shop.play(row, shop.people(60, seed=11), now, seed=1)
    ramps.pause(selectors.ramp(ramp.pk))
    shop.play(row, shop.people(200, seed=12), now, seed=2)
    assert ramps.look(selectors.ramp(ramp.pk), now).did == "wait"
    ramps.resume(selectors.ramp(ramp.pk), now)
    served = ramps.served(selectors.ramp(ramp.pk), make.metric())
    assert sum(m.n for s in served.values() for m in s.values()) == 60 - Decision.objects.filter(
        source_id=row.pk, mode="control", contact__external_id__startswith="p11-"
    ).count()  # fmt: skip


def test_a_cap_remembers_what_an_option_did_that_is_taken_out(tenant):
    bank = shop.bank()
    row = shop.policy(of=bank, default_action="discount", every_hours=0)
    banks.add_constraint(row, kind="cap", options=[], values={"most": 1, "days": 7})
    person = shop.people(1)[0]
    now = timezone.now()
    made = None
    for _ in range(60):
        made = deciding.decide(planning.planned(row, now), person, {}, now)
        if made.action != "wait":
            break
    assert made is not None
    assert made.action != "wait"
    option = bank.options.get(key=made.action)
    banks.set_in_use(option, False)
    again = deciding.decide(planning.planned(selectors.policy(row.pk), now), person, {}, now)
    assert again.action == "wait"


def test_keys_of_past_actions_are_read_by_options_that_went():
    options = {"channel": [("mail", 5), ("push", 0)], "offer": [("tea", 300)]}
    assert actions.parsed("mail.tea", options) == Action(
        "mail.tea", (("channel", "mail"), ("offer", "tea")), 305
    )
    assert actions.parsed("tea", options).options == (("offer", "tea"),)
    assert actions.parsed("gone", options) == Action("gone")
    assert actions.parsed("wait", options) == Action("wait")


def test_a_constraint_that_is_refused_is_not_kept(tenant):
    bank = banks.create_bank("Two")
    banks.add_option(bank, dimension="offer", name="Tea", key="tea")
    banks.add_option(bank, dimension="channel", name="Mail", key="mail")
    row = shop.policy(of=bank, started=False)
    with pytest.raises(Invalid, match="fewer than two"):
        banks.add_constraint(row, kind="exclusion" if False else Constraint.Kind.EXCLUSION,
                             options=["offer:tea", "channel:mail"], values={})  # fmt: skip
    assert not Constraint.objects.exists()


def test_a_channel_refused_after_the_choice_is_not_answered_again(tenant):
    bank = banks.create_bank("Ways")
    for key in ("email", "push"):
        banks.add_option(bank, dimension="channel", name=key, key=key)
    row = shop.policy(of=bank, may_wait=False, default_action="email")
    person = shop.people(1)[0]
    now = timezone.now()
    made = deciding.decide(planning.planned(row, now), person, {}, now)
    contacts.record_consent(contact=person, channel=made.action, state="refused", source="page")
    again = deciding.decide(planning.planned(row, now), person, {}, now)
    assert again.pk == made.pk
    assert (again.action, again.mode) == ("wait", "fallback")
    assert Decision.objects.get(pk=made.pk).action == made.action  # the log is as it was


def test_a_stopped_policy_answers_with_the_default_within_a_slot_too(tenant):
    row = shop.policy(default_action="delivery", may_wait=False)
    person = shop.people(1)[0]
    now = timezone.now()
    made = deciding.decide(planning.planned(row, now), person, {}, now)
    services.kill(row, say("Stopped by hand."))
    again = deciding.decide(planning.planned(selectors.policy(row.pk), now), person, {}, now)
    assert (again.pk, again.action, again.mode) == (made.pk, "delivery", "fallback")
    assert again.propensities == {"delivery": 1.0}


def test_a_ramp_counts_the_reward_net_and_a_guardrail_as_it_came(tenant):
    sales = make.metric("revenue", kind="value")
    row = shop.policy(of=shop.bank(discount=200, delivery=200), primary=sales, may_wait=False,
                      control_share=0.01)  # fmt: skip
    version = selectors.version(selectors.serving(row).pk)
    now = timezone.now()
    ramp = Ramp.objects.create(policy=row, version=version, steps=STEPS[1:], state="running",
                               step_since=now)  # fmt: skip
    RampLook.objects.create(ramp=ramp, at=now, did="begin")
    plan = planning.planned(selectors.policy(row.pk), now)
    for person in shop.people(30):
        deciding.decide(plan, person, {}, now)
    ramp = selectors.ramp(ramp.pk)
    for net, mean in ((True, -2.0), (False, 0.0)):
        told = [m for s in ramps.served(ramp, sales, net=net).values() for m in s.values()]
        assert sum(m.total for m in told) == pytest.approx(mean * sum(m.n for m in told))
        assert {m.events for m in told} == {0}  # nobody bought anything


def test_a_policy_that_decides_keeps_its_reward(tenant):
    row = shop.policy()
    other = make.metric("refund", event="Refund")
    plan = services.PolicyPlan(
        name=row.name, bank=row.bank, primary=other, features=row.features, every_hours=24,
        window_hours=24,
    )  # fmt: skip
    with pytest.raises(Conflict, match="keeps its actions, reward"):
        services.change(row, plan)


def test_too_many_actions_are_counted_not_made(tenant):
    bank = banks.create_bank("Many")
    for dimension in ("channel", "offer", "creative", "send_time", "frequency", "audience"):
        for n in range(6):
            banks.add_option(
                bank, dimension=dimension, name=f"{dimension} {n}", key=f"{dimension}{n}"
            )
    with pytest.raises(Invalid, match="46,657 actions"):
        shop.policy(of=bank)


def test_traits_are_shown_to_those_alone_who_may_see_them(tenant):
    row = shop.policy()
    person = shop.people(1)[0]
    made = deciding.decide(planning.planned(row, timezone.now()), person, {}, timezone.now())
    assert [k["value"] for k in explaining.known(made, personal=True)] == [person.traits["age"]]
    assert [k["value"] for k in explaining.known(made, personal=False)] == [explaining.HIDDEN]


def test_one_bad_line_does_not_sink_a_file():
    long = 'item_id,click,propensity_score\n"' + "x" * 200_000 + "\n0,1,0.5\n"
    told = list(logformats.read("obp", long.splitlines(keepends=True), ["a"]))
    assert isinstance(told[0], logformats.Refused)
    lines = [
        '{"action": "a", "propensity": 0.5, "features": {"x": "\\u0000"}}',
        '{"action": "a", "propensity": 0.5, "at": "2026-01-02T10:00:00", '
        '"rewardedAt": "2026-01-02T09:00:00+00:00"}',
        '{"action": "a", "propensities": {"a": 1.0005, "b": 0}}',
    ]
    bad, early, close = logformats.read("jsonl", lines, ["a", "b"])
    assert (bad.field, early.field) == ("features", "rewardedAt")
    assert close.propensity == 1.0
    huge = list(logformats.read("vw", ["9" * 5_000 + ":0:0.5 | x"], ["a"]))
    assert isinstance(huge[0], logformats.Refused)
