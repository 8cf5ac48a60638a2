"""What the constraints of a policy forbid for one person at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest

from attune.kernel.phrases import Phrase, say, say_many
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Consent, Contact
from campaigns.decisions.models import Decision
from campaigns.segments import selectors as segments
from campaigns.strategy.actions import WAIT, Action, Bound
from campaigns.strategy.models import Constraint, Option, Policy, PolicySpend
from campaigns.strategy.planning import Plan

CONSENT, AUDIENCE = "consent", "audience"  # no constraints that anyone could lift
LOCK_SQL = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
PERIODS = ("day", "week", "month")
SPEND_SQL = """
INSERT INTO policy_spend (id, tenant_id, constraint_id, period, cents)
VALUES (gen_random_uuid(), %s, %s, %s, 0)
ON CONFLICT (tenant_id, constraint_id, period) DO UPDATE SET cents = policy_spend.cents
RETURNING cents"""


@dataclass(slots=True)
class Bindings:
    """Which actions may be chosen (K,), why the others may not {action: (why, constraint)}, which
    bounds of shares hold, and which budgets are locked until the choice is written {constraint:
    period}."""

    eligible: np.ndarray
    why: dict[str, tuple[Phrase, str]] = field(default_factory=dict)
    bounds: list[Bound] = field(default_factory=list)
    budgets: dict[Constraint, date] = field(default_factory=dict)

    def forbid(self, actions: Sequence[Action], mask: np.ndarray, why: Phrase, rule: str) -> None:
        for action in np.flatnonzero(mask & self.eligible):
            self.why[actions[int(action)].key] = (why, rule)
        self.eligible = self.eligible & ~mask


def bound(plan: Plan, person: Contact, now: datetime) -> Bindings:
    """Every constraint in force, asked for one person; `now` in the person's time zone. WAIT is
    bound by none: doing nothing is always allowed."""
    actions = plan.actions
    found = Bindings(np.ones(len(actions), dtype=bool))
    _refused(found, actions, person)
    _outside(found, actions, plan.options, person)
    done = _done(plan, person, now)
    hours = hours_of(actions, plan.options, now)
    for rule in plan.rules:
        mask = np.array([a.key != WAIT and a.has(rule.options) for a in actions])
        _ask(found, rule, mask, actions, person, now, hours, done)
    return found


def hours_of(
    actions: Sequence[Action], options: Mapping[str, Option], now: datetime
) -> np.ndarray:  # fmt: skip
    """The hour of the person's day at which each action would be done (K,): of its send time, else
    now."""
    return np.array([hour_of(action, options, now.hour) for action in actions])


def due_at(local: datetime, hour: int) -> datetime:
    """Now where it is that hour of the person's day, else its next full hour."""
    if local.hour == hour:
        return local
    at = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    return at if at > local else at + timedelta(days=1)


def hour_of(action: Action, options: Mapping[str, Option], otherwise: int) -> int:
    for dimension, key in action.options:
        option = options.get(f"{dimension}:{key}")
        if option is not None and option.hour is not None:
            return option.hour
    return otherwise


def _outside(
    found: Bindings, actions: Sequence[Action], options: Mapping[str, Option], person: Contact
) -> None:
    """An option that is for a segment is for its people alone."""
    for name, option in options.items():
        if option.segment is not None and not segments.holds(option.segment.rule, person.pk):
            mask = np.array([a.has([name]) for a in actions])
            told = say("Not in the segment “%(segment)s”.", segment=option.segment.name)
            found.forbid(actions, mask, told, AUDIENCE)


def _refused(found: Bindings, actions: Sequence[Action], person: Contact) -> None:
    """A channel that a person refused is no action for them, whatever the constraints say."""
    for channel in refused_channels(actions, person):
        mask = np.array([a.has([f"channel:{channel}"]) for a in actions])
        found.forbid(actions, mask, say("The contact refused this channel."), CONSENT)


def refused_channels(actions: Sequence[Action], person: Contact) -> list[str]:
    """Of the channels that these actions use, those that a person refused."""
    channels = {key for a in actions for dimension, key in a.options if dimension == "channel"}
    told = {channel: contacts.latest_consent(person.pk, channel) for channel in channels}
    return sorted(channel for channel, consent in told.items()
                  if consent is not None and consent.state == Consent.State.REFUSED)  # fmt: skip


def _ask(
    found: Bindings, rule: Constraint, mask: np.ndarray, actions: Sequence[Action],
    person: Contact, now: datetime, hours: np.ndarray, done: list[tuple[Action, datetime]],
) -> None:  # fmt: skip
    values = rule.values
    if rule.kind == Constraint.Kind.ELIGIBILITY and rule.segment is not None:
        if not segments.holds(rule.segment.rule, person.pk):
            told = say("Not in the segment “%(segment)s”.", segment=rule.segment.name)
            found.forbid(actions, mask, told, str(rule.pk))
    elif rule.kind == Constraint.Kind.CAP:
        since = now - timedelta(days=values["days"])
        n = sum(act.key != WAIT and act.has(rule.options) for act, at in done if at >= since)
        if n >= values["most"]:
            told = say_many(
                "Had it %(n)s time in %(days)s days; %(most)s are allowed.",
                "Had it %(n)s times in %(days)s days; %(most)s are allowed.",
                n=n, days=values["days"], most=values["most"],
            )  # fmt: skip
            found.forbid(actions, mask, told, str(rule.pk))
    elif rule.kind == Constraint.Kind.QUIET:
        _hush(found, rule, mask, actions, hours)
    elif rule.kind == Constraint.Kind.BUDGET:
        _budget(found, rule, mask, actions, now)
    elif rule.kind == Constraint.Kind.SHARE:
        trait = values.get("trait", "")
        if not trait or _text(person.traits.get(trait)) == values.get("value", ""):
            found.bounds.append(Bound(mask, values["least"], values["most"], str(rule.pk)))


def _hush(
    found: Bindings, rule: Constraint, mask: np.ndarray, actions: Sequence[Action],
    hours: np.ndarray,
) -> None:  # fmt: skip
    """Forbid what would be done in quiet hours."""
    start, end = rule.values["from"], rule.values["to"]
    for hour in sorted({int(h) for h in hours[mask]}):
        if quiet(hour, start, end):
            told = say("Quiet from %(start)s to %(end)s o'clock; it would be %(hour)s.",
                       start=start, end=end, hour=hour)  # fmt: skip
            found.forbid(actions, mask & (hours == hour), told, str(rule.pk))


def all_quiet(
    rules: Sequence[Constraint], actions: Sequence[Action], options: Mapping[str, Option],
    now: datetime,
) -> bool:  # fmt: skip
    """Whether quiet hours leave nothing but waiting at this moment of the person's day: who decides
    by itself comes back when they are over."""
    hours = hours_of(actions, options, now)
    left = np.array([a.key != WAIT for a in actions])
    for rule in rules:
        if rule.kind != Constraint.Kind.QUIET:
            continue
        start, end = rule.values["from"], rule.values["to"]
        left &= ~np.array([a.has(rule.options) and quiet(int(h), start, end)
                           for a, h in zip(actions, hours, strict=True)])  # fmt: skip
    return not left.any()


def quiet(hour: int, start: int, end: int) -> bool:
    """Whether an hour lies in [start, end), which may run over midnight."""
    return start <= hour < end if start <= end else hour >= start or hour < end


def period_of(kind: str, now: datetime) -> date:
    """The first day of the period."""
    today = now.date()
    if kind == "week":
        return today - timedelta(days=today.weekday())
    return today.replace(day=1) if kind == "month" else today


def _budget(
    found: Bindings, rule: Constraint, mask: np.ndarray, actions: Sequence[Action], now: datetime
) -> None:
    """What is left decides; the row stays locked until the choice is written, so no two choices
    spend the same money."""
    period = period_of(rule.values["period"], now.astimezone(UTC))
    with connection.cursor() as cursor:
        cursor.execute(SPEND_SQL, [current_tenant(), rule.pk, period])
        spent = cursor.fetchone()[0]
    left = rule.values["cents"] - spent
    dear = mask & np.array([a.cost > left for a in actions])
    told = say("The budget of this %(period)s is used up.", period=_named(rule.values["period"]))
    found.forbid(actions, dear, told, str(rule.pk))
    found.budgets[rule] = period


def _named(period: str) -> Phrase:
    return {"day": say("day"), "week": say("week"), "month": say("month")}[period]


def spend(found: Bindings, action: Action) -> None:
    """Take the cost of the choice from every budget that it falls under."""
    for rule, period in found.budgets.items():
        if action.cost and action.has(rule.options):
            PolicySpend.objects.filter(constraint=rule, period=period).update(
                cents=F("cents") + action.cost
            )


def unspend(policy: Policy, done: Sequence[tuple[Action, datetime]]) -> None:
    """Give back what decisions cost that were not done after all."""
    rules = policy.constraints.filter(kind=Constraint.Kind.BUDGET)
    for rule in rules:
        back: dict[date, int] = {}
        for action, at in done:
            if action.cost and action.has(rule.options):
                period = period_of(rule.values["period"], at.astimezone(UTC))
                back[period] = back.get(period, 0) + action.cost
        for period, cents in back.items():
            PolicySpend.objects.filter(constraint=rule, period=period).update(
                cents=Greatest(0, F("cents") - cents)
            )


def _text(value: Any) -> str:
    """A trait as segments and people write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _done(plan: Plan, person: Contact, now: datetime) -> list[tuple[Action, datetime]]:
    """What this policy did with a person (and with the visitor they were), as far back as a cap
    looks. The person stays locked until the choice is written, so two requests at once cannot pass
    a cap together."""
    days = [r.values["days"] for r in plan.rules if r.kind == Constraint.Kind.CAP]
    if not days:
        return []
    with connection.cursor() as cursor:
        cursor.execute(LOCK_SQL, [f"{plan.policy.pk}:{person.pk}"])
    since = now - timedelta(days=max(days))
    people = contacts.same_person(person.pk)
    rows = Decision.objects.filter(
        source_id=plan.policy.pk, contact_id__in=people, at__gte=since, withdrawals=None
    )  # fmt: skip
    return [(plan.parsed(key), at) for key, at in rows.values_list("action", "at")]
