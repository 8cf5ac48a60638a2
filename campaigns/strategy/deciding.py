"""One decision of a policy: what may be done, who serves, with which probability, logged first.

    person → slot (decided already? the same again) → group, by a hash of the person
    → control: the default · candidate of a ramp · the version that serves
    → constraints → shares of the version, with its floor, within the bounds → draw → log

What is logged as propensity is the chance over everything that was left to chance: the groups and
the draw. So any version can be judged by the log later, whoever it served.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db import transaction

from attune.kernel.models import new_id
from attune.kernel.phrases import Phrase, say
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Contact
from campaigns.decisions import selectors as log
from campaigns.decisions import services as decisions
from campaigns.decisions.models import Decision
from campaigns.experiments.bandits import draw_of
from campaigns.strategy import actions as acting
from campaigns.strategy import binding, features
from campaigns.strategy.actions import WAIT, Action
from campaigns.strategy.binding import Bindings
from campaigns.strategy.models import Policy, PolicyVersion, Ramp
from campaigns.strategy.planning import Plan, loaded
from campaigns.strategy.snapshots import EVEN
from campaigns.strategy.states import CANDIDATE, CONTROL, INCUMBENT

SOURCE = "policy"
PROFILE = ("first_seen_at", "last_seen_at", "last_order_at")


@dataclass(slots=True)
class Shares:
    """The conditional shares of each group (K,), and the chance of each group."""

    chance: dict[str, float]
    of: dict[str, np.ndarray] = field(default_factory=dict)
    bound: dict[str, list[str]] = field(default_factory=dict)

    def marginal(self) -> np.ndarray:
        found: np.ndarray = sum(self.chance[g] * self.of[g] for g in self.of)  # type: ignore[assignment]
        return found


def slot_of(policy: Policy, now: datetime) -> str:
    """The stretch of time in which a person is decided for once; with 0 hours each request is its
    own."""
    if not policy.every_hours:
        return f"r{new_id().hex}"
    return f"t{int(now.timestamp() // (3600 * policy.every_hours))}"


def decide(plan: Plan, person: Contact, context: dict[str, Any], now: datetime) -> Decision:
    """The action of one person, logged before it is answered; in one slot always the same."""
    slot = slot_of(plan.policy, now)
    known = log.decided(plan.policy.pk, person.pk, slot) if plan.policy.every_hours else None
    known = known or standing(plan, [person.pk], now).get(person.pk)
    if known is not None:
        why = _no_longer(plan, known, person)
        return known if why is None else _withheld(plan, known, person, why)
    with transaction.atomic(savepoint=False):  # a budget stays locked until the log is written
        return _fresh(plan, person, context, now, slot)


def standing(
    plan: Plan, people: Sequence[uuid.UUID], now: datetime
) -> dict[uuid.UUID, Decision]:  # fmt: skip
    """The decisions of people that hold beyond their slot: by the frequency that was chosen,
    nothing is decided anew before its days are over."""
    days = {name: o.days for name, o in plan.options.items() if o.days}
    if not days:
        return {}
    newest = log.newest_of(plan.policy.pk, people, since=now - timedelta(days=max(days.values())))
    found = {}
    for person, made in newest.items():
        held = [days[f"{d}:{k}"] for d, k in plan.parsed(made.action).options if f"{d}:{k}" in days]
        if held and now < made.at + timedelta(days=max(held)):
            found[person] = made
    return found


def _no_longer(plan: Plan, known: Decision, person: Contact) -> Phrase | None:
    """Why what was decided for this stretch of time may not be done any more."""
    if plan.policy.state == Policy.State.PAUSED and known.mode != Decision.Mode.FALLBACK:
        return say("The policy is stopped; everybody gets the default.")
    if binding.refused_channels([plan.parsed(known.action)], person):
        return say("The contact refused this channel.")
    return None


def _withheld(plan: Plan, known: Decision, person: Contact, why: Phrase) -> Decision:
    """The same decision answered with the default, or with nothing where that may not be either;
    the log keeps what was answered before."""
    told, usual = copy(known), plan.policy.default_action
    paused = plan.policy.state == Policy.State.PAUSED
    refused = binding.refused_channels([plan.parsed(usual)], person)
    told.action = usual if paused and not refused else WAIT
    told.propensity, told.propensities = 1.0, {told.action: 1.0}
    told.mode, told.context = Decision.Mode.FALLBACK, {**known.context, "fallback": why.stored()}
    return told


def _fresh(
    plan: Plan, person: Contact, context: dict[str, Any], now: datetime, slot: str
) -> Decision:
    policy = plan.policy
    local = now.astimezone(zone_of(person, plan))
    row = raw(policy, person, context, local)
    found = binding.bound(plan, person, local)
    stale = plan.fallback or _featureless(policy, row)
    if stale is not None or not found.eligible.any():
        why = stale or say("The constraints leave nothing to choose from.")
        choice = _default(plan, found, person, now, slot, row, context, why)
    else:
        choice = _chosen(plan, found, person, now, slot, row, context)
    written = decisions.log([choice])
    if not written:  # a rival request was quicker
        rival = log.decided(policy.pk, person.pk, slot)
        assert rival is not None  # noqa: S101
        return rival
    action = next((a for a in plan.actions if a.key == choice.action), Action(WAIT))
    binding.spend(found, action)
    return decisions.as_row(choice)


def raw(policy: Policy, person: Contact, context: dict[str, Any], local: datetime) -> Any:
    profile = contacts.profile(person.pk)
    known = {} if profile is None else {
        name: getattr(profile, name) for name in (*contacts.SNAPSHOT, *PROFILE)
    }  # fmt: skip
    scores = {}
    if any(name.startswith(features.SCORE) for name in policy.features):
        scores = {score.key: score.value for score in contacts.scores(person.pk)}
    if features.OWN & set(policy.features):
        known |= _own(policy, person, local)
    return features.raw_of(
        profile=known, traits=person.traits, context=context, locale=person.locale, now=local,
        names=policy.features, scores=scores,
    )  # fmt: skip


def _own(policy: Policy, person: Contact, local: datetime) -> dict[str, float]:
    """What this policy did with a person lately; waiting is nothing done."""
    since = local - timedelta(days=features.LATELY_DAYS)
    n, last = log.done(policy.pk, person.pk, since=since, but=WAIT)
    days = (local - last).total_seconds() / 86400 if last else features.LATELY_DAYS + 1.0
    return {"actions_lately": float(n), "since_action": round(days, 2)}


def _featureless(policy: Policy, row: dict[str, Any]) -> Phrase | None:
    """Where more than half of what it decides by is unknown, it does not guess."""
    if policy.features and len(row) < len(policy.features) / 2:
        return say("Of %(n)s features only %(known)s are known of this person.",
                   n=len(policy.features), known=len(row))  # fmt: skip
    return None


def zone_of(person: Contact, plan: Plan) -> ZoneInfo:
    """The workspace's where a person's own is not known."""
    for name in (person.timezone, plan.zone):
        try:
            if name:
                return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def group_of(policy: Policy, ramp: Ramp | None, contact_id: uuid.UUID) -> tuple[str, Shares]:
    """Whose choice a person gets, for good: control, or the candidate while its share holds."""
    share = policy.control_share
    coverage = ramp.coverage if ramp is not None else 0.0
    chance = {CONTROL: share, CANDIDATE: (1 - share) * coverage,
              INCUMBENT: (1 - share) * (1 - coverage)}  # fmt: skip
    shares = Shares({g: c for g, c in chance.items() if c > 0})
    if draw_of(f"{policy.pk}:control", str(contact_id)) < share:
        return CONTROL, shares
    if coverage and draw_of(f"{policy.pk}:candidate", str(contact_id)) < coverage:
        return CANDIDATE, shares
    return INCUMBENT, shares


def _chosen(
    plan: Plan, found: Bindings, person: Contact, now: datetime, slot: str, row: dict[str, Any],
    context: dict[str, Any],
) -> decisions.Choice:  # fmt: skip
    policy = plan.policy
    group, shares = group_of(policy, plan.ramp, person.pk)
    keys = [a.key for a in plan.actions]
    for name in shares.chance:
        version = _version_of(plan, name)
        shares.of[name], shares.bound[name] = _shares(plan, found, version, row, keys)
    own, marginal = shares.of[group], shares.marginal()
    draw = draw_of(f"{policy.pk}:{slot}", str(person.pk))
    at = int((own.cumsum() > draw * own.sum()).argmax())
    mode = Decision.Mode.CONTROL if group == CONTROL else Decision.Mode.EXPLOIT
    version = _version_of(plan, group)
    if version is not None and version.kind == EVEN:
        mode = Decision.Mode.EXPLORE
    ramp = plan.ramp
    step = ramp.step if ramp is not None and ramp.in_force else None
    told = {**_context(context, group, shares.bound[group]), "step": step, "own": {
        k: float(p) for k, p in zip(keys, own, strict=True) if p > 0
    }}  # fmt: skip
    return _choice(
        plan, person, now, slot, row, told, mode=mode, action=keys[at], draw=draw,
        propensities={k: float(p) for k, p in zip(keys, marginal, strict=True) if p > 0},
        found=found, version=version.number if version is not None else 0,
        shadow=_shadow(plan, found, row, keys),
    )  # fmt: skip


def _version_of(plan: Plan, group: str) -> PolicyVersion | None:
    if group == CANDIDATE and plan.ramp is not None:
        return plan.ramp.version
    return plan.serving if group == INCUMBENT else None


def _shares(
    plan: Plan, found: Bindings, version: PolicyVersion | None, row: dict[str, Any],
    keys: list[str],
) -> tuple[np.ndarray, list[str]]:  # fmt: skip
    """The shares of a version; without one (the control) the default, or waiting."""
    if version is None:
        return _sure(plan, found, keys), []
    chosen = loaded(version).choose([row], keys, found.eligible[None], plan.policy.floor)
    return acting.bounded(chosen.shares[0], found.eligible, found.bounds)


def _sure(plan: Plan, found: Bindings, keys: Sequence[str]) -> np.ndarray:
    """All on the usual action; where a policy may not wait, on the first that may be."""
    shares = np.zeros(len(keys))
    usual = _usual(plan, found, keys)
    shares[keys.index(usual) if usual in keys else int(found.eligible.argmax())] = 1.0
    return shares


def _usual(plan: Plan, found: Bindings, keys: Sequence[str]) -> str:
    """The default where it may be, else waiting."""
    wanted = plan.policy.default_action
    return wanted if wanted in keys and found.eligible[keys.index(wanted)] else WAIT


def _shadow(
    plan: Plan, found: Bindings, row: dict[str, Any], keys: list[str]
) -> dict[str, Any]:  # fmt: skip
    """What a version that only watches (a ramp at no share) would have done."""
    ramp = plan.ramp
    if ramp is None or not ramp.in_force or ramp.coverage:
        return {}
    shares, _ = _shares(plan, found, ramp.version, row, keys)
    told = {k: round(float(p), 5) for k, p in zip(keys, shares, strict=True) if p > 0}
    return {"version": ramp.version.number, "propensities": told}


def _default(
    plan: Plan, found: Bindings, person: Contact, now: datetime, slot: str, row: dict[str, Any],
    context: dict[str, Any], why: Phrase,
) -> decisions.Choice:  # fmt: skip
    """Nobody chooses: the usual action, logged as such and never learned from."""
    action = _usual(plan, found, [a.key for a in plan.actions])
    told = {**_context(context, "", []), "fallback": why.stored()}
    return _choice(
        plan, person, now, slot, row, told, mode=Decision.Mode.FALLBACK, action=action, draw=0.0,
        propensities={action: 1.0}, found=found, version=plan.policy.version, shadow={},
    )  # fmt: skip


def _context(context: dict[str, Any], group: str, bound: list[str]) -> dict[str, Any]:
    return {"given": context, "group": group, "bound": bound}


def _choice(
    plan: Plan, person: Contact, now: datetime, slot: str, row: dict[str, Any],
    context: dict[str, Any], *, mode: str, action: str, draw: float,
    propensities: dict[str, float], found: Bindings, version: int, shadow: dict[str, Any],
) -> decisions.Choice:  # fmt: skip
    local = now.astimezone(zone_of(person, plan))
    done = next((a for a in plan.actions if a.key == action), Action(WAIT))
    begins = binding.due_at(local, binding.hour_of(done, plan.options, local.hour))
    return decisions.Choice(
        source=SOURCE, source_id=plan.policy.pk, contact_id=person.pk, propensities=propensities,
        action=action, draw=draw, at=now, slot=slot, version=version, mode=mode, shadow=shadow,
        window_closes_at=begins + timedelta(hours=plan.policy.window_hours), context=context,
        acts_at=begins if begins > now else None,
        eligible=[a.key for a, may in zip(plan.actions, found.eligible, strict=True) if may],
        profile=row, excluded=[
            {"action": key, "why": why.stored(), "rule": rule}
            for key, (why, rule) in found.why.items()
        ],
    )  # fmt: skip
