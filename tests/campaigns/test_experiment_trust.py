"""What makes a test's result trustworthy: planning, less noise, many metrics, criteria, approval."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from attune.kernel import audit
from attune.kernel.errors import Conflict, Forbidden, Invalid
from campaigns.contacts.models import Event
from campaigns.delivery import preflight
from campaigns.delivery import services as delivery
from campaigns.experiments import (
    advice,
    agreeing,
    checklist,
    cuped,
    health,
    learnings,
    planning,
    reading,
    services,
    statistics,
    watching,
)
from campaigns.experiments.models import Experiment
from campaigns.experiments.statistics import Effect
from tenants.models import Notice, Tenant
from tests import make


def joint(x: np.ndarray, y: np.ndarray) -> cuped.Joint:
    return cuped.Joint(len(x), y.sum(), (y * y).sum(), x.sum(), (x * x).sum(), (x * y).sum(),
                       int((y != 0).sum()))  # fmt: skip


def test_cuped_keeps_the_effect_and_takes_the_explained_noise_away():
    rng = np.random.default_rng(7)
    n, effect = 40_000, 0.5
    x = rng.normal(10, 3, 2 * n)
    y = x + rng.normal(0, 2, 2 * n) + np.repeat([0, effect], n)
    found = cuped.adjust({"control": {1: joint(x[:n], y[:n])}, "new": {1: joint(x[n:], y[n:])}})
    plain = statistics.effect({1: statistics.Moments(n, y[:n].sum(), (y[:n] ** 2).sum(), n)},
                              {1: statistics.Moments(n, y[n:].sum(), (y[n:] ** 2).sum(), n)})  # fmt: skip
    helped = statistics.effect(found.strata["control"], found.strata["new"])
    assert found.theta == pytest.approx(1, abs=0.02)
    assert found.reduction == pytest.approx(9 / 13, abs=0.02)
    assert helped.difference == pytest.approx(effect, abs=4 * helped.error)
    assert (helped.error / plain.error) ** 2 == pytest.approx(4 / 13, abs=0.02)
    want = y - found.theta * (x - x.mean())
    assert found.strata["new"][1].mean == pytest.approx(want[n:].mean(), abs=1e-6)
    assert found.strata["new"][1].variance == pytest.approx(want[n:].var(ddof=1), rel=1e-6)


def test_cuped_centres_within_each_version_and_answers_none_without_a_past():
    x, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])
    found = cuped.adjust({"a": {1: joint(x, y), 2: joint(x + 100, y)}, "b": {1: joint(x, y)}})
    assert found.theta == pytest.approx(2)
    assert found.strata["a"][2].mean == pytest.approx(4)
    assert cuped.adjust({"a": {1: joint(x * 0, y)}, "b": {1: joint(x * 0, y)}}) is None


def test_what_people_did_before_is_read_from_their_events(tenant):
    trial = make.experiment([make.approved(), make.approved()], use_before=True)
    for n in range(8):
        make.contact(f"p{n}")
        old = {**make.track(f"p{n}", "Order Completed"),
               "timestamp": (timezone.now() - timedelta(days=3 if n % 2 else 40)).isoformat()}  # fmt: skip
        make.record(old)
    for n in range(8):
        person = Event.objects.filter(user_id=f"p{n}").first().contact
        make.decided(trial, person, "v1" if n < 4 else "v2")
        if n % 2:
            make.record(make.track(f"p{n}", "Order Completed"))
    look = services.analyse(experiment=trial, now=timezone.now())
    assert look.results["before"] == {"order": 1.0}  # who bought within 30 days bought again
    told = [str(c.sentence) for c in health.checks(trial, look, timezone.now())]
    assert any("explains up to 100 % of the noise" in line for line in told)
    shown = {a["arm"]: a["mean"] for a in look.results["metrics"][0]["arms"]}
    assert shown == {"v1": 0.5, "v2": 0.5}  # people read what happened, not what was adjusted


def test_secondary_metrics_share_one_error_and_the_primary_keeps_its_own(tenant):
    others = [make.metric(f"m{n}", f"Event {n}") for n in range(4)]
    trial = make.experiment([make.approved(), make.approved()], secondary=others,
                            guardrails=[make.metric("bad", "Bad")])  # fmt: skip
    goals = reading.log.goals(trial.pk)
    arms = services.arms_of(trial)
    alphas = {g.metric.key: reading._alpha(g, goals, arms) for g in goals}
    assert alphas == {"order": 0.05, "bad": 0.05, **{f"m{n}": 0.0125 for n in range(4)}}


def effect(low: float, high: float, base: float = 0.1) -> Effect:
    middle = (low + high) / 2
    return Effect(middle, 0.01, low, high, low, high, base, 0.9, 2_000)


def recommend(found: Effect, criteria: str, needed: int = 10_000) -> tuple[str, str]:
    one = advice.Reading("new", "New", found, (), 5_000, 500, 5_000, 500)
    told = advice.recommend([one], control_name="Old", srm=0.5, needed=needed, per_day=10,
                            criteria=criteria, target=0.2)  # fmt: skip
    return told.kind, str(told.sentence)


@pytest.mark.parametrize(
    ("low", "high", "criteria", "needed", "verdict"),
    [
        (0.001, 0.03, "clear", 10_000, "ship"),
        (0.001, 0.03, "target", 10_000, "not_yet"),  # the target is 0.02
        (0.021, 0.05, "target", 10_000, "ship"),
        (0.001, 0.015, "target", 10_000, "rollback"),
        (-0.01, 0.01, "clear", 4_000, "not_yet"),
        (-0.01, 0.01, "no_harm", 4_000, "ship"),
        (-0.01, 0.01, "no_harm", 6_000, "not_yet"),  # the planned size is not reached
        (-0.05, -0.01, "no_harm", 4_000, "rollback"),
    ],
)
def test_the_criteria_that_were_set_beforehand_decide(low, high, criteria, needed, verdict):
    assert recommend(effect(low, high), criteria, needed)[0] == verdict


def test_one_arm_below_the_target_does_not_end_what_another_may_still_win():
    arms = [advice.Reading(n, n, effect(low, high), (), 5_000, 500, 5_000, 500)
            for n, low, high in (("A", 0.001, 0.015), ("B", 0.005, 0.055))]  # fmt: skip
    told = advice.recommend(arms, control_name="Old", srm=0.5, needed=9, per_day=1,
                            criteria="target", target=0.2)  # fmt: skip
    assert told.kind == "not_yet"


def test_the_planner_answers_from_what_people_did(tenant):
    metric = make.metric()
    for n in range(40):
        make.contact(f"p{n}")
        if n < 10:
            make.record(make.track(f"p{n}", "Order Completed"))
    base = planning.base_of(metric, window_days=7, now=timezone.now())
    assert (base.people, base.mean) == (40, 0.25)
    assert base.variance == pytest.approx(0.25 * 0.75)
    assert base.per_day == pytest.approx(40 / 30)
    told = planning.plan(base, lift=0.2, arms=2)
    assert told.people == statistics.people_needed(0.25, 0.1875, 0.2)
    assert (told.total, told.days) == (2 * told.people, -(-2 * told.people * 30 // 40))
    assert planning.plan(base, lift=0.2, arms=2, explained=0.3).people < 0.75 * told.people
    nobody = make.segment({"trait": "none", "is": "x"})
    empty = planning.base_of(metric, window_days=7, now=timezone.now(), segment=nobody)
    assert planning.plan(empty, lift=0.2, arms=2) is None


def draft(**fields: object) -> Experiment:
    return make.experiment([make.approved()], holdout=0.5, running=False, **fields)


def test_the_checklist_names_what_was_forgotten(tenant):
    trial = draft()
    told = {str(c.sentence): c.verdict for c in checklist.items(trial, timezone.now())}
    assert told["No hypothesis: write what you expect and why before you look."] == "warn"
    assert told[
        "“Order Completed” did not come in within 30 days: “order” cannot be measured."
    ] == ("block")
    make.contact("ada")
    make.record(make.track("ada", "Order Completed"))
    after = {str(c.sentence): c.verdict for c in checklist.items(trial, timezone.now())}
    assert not any("cannot be measured" in line for line in after)


def test_the_checklist_says_when_there_are_fewer_people_than_it_takes(tenant):
    for n in range(40):
        make.contact(f"p{n}")
        if n % 4 == 0:
            make.record(make.track(f"p{n}", "Order Completed"))
    small, large = (draft(target_lift=lift) for lift in (0.2, 10.0))
    told = [str(c.sentence) for c in checklist.items(small, timezone.now())]
    assert not any("for ever" in one for one in told)  # no audience yet: new people may come
    make.campaign(make.segment(), small)
    told = [str(c.sentence) for c in checklist.items(small, timezone.now()) if c.verdict == "warn"]
    needed = 2 * statistics.people_needed(0.25, 0.1875, 0.2)
    assert any(f"takes about {needed:,} people in all, and there are 40" in one for one in told)
    fits = [str(c.sentence) for c in checklist.items(large, timezone.now()) if c.verdict == "pass"]
    assert any("days at the pace of the last 30" in one for one in fits)
    few = make.segment({"any": [{"trait": "email", "is": f"p{n}@example.com"} for n in (0, 1)]})
    make.campaign(few, large)
    told = [str(c.sentence) for c in checklist.items(large, timezone.now())]
    assert any("and there are 2:" in one for one in told)


def test_clicks_on_any_message_are_no_measure_where_some_get_none(tenant):
    clicked = make.metric("clicked", "Message Clicked")
    for holdout, told in ((0.5, True), (0.0, False)):
        trial = make.experiment([make.approved(), make.approved(subject="B?")], holdout=holdout,
                                primary=clicked, running=False)  # fmt: skip
        found = [str(c.sentence) for c in checklist.items(trial, timezone.now())]
        assert any("counts clicks and openings of any message" in one for one in found) == told


def test_health_says_how_many_messages_have_not_left(tenant):
    for n in range(5):
        make.contact(f"p{n}")
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    campaign = make.campaign(make.segment(), trial, per_hour=2)
    delivery.launch(campaign=campaign)
    make.run_jobs()
    look = services.analyse(experiment=trial, now=timezone.now())
    told = [str(c.sentence) for c in health.checks(trial, look, timezone.now())]
    assert any(one.startswith("3 of 5 messages have not left yet") for one in told)


def test_the_campaigns_checklist_waits_for_the_experiments_approval(tenant):
    make.contact("ada")
    Tenant.objects.filter(pk=tenant.id).update(approve_experiments=True)
    trial = make.experiment([make.approved()], holdout=0.5, running=False)
    campaign = make.campaign(make.segment(), trial)
    assert [str(p) for p in preflight.of(campaign).problems] == [
        "Another person has to approve the experiment before it starts."
    ]


def test_a_draft_is_edited_and_its_approval_is_of_the_former_plan(tenant, client):
    Tenant.objects.filter(pk=tenant.id).update(approve_experiments=True)
    reviewer = make.member(tenant, "reviewer")
    with audit.acting(audit.Actor("user", str(tenant.owner.pk), "Olga")):
        trial = draft()
    told = [str(one) for one in Notice.objects.filter(user_id=reviewer.pk)]
    assert f"The experiment “{trial}” waits for your approval" in told
    agreeing.approve(trial, by_id=reviewer.pk, label="Rita")
    other = make.approved(subject="Another?")
    client.force_login(make.member(tenant, "marketer"))
    page = reverse("experiments:edit", args=[tenant.slug, trial.pk])
    form = client.get(page).context["form"]
    assert form.initial["holdout"] == 50
    values = {k: v for k, v in form.initial.items() if v not in (None, False)}
    values |= {"hypothesis": "Questions win", "revisions": [*form.initial["revisions"], other.pk]}
    assert client.post(page, values).status_code == 302
    trial.refresh_from_db()
    arms = services.arms_of(trial)
    assert trial.hypothesis == "Questions win"
    assert [round(a.weight, 2) for a in arms] == [0.5, 0.25, 0.25]
    assert sum(a.is_control for a in arms) == 1
    assert agreeing.approval(trial).stale
    assert client.post(page, {**values, "name": ""}).status_code == 422
    agreeing.approve(trial, by_id=reviewer.pk, label="Rita")
    trial.refresh_from_db()
    services.start(experiment=trial)
    trial.refresh_from_db()
    refused = client.post(page, values)
    assert "Only a draft is changed" in refused.content.decode()


def test_variants_of_two_channels_make_no_experiment(tenant):
    with pytest.raises(Invalid, match="of one channel"):
        make.experiment([make.approved(), make.approved(channel="banner")])


def test_where_approval_is_wanted_nobody_starts_without_it_or_agrees_to_their_own(tenant):
    Tenant.objects.filter(pk=tenant.id).update(approve_experiments=True)
    who = audit.Actor("user", str(tenant.owner.pk), "Olga")
    with audit.acting(who):
        trial = draft()
    with pytest.raises(Conflict, match="Another person"):
        services.start(experiment=trial)
    with pytest.raises(Forbidden, match="Somebody else"):
        agreeing.approve(trial, by_id=tenant.owner.pk, label="Olga")
    agreeing.approve(trial, by_id=tenant.owner.pk + 1, label="Rita")
    trial.refresh_from_db()
    arm = trial.arms.exclude(revision=None).get()
    kept, arm.weight = arm.weight, 0.9
    arm.save()
    assert agreeing.approval(trial).stale
    with pytest.raises(Conflict):
        services.start(experiment=trial)
    arm.weight = kept
    arm.save()
    services.start(experiment=trial)
    trial.refresh_from_db()
    assert (trial.state, trial.approved_by) == ("running", "Rita")


def test_people_with_two_arms_and_silence_are_told_once(tenant):
    with audit.acting(audit.Actor("user", str(tenant.owner.pk), "Olga")):
        trial = make.experiment([make.approved(), make.approved()])
    Experiment.objects.filter(pk=trial.pk).update(started_at=timezone.now() - timedelta(days=2))
    trial.refresh_from_db()
    look = services.analyse(experiment=trial, now=timezone.now())
    assert watching.warn(trial, look) == 1
    trial.refresh_from_db()
    assert watching.warn(trial, look) == 0
    texts = [str(one.text) for one in Notice.objects.filter(user=tenant.owner)]
    assert sum("Nobody was decided for" in text for text in texts) == 1
    make.record({"type": "page", "anonymousId": "a1", "name": "x", "messageId": "m1"})
    visitor = Event.objects.get(message_id="m1").contact
    known = make.contact("ada")
    make.decided(trial, visitor, "v1")
    make.decided(trial, known, "v2")
    make.record({**make.identify("ada"), "anonymousId": "a1"})
    look = services.analyse(experiment=trial, now=timezone.now())
    assert look.results["twice"] == {"people": 1, "twice": 1}
    trial.refresh_from_db()
    assert watching.warn(trial, look) == 1  # its goal's event has not come in
    assert Experiment.objects.get(pk=trial.pk).warned == ["silent"]


def test_learnings_keep_what_speaks_for_and_against_them(tenant):
    first, second = (make.experiment([make.approved(), make.approved()]) for _ in range(2))
    row = learnings.write(claim="Questions bring clicks")
    with pytest.raises(Invalid, match="not shown anything"):
        learnings.add_evidence(learning=row, experiment=first, stance="supports")
    for trial in (first, second):
        services.analyse(experiment=trial, now=timezone.now())
    learnings.add_evidence(learning=row, experiment=first, stance="supports")
    learnings.add_evidence(learning=row, experiment=second, stance="contradicts")
    (told,) = learnings.told([row])
    assert str(told.standing) == "1 for, 1 against: it does not hold everywhere."
    learnings.drop_evidence(learning=row, experiment=second)
    (told,) = learnings.told([row])
    assert str(told.standing).startswith("One experiment speaks for it")
    with pytest.raises(Invalid, match="written down already"):
        learnings.write(claim="Questions bring clicks")
