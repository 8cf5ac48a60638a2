"""Experiments: set up, start, choose for people, learn shares, look."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.locking import locked
from attune.kernel.phrases import say, word
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import selectors as contacts
from campaigns.content.models import Revision
from campaigns.content.services import verify
from campaigns.decisions import selectors as log
from campaigns.decisions import services as decisions
from campaigns.decisions.models import Decision, Metric
from campaigns.experiments import agreeing, bandits, drafting, reading
from campaigns.experiments.beliefs import ArmPrior
from campaigns.experiments.drafting import ArmPlan
from campaigns.experiments.jobs import LEARN_PRIOR, LearnPrior
from campaigns.experiments.models import Allocation, Arm, Experiment, Snapshot
from campaigns.experiments.standing import Finding

EXPERIMENT = Machine(
    "experiment",
    {
        ("draft", "start"): "running",
        ("draft", "stop"): "stopped",
        ("running", "pause"): "paused",
        ("paused", "resume"): "running",
        ("running", "stop"): "stopped",
        ("paused", "stop"): "stopped",
    },
)
SAME_FOR = timedelta(minutes=15)
RESHUFFLE = 0.01  # a smaller change of every share is not worth a new allocation version


@transaction.atomic
def create(
    *,
    name: str,
    arms: list[ArmPlan],
    primary: Metric,
    kind: str = Experiment.Kind.FIXED,
    secondary: list[Metric] | None = None,
    guardrails: list[Metric] | None = None,
    hypothesis: str = "",
    floor: float = 0.01,
    window_hours: int = 168,
    target_lift: float = 0.1,
    key: str = "",
    assigned_by: str = Experiment.By.ATTUNE,
    hash_version: int = 2,
    criteria: str = Experiment.Criteria.CLEAR,
    use_before: bool = False,
) -> Experiment:
    """A draft experiment with its arms and metrics. Raises Invalid with every mistake."""
    experiment = Experiment(
        key=slugify(key or name)[:60] or f"experiment-{secrets.token_hex(4)}",
        name=name.strip()[:120], hypothesis=hypothesis[:300], kind=kind, floor=floor,
        window_hours=window_hours, target_lift=target_lift, assigned_by=assigned_by,
        hash_version=hash_version, criteria=criteria, use_before=use_before,
        author_id=audit.user_id(),
    )  # fmt: skip
    _write(experiment, arms, primary, secondary or [], guardrails or [])
    audit.record("experiments.create", experiment, kind=kind)
    agreeing.ask(experiment)
    return experiment


@transaction.atomic
def change(
    *, experiment: Experiment, arms: list[ArmPlan], primary: Metric, secondary: list[Metric],
    guardrails: list[Metric], **fields: Any,
) -> None:  # fmt: skip
    """Another plan for a draft; whoever approved the former one did not approve this. Raises
    Conflict for what runs, and Invalid with every mistake."""
    locked(experiment)
    if experiment.state != Experiment.State.DRAFT:
        raise Conflict(say("Only a draft is changed; this experiment is %(state)s.",
                           state=word(experiment.state)))  # fmt: skip
    sent_by = _channels(arm.revision for arm in arms_of(experiment))
    if experiment.campaigns.exists() and sent_by != _channels(arm.revision for arm in arms):
        told = say("A campaign sends this by another channel; choose texts of that one.")
        raise Invalid.one("arms", told)
    before = {name: str(getattr(experiment, name)) for name in fields}
    for name, value in fields.items():
        setattr(experiment, name, value)
    _write(experiment, arms, primary, secondary, guardrails)
    audit.record("experiments.change", experiment, before=before)
    agreeing.ask(experiment)


def _channels(texts: Iterable[Revision | None]) -> set[str]:
    return {text.asset.channel for text in texts if text is not None}


def _write(
    experiment: Experiment, arms: list[ArmPlan], primary: Metric, secondary: list[Metric],
    guardrails: list[Metric],
) -> None:  # fmt: skip
    """Save a draft with its arms and metrics, or refuse it with every mistake."""
    if errors := list(drafting.faults(experiment, arms)):
        raise Invalid(errors)
    drafting.check_metrics(experiment.kind, primary, [*secondary, *guardrails])
    total = sum(arm.weight for arm in arms)
    try:
        with transaction.atomic():
            experiment.save()
    except IntegrityError as clash:
        raise Invalid.one("name", say("An experiment has this name already.")) from clash
    Arm.objects.filter(experiment=experiment).delete()
    Arm.objects.bulk_create(
        Arm(
            experiment=experiment, key=arm.key, name=arm.name, revision=arm.revision,
            weight=arm.weight / total, is_control=arm.is_control, position=position,
        )
        for position, arm in enumerate(arms)
    )  # fmt: skip
    roles = {"primary": [primary], "secondary": secondary, "guardrail": guardrails}
    decisions.set_goals(source_id=experiment.pk, goals=roles)


def start(*, experiment: Experiment) -> None:
    """Start: every shown revision must be approved; the first allocation is written. A bandit on a
    rate asks what the workspace's earlier texts teach of its own."""
    agreeing.demand_approval(experiment)
    for arm in arms_of(experiment):
        if arm.revision is not None:
            verify(arm.revision)
    advance(EXPERIMENT, experiment, "start")
    Experiment.objects.filter(pk=experiment.pk).update(started_at=timezone.now())
    weights = {arm.key: arm.weight for arm in arms_of(experiment)}
    _allocate(experiment, weights, say("as planned"))
    rate = log.goals(experiment.pk)[0].metric.kind == Metric.Kind.CONVERSION
    if experiment.kind == Experiment.Kind.THOMPSON and rate:
        LEARN_PRIOR.enqueue(LearnPrior(experiment.pk))


def believe(*, experiment: Experiment, prior: ArmPrior, texts: int, now: datetime) -> None:
    """What `texts` texts of earlier experiments teach of this bandit's arms (those that show one,
    in their order) is its belief from now on; its shares follow at once."""
    arms = [arm.key for arm in arms_of(experiment) if arm.revision_id is not None]
    experiment.prior = {**prior.stored(arms), "texts": texts}
    Experiment.objects.filter(pk=experiment.pk).update(prior=experiment.prior)
    audit.record("experiments.believe", experiment, texts=texts)
    reallocate(experiment=experiment, now=now)


def pause(*, experiment: Experiment) -> None:
    advance(EXPERIMENT, experiment, "pause")


def resume(*, experiment: Experiment) -> None:
    """Go on. Who paused the campaign of the experiment resumes that; it takes this one along."""
    if (held := experiment.campaigns.filter(state="paused").first()) is not None:
        raise Conflict(
            say("The campaign “%(campaign)s” is paused; resume it there.", campaign=held)
        )
    for arm in arms_of(experiment):
        if arm.revision is not None:
            verify(arm.revision)
    advance(EXPERIMENT, experiment, "resume")


def stop(*, experiment: Experiment, winner: str = "") -> None:
    """Stop for good, naming the arm that is kept (or none)."""
    if (loading := experiment.campaigns.filter(state="loading").first()) is not None:
        raise Conflict(
            say(
                "The campaign “%(campaign)s” is being launched; wait for it or cancel it.",
                campaign=loading,
            )
        )
    if winner and winner not in {arm.key for arm in arms_of(experiment)}:
        raise Invalid.one("winner", say("There is no arm “%(arm)s”.", arm=winner))
    advance(EXPERIMENT, experiment, "stop", winner=winner)
    Experiment.objects.filter(pk=experiment.pk).update(stopped_at=timezone.now(), winner=winner)
    live.push(current_tenant(), "experiments", str(experiment.pk))


def arms_of(experiment: Experiment) -> list[Arm]:
    rows = Arm.objects.filter(experiment=experiment).select_related("revision", "revision__asset")
    return list(rows.order_by("position"))


def change_text(*, experiment: Experiment, arm_key: str, revision: Revision) -> None:
    """Another approved text for an arm while it runs: a correction. What follows is counted for the
    arm as before, so the experiment's page tells of it."""
    arm = Arm.objects.select_for_update().get(experiment=experiment, key=arm_key)
    before, arm.revision = arm.revision_id, revision
    arm.save(update_fields=["revision"])
    audit.record("experiments.change_text", experiment, arm=arm_key, before=str(before),
                 after=str(revision.pk))  # fmt: skip
    live.push(current_tenant(), "experiments", str(experiment.pk))


def _allocate(experiment: Experiment, weights: dict[str, float], reason: str) -> Allocation:
    experiment.version += 1
    Experiment.objects.filter(pk=experiment.pk).update(version=experiment.version)
    allocation = Allocation.objects.create(
        experiment=experiment, version=experiment.version, weights=weights, reason=reason
    )
    live.push(current_tenant(), "experiments", str(experiment.pk))
    return allocation


def allocation_of(experiment: Experiment) -> Allocation:
    return Allocation.objects.get(experiment=experiment, version=experiment.version)


def decide(
    *, experiment: Experiment, contact_id: UUID, context: dict[str, Any], now: datetime
) -> Decision:
    """The arm of one person: the one they had, or a fresh choice, logged before it acts."""
    kept = experiment.state == Experiment.State.STOPPED and bool(experiment.winner)
    if experiment.state != Experiment.State.RUNNING and not kept:
        raise Conflict(
            say(
                "The experiment “%(name)s” is %(state)s.",
                name=experiment.name,
                state=word(experiment.state),
            )
        )
    if experiment.assigned_by == Experiment.By.SDK:
        told = say("“%(name)s” is assigned by an SDK; ask that one.", name=experiment.name)
        raise Conflict(told)
    known = log.decided(experiment.pk, contact_id)
    if known is not None and not kept:
        return known
    if kept:
        return known if known is not None else _winner(experiment, contact_id, now)
    choice = _choice(experiment, allocation_of(experiment), contact_id, now)
    choice = replace(choice, context=context, profile=contacts.snapshot(contact_id))
    return _logged(choice)


def _winner(experiment: Experiment, contact_id: UUID, now: datetime) -> Decision:
    """After the end everybody new gets what was kept; logged, but no part of the experiment."""
    closes = now + timedelta(hours=experiment.window_hours)
    return _logged(
        decisions.Choice(
            source="experiment", source_id=experiment.pk, contact_id=contact_id,
            propensities={experiment.winner: 1.0}, action=experiment.winner, draw=0.0, at=now,
            window_closes_at=closes, version=experiment.version, mode=Decision.Mode.FALLBACK,
            profile=contacts.snapshot(contact_id),
        )
    )  # fmt: skip


def _logged(choice: decisions.Choice) -> Decision:
    """Log one choice; a rival request that was quicker has the person's decision."""
    if decisions.log([choice]):
        return decisions.as_row(choice)
    decided = log.decided(choice.source_id, choice.contact_id)
    assert decided is not None  # noqa: S101 - the rival's
    return decided


def decide_many(*, experiment: Experiment, contact_ids: list[UUID], now: datetime) -> None:
    """Choices for many people in one statement; who has one keeps it."""
    if experiment.state != Experiment.State.RUNNING:
        raise Conflict(
            say(
                "The experiment “%(name)s” is %(state)s.",
                name=experiment.name,
                state=word(experiment.state),
            )
        )
    allocation = allocation_of(experiment)
    profiles = contacts.snapshots(contact_ids)
    decisions.log(
        replace(_choice(experiment, allocation, contact, now), profile=profiles.get(contact, {}))
        for contact in contact_ids
    )


def _choice(
    experiment: Experiment, allocation: Allocation, contact_id: UUID, now: datetime
) -> decisions.Choice:
    draw = bandits.draw_of(str(experiment.pk), str(contact_id))
    weights: dict[str, float] = allocation.weights
    return decisions.Choice(
        source="experiment",
        source_id=experiment.pk,
        contact_id=contact_id,
        propensities={arm: weight for arm, weight in weights.items() if weight > 0},
        action=bandits.choose(weights, draw),
        draw=draw,
        at=now,
        window_closes_at=now + timedelta(hours=experiment.window_hours),
        version=allocation.version,
    )


def reallocate(*, experiment: Experiment, now: datetime) -> Allocation | None:
    """Give the bandit's arms their probability of being best; None when nothing moved.

    Holdout arms keep their planned share; the rest is shared with the floor.
    """
    if experiment.kind != Experiment.Kind.THOMPSON or experiment.state != "running":
        return None
    arms = arms_of(experiment)
    playing = [arm for arm in arms if arm.revision_id is not None]
    held = {arm.key: arm.weight for arm in arms if arm.revision_id is None}
    goal = log.goals(experiment.pk)[0]
    best = reading.best_shares(experiment, goal.metric, [arm.key for arm in playing], until=now)
    room = 1 - sum(held.values())
    shares = bandits.with_floor(best, min(experiment.floor / room, 1 / len(playing)))
    weights = {arm.key: held.get(arm.key, 0) or shares[arm.key] * room for arm in arms}
    current = allocation_of(experiment).weights
    if all(abs(weights[key] - current[key]) < RESHUFFLE for key in weights):
        return None
    reason = say("probability of being best, with floor")
    if experiment.prior:
        reason = say("probability of being best, from what earlier texts taught, with floor")
    return _allocate(experiment, weights, reason)


def analyse(*, experiment: Experiment, now: datetime, again: bool = True) -> Snapshot:
    """Look at everything known until `now` and keep what was seen; with `again=False`, a look
    that sees what a recent one saw is not kept."""
    last = Snapshot.objects.filter(experiment=experiment).order_by("-at", "-id").first()
    earlier = Finding.of(last.results.get("found")) if last else None
    report = reading.report(experiment, arms_of(experiment), until=now, earlier=earlier)
    if (
        not again
        and last is not None
        and now - last.at < SAME_FOR
        and last.results == report.results
    ):
        return last  # nothing happened since
    snapshot = Snapshot.objects.create(
        experiment=experiment,
        at=now,
        decided=report.decided,
        verdict=report.verdict,
        sentence=report.sentence,
        srm_p=report.srm_p,
        results=report.results,
    )
    live.push(current_tenant(), "experiments", str(experiment.pk))
    return snapshot
