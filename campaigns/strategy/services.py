"""Policies: set up, start, learn, judge, serve, stop."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.text import slugify

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.models import JobRow
from attune.kernel.phrases import Phrase, say
from attune.kernel.states import advance
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import selectors as contacts
from campaigns.content.services import verify
from campaigns.decisions import selectors as decisions_log
from campaigns.decisions import services as decisions
from campaigns.decisions.models import Metric
from campaigns.experiments.bandits import draw_of
from campaigns.segments.models import Segment
from campaigns.strategy import actions as acting
from campaigns.strategy import (
    binding,
    gate,
    learning,
    offpolicy,
    rounds,
    selectors,
    sequential,
    snapshots,
)
from campaigns.strategy.features import CONTEXT, KNOWN, OWN, SCORE, TRAIT
from campaigns.strategy.jobs import LEARN, LEARN_RETURN, LearnPolicy
from campaigns.strategy.models import (
    ActionBank,
    OffPolicyEstimate,
    Policy,
    PolicyVersion,
)
from campaigns.strategy.snapshots import Snapshot
from campaigns.strategy.states import CONTROL, POLICY

LEARN_FROM = timedelta(days=120)
LEAST_CONTROL = 0.01
LEAST_STALE = 240  # hours: longer than a ramp takes
HELD = 0.4  # of the people, those whom networks never learn from: they are judged by


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """What a person sets of a policy."""

    name: str
    bank: ActionBank
    primary: Metric
    guardrails: Sequence[Metric] = ()
    kind: str = Policy.Kind.CONTEXTUAL
    rule: str = Policy.Rule.THOMPSON
    audience: Segment | None = None
    default_action: str = acting.WAIT
    may_wait: bool = True
    features: Sequence[str] = ()
    control_share: float = 0.1
    floor: float = 0.02
    every_hours: int = 24
    window_hours: int = 168
    discount: float = 0.9
    stale_hours: int = 720
    refreshes: bool = False
    key: str = ""


def create(plan: PolicyPlan) -> Policy:
    """A draft. Raises Invalid with every mistake."""
    _check(plan)
    values = {k: getattr(plan, k) for k in _columns()}
    key = slugify(plan.key or plan.name)[:60] or f"policy-{secrets.token_hex(4)}"
    try:
        with transaction.atomic():
            policy = Policy.objects.create(key=key, **values)
    except IntegrityError as clash:
        raise Invalid.one("name", say("A policy has this name already.")) from clash
    _set_goals(policy, plan)
    audit.record("strategy.create", policy, kind=policy.kind)
    return policy


def change(policy: Policy, plan: PolicyPlan) -> None:
    """Change what may be changed: the actions, the reward and the features of one that decides
    stay, since its log would mean something else."""
    _check(plan)
    if policy.state != Policy.State.DRAFT:
        _check_kept(policy, plan)
    watched = {f"{TRAIT}{rule.trait}" for rule in policy.fairness.all()}
    if both := sorted(watched & set(plan.features)):
        told = say("“%(name)s” is watched for fairness: it may be no feature.",
                   name=both[0].removeprefix(TRAIT))  # fmt: skip
        raise Invalid.one("features", told)
    before = {k: getattr(policy, k) for k in _columns()}
    for k in _columns():
        setattr(policy, k, getattr(plan, k))
    policy.save(update_fields=_columns())
    _set_goals(policy, plan)
    changed = {k: str(before[k]) for k in before if before[k] != getattr(policy, k)}
    audit.record("strategy.change", policy, before=changed)


def _columns() -> list[str]:
    left_out = {"primary", "guardrails", "key"}
    return [name for name in PolicyPlan.__dataclass_fields__ if name not in left_out]


def _set_goals(policy: Policy, plan: PolicyPlan) -> None:
    goals = {"primary": [plan.primary], "guardrail": list(plan.guardrails)}
    decisions.set_goals(source_id=policy.pk, goals=goals)


def _check_kept(policy: Policy, plan: PolicyPlan) -> None:
    kept = ("bank", "kind", "features", "every_hours", "window_hours", "may_wait")
    same = all(getattr(policy, name) == getattr(plan, name) for name in kept)
    if not same or decisions_log.goals(policy.pk)[0].metric != plan.primary:
        raise Conflict(say("A policy that decides keeps its actions, reward, kind, features and "
                           "times (bank, waiting, reward, learns, decides by, decides anew, hours "
                           "of a reward); make another one beside it."))  # fmt: skip


def _check(plan: PolicyPlan) -> None:
    if errors := list(_faults(plan)):
        raise Invalid(errors)


def _faults(plan: PolicyPlan) -> Iterator[FieldError]:
    if not plan.name.strip():
        yield FieldError("name", say("Give the policy a name."))
    if not LEAST_CONTROL <= plan.control_share <= 0.5:
        told = say("The control group is 1 % to 50 % of all people: without one nobody can say "
                   "what the policy brings.")  # fmt: skip
        yield FieldError("control_share", told)
    if not 0 <= plan.every_hours <= 24 * 90:
        yield FieldError("every_hours", say("Decide anew after 0 hours (each request) to 90 days."))
    if not 1 <= plan.window_hours <= 24 * 90:
        yield FieldError("window_hours", say("The time to be rewarded is 1 hour to 90 days."))
    if not 0 <= plan.discount < 1:
        yield FieldError("discount", say("The discount is from 0 to below 1."))
    if not LEAST_STALE <= plan.stale_hours <= 24 * 365:
        told = say("Give %(least)s hours to 1 year: a version takes that long to go live.",
                   least=LEAST_STALE)  # fmt: skip
        yield FieldError("stale_hours", told)
    yield from _feature_faults(plan)
    if plan.primary in plan.guardrails:
        told = say("“%(metric)s” is named in two roles; choose one.", metric=plan.primary.name)
        yield FieldError("guardrails", told)
    yield from _action_faults(plan)


def _feature_faults(plan: PolicyPlan) -> Iterator[FieldError]:
    for name in plan.features:
        if name not in KNOWN and not name.startswith((TRAIT, CONTEXT, SCORE)):
            yield FieldError("features", say("There is no feature “%(name)s”.", name=name))
        elif name.removeprefix(TRAIT).lower() in contacts.NAMING and name.startswith(TRAIT):
            told = say("“%(name)s” names people: nobody can be decided for by it.", name=name)
            yield FieldError("features", told)


def _action_faults(plan: PolicyPlan) -> Iterator[FieldError]:
    many = selectors.count_actions(selectors.options_of(plan.bank.pk)) + plan.may_wait
    if many > acting.MOST:
        told = say("The bank makes %(n)s actions; %(most)s are the most. Take options out, or "
                   "split it into two banks.", n=many, most=acting.MOST)  # fmt: skip
        yield FieldError("bank", told)
        return
    found = selectors.combined_actions(selectors.options_of(plan.bank.pk), plan.may_wait)
    keys = [a.key for a in found]
    if len(found) < 2:
        told = say("There is nothing to choose from: give the bank “%(bank)s” at least two "
                   "options, or one and let the policy wait.", bank=plan.bank.name)  # fmt: skip
        yield FieldError("bank", told)
    elif plan.default_action not in {*keys, acting.WAIT}:
        yield FieldError("default_action", say("There is no action “%(key)s” in the bank.",
                                               key=plan.default_action))  # fmt: skip
    if len(found) >= 2 and not 0 <= plan.floor <= 1 / len(found):
        told = say("With %(n)s actions the floor is 0 to %(most)s: more would give each an equal "
                   "share for ever.", n=len(found), most=f"{1 / len(found):.3f}")  # fmt: skip
        yield FieldError("floor", told)


def start(policy: Policy) -> None:
    """Begin to decide, evenly: that claims nothing, so it needs no gate, as an experiment does not.
    What it would show must be approved."""
    for option in selectors.options_of(policy.bank_id):
        if option.in_use and option.revision is not None:
            verify(option.revision)
    advance(POLICY, policy, "start")
    now = timezone.now()
    version = publish(policy, Snapshot(snapshots.EVEN), rounds=0, until=now, drivers=[])
    Policy.objects.filter(pk=policy.pk).update(
        version=version.number, started_at=now, reason=say("It explores: every action in turn.")
    )
    tell(policy)


def withdraw(policy: Policy, decision_ids: Sequence[uuid.UUID], why: Phrase) -> None:
    """What these decisions chose was not done after all: nothing is learned from them, and their
    money is there again."""
    said = decisions.withdraw(decision_ids, why)
    known = selectors.parsed_actions(policy.bank_id, [action for action, _ in said])
    binding.unspend(policy, [(known[action], at) for action, at in said])


def kill(policy: Policy, why: Phrase) -> None:
    """Everybody gets the default from the next decision on."""
    advance(POLICY, policy, "kill", why=str(why))
    Policy.objects.filter(pk=policy.pk).update(reason=why)
    tell(policy)


def resume(policy: Policy) -> None:
    for option in selectors.options_of(policy.bank_id):
        if option.in_use and option.revision is not None:
            verify(option.revision)
    advance(POLICY, policy, "resume")
    Policy.objects.filter(pk=policy.pk).update(reason=say("It was resumed."))
    tell(policy)


def retire(policy: Policy) -> None:
    ramp = selectors.open_ramp(policy)
    if ramp is not None:
        raise Conflict(say("Version %(n)s is on its way; roll that back first.",
                           n=ramp.version.number))  # fmt: skip
    advance(POLICY, policy, "retire")
    tell(policy)


def publish(
    policy: Policy, snapshot: Snapshot, *, rounds: int, until: datetime,
    drivers: list[dict[str, Any]], rehearsal: dict[str, Any] | None = None,
) -> PolicyVersion:  # fmt: skip
    """Keep a version; nothing serves it yet."""
    Policy.objects.select_for_update().get(pk=policy.pk)  # one number each
    last = policy.versions.aggregate(last=Max("number"))["last"] or 0
    stored = snapshot.stored()
    version = PolicyVersion.objects.create(
        policy=policy, number=last + 1, kind=snapshot.kind, snapshot=stored,
        digest=snapshots.digest(stored), rounds=rounds, until=until, drivers=drivers,
        rehearsal=rehearsal or {},
    )  # fmt: skip
    audit.record("strategy.publish", version, number=version.number)
    return version


def ask_to_learn(policy: Policy) -> None:
    """Later; what learns sequences needs torch and waits in a queue of its own."""
    job = LEARN_RETURN if policy.kind == Policy.Kind.SEQUENTIAL else LEARN
    job.enqueue(LearnPolicy(policy.pk), dedupe_key=str(policy.pk))


def log_is_long(policy: Policy) -> bool:
    """Whether there are decisions enough to learn from, rewarded or not."""
    return decisions_log.decisions(policy.pk)[: learning.LEAST_ROUNDS].count() >= (
        learning.LEAST_ROUNDS
    )  # fmt: skip


def tried_lately(policy: Policy, since: datetime) -> bool:
    """Whether it was to learn since then, whatever came of it."""
    return JobRow.objects.filter(
        kind__in=[LEARN.name, LEARN_RETURN.name], dedupe_key=str(policy.pk), created_at__gte=since
    ).exists()  # fmt: skip


def learn(policy: Policy, now: datetime) -> PolicyVersion:
    """A new version from the policy's own log. Raises Conflict where the log is too thin."""
    found = rounds.of_decisions(policy, since=now - LEARN_FROM, until=now)
    if not learning.enough(found):
        raise Conflict(learning.not_enough(found))
    snapshot = learning.learned(found, policy.features, rule=policy.rule)
    drivers = learning.driving(snapshot, found.rows[-5_000:])
    return publish(policy, snapshot, rounds=len(found), until=now, drivers=drivers)


def judge(version: PolicyVersion, now: datetime) -> OffPolicyEstimate:
    """The gate's report on a version, by the policy's own log."""
    found, refresh = log_for(version, now)
    return keep(version, report(version, found, refresh=refresh), until=now)


def log_for(version: PolicyVersion, now: datetime) -> tuple[learning.Rounds, bool]:
    """What a version is judged by, and whether it only refreshes what serves. Where one decision
    tells on the next, the probabilities are those within a person's group, and the control, which
    has no chance at all, is left out."""
    policy = version.policy
    seen = rounds.logged(policy, since=now - LEARN_FROM, until=now)
    found = seen.rounds
    sequence = version.kind == snapshots.SEQUENTIAL
    if sequence:  # networks remember whom they learned from
        fresh = np.array([at >= version.until for at in seen.at], dtype=bool)
        known = ~held_out(policy, found.units) & ~fresh
        seen = replace(seen, groups=np.where(known, CONTROL, seen.groups))
    if sequence or OWN & set(policy.features):
        found = seen.within(CONTROL)
    live_version = selectors.serving(policy)
    refresh = live_version is not None and live_version.kind == version.kind
    return found, refresh


def held_out(policy: Policy, units: Sequence[str] | np.ndarray) -> np.ndarray:
    """Whether a person is one of those whom networks never learn from (n,)."""
    people = {str(u): draw_of(f"{policy.pk}:held", str(u)) < HELD for u in set(units)}
    return np.array([people[str(u)] for u in units], dtype=bool)


@dataclass(frozen=True, slots=True)
class Report:
    """What the gate says of a version; None where nothing can be said yet."""

    verdict: gate.Verdict | None
    reason: Phrase
    sequence: sequential.Judged | None = None


def report(version: PolicyVersion, found: learning.Rounds, *, refresh: bool = False) -> Report:
    """Judge a version by a log. Takes its time: no transaction should wait for it."""
    policy, snapshot = version.policy, Snapshot.of(version.snapshot)
    if not found.over.any():
        told = say("No decision's time to be rewarded is over yet: the gate waits for the first.")
        return Report(None, told)
    if snapshot.kind == snapshots.SEQUENTIAL:
        of = sequential.judged(found, snapshot, floor=policy.floor, hours=policy.every_hours or 1,
                               discount=policy.discount)  # fmt: skip
        return Report(of.verdict, of.verdict.reason, of)
    judged = gate.judged(*learning.judged_log(found, snapshot, policy.floor))
    if refresh and judged.kind == "hold" and judged.gain.value >= 0 and not judged.thin:
        told = say("A fresher version of what serves: not shown to earn less (%(gain)s a decision, "
                   "95 %% interval %(low)s to %(high)s).", gain=f"{judged.gain.value:+.4g}",
                   low=f"{judged.gain.low:+.4g}", high=f"{judged.gain.high:+.4g}")  # fmt: skip
        judged = replace(judged, kind="promote", reason=told)
    return Report(judged, judged.reason)


def keep(
    version: PolicyVersion, told: Report, *, until: datetime, log: str = "decisions"
) -> OffPolicyEstimate:
    """Keep what the gate says."""
    judged, reason, sequence = told.verdict, told.reason, told.sequence
    values: dict[str, Any] = {"verdict": "refuse"}
    if judged is not None:
        health = judged.health
        named = {**judged.others, "logged": judged.logged, "gain": judged.gain}
        values = {
            "verdict": judged.kind, "rounds": health.n, "effective": health.effective,
            "largest": health.largest, "heaviest": health.heaviest, "untried": health.untried,
            "rewarded": health.rewarded, "why": judged.why, "estimator": judged.chosen.name,
            "warnings": [w.stored() for w in judged.warnings],
            "estimates": {name: _finite(e) for name, e in named.items()},
        }  # fmt: skip
    if sequence is not None:
        values |= {"steps": sequence.steps, "by_steps": [
            [steps, *_finite(gain), round(ess, 1)] for steps, gain, ess in sequence.by_steps
        ]}  # fmt: skip
    estimate = OffPolicyEstimate.objects.create(
        version=version, log=log, until=until, reason=reason, **values
    )
    audit.record("strategy.judge", version, verdict=estimate.verdict, log=log)
    tell(version.policy)
    return estimate


def _finite(estimate: offpolicy.Estimate) -> list[float | None]:
    told = asdict(estimate)
    return [v if abs(v) < 1e300 else None for v in (told["value"], told["low"], told["high"])]


def tell(policy: Policy) -> None:
    live.push(current_tenant(), "strategy", str(policy.pk))
