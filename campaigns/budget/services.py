"""Budgets: bring in spend, ask for a fit, keep it, plan, adopt, close."""

from __future__ import annotations

import io
from collections.abc import Sequence
from copy import copy
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, connection, transaction

from attune.kernel import audit, cells, live
from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.phrases import Phrase, say
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from campaigns.budget import checks, curves, selectors, tables
from campaigns.budget.curves import Curves, Limits
from campaigns.budget.jobs import FIT, FitMix
from campaigns.budget.models import BudgetPlan, Lift, Mix, MixDay, MixFit
from campaigns.budget.tables import Refused, Spent
from campaigns.decisions import selectors as log
from campaigns.decisions.models import Metric
from campaigns.experiments import reading, statistics
from campaigns.experiments import services as experiments
from campaigns.experiments.models import Experiment

PLAN = Machine(
    "budget_plan",
    {
        ("draft", "adopt"): "adopted",
        ("draft", "drop"): "dropped",
        ("adopted", "drop"): "dropped",
        ("adopted", "close"): "closed",
    },
)
SHOWN = 20
LEAST_DOUBT = 0.01
USUAL_WEEKS = 8  # what is spent now: the mean of the newest weeks
MOST_WEEKS = 26
DAY_SQL = """
INSERT INTO mix_day (id, tenant_id, mix_id, day, channel, amount)
SELECT gen_random_uuid(), %(tenant)s, %(mix)s, n.day, n.channel, n.amount
FROM unnest(%(days)s::date[], %(channels)s::text[], %(amounts)s::float8[])
  AS n(day, channel, amount)
ON CONFLICT (tenant_id, mix_id, channel, day) DO UPDATE SET amount = EXCLUDED.amount"""


def create(*, name: str, outcome: Metric) -> Mix:
    if not name.strip():
        raise Invalid.one("name", say("Give the budget a name."))
    try:
        with transaction.atomic():
            row = Mix.objects.create(name=name.strip(), outcome=outcome)
    except IntegrityError as clash:
        raise Invalid.one("name", say("A budget has this name already.")) from clash
    audit.record("budget.create", row, outcome=outcome.key)
    return row


def bring_in(mix: Mix, file: UploadedFile) -> int:
    """Take the amounts of a file; a day and channel that is there already gets the new amount. A
    file with a mistake is refused whole, with every mistake (the first twenty). Then it is fitted
    anew."""
    return take(mix, list(tables.read(io.StringIO(cells.text_of(file)))))


def take(mix: Mix, rows: Sequence[Spent | Refused], field: str = "file") -> int:
    """Keep amounts, as `bring_in` does; `field` is what a refusal names."""
    wrong = [row for row in rows if isinstance(row, Refused)]
    if wrong:
        raise Invalid([
            FieldError(field, say("Line %(line)s, %(field)s: %(reason)s", line=w.line,
                                   field=w.field, reason=w.reason))
            for w in wrong[:SHOWN]
        ])  # fmt: skip
    kept: dict[tuple[date, str], float] = {}
    for row in rows:
        if isinstance(row, Spent):
            if not cells.FIRST_YEAR <= row.day.year <= cells.LAST_YEAR:
                told = say("Line %(line)s: the day %(day)s is not between 1990 and 2100.",
                           line=row.line, day=row.day.isoformat())  # fmt: skip
                raise Invalid.one(field, told)
            key = (row.day, row.channel)
            kept[key] = kept.get(key, 0.0) + row.amount
    if not kept:
        raise Invalid.one(field, say("The file holds no amount."))
    known = set(MixDay.objects.filter(mix=mix).values_list("channel", flat=True).distinct())
    names = (known | {channel for _, channel in kept}) - {""}
    if len(names) > tables.MOST_CHANNELS:
        raise Invalid.one(field, say(
            "%(n)s channels; %(most)s are the most that can be told apart. Join small ones.",
            n=len(names), most=tables.MOST_CHANNELS))  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(DAY_SQL, {
            "tenant": current_tenant(), "mix": mix.pk, "days": [d for d, _ in kept],
            "channels": [c for _, c in kept], "amounts": list(kept.values()),
        })  # fmt: skip
    audit.record("budget.bring_in", mix, amounts=len(kept))
    ask(mix)
    return len(kept)


def add_lift(
    mix: Mix, *, channel: str, since: date, until: date, outcome: float, error: float,
    note: str = "",
) -> Lift:  # fmt: skip
    """What a test found, entered by hand."""
    errors = []
    if until < since:
        errors.append(FieldError("until", say("It ends before it begins.")))
    if not error > 0 or error < abs(outcome) * LEAST_DOUBT:
        errors.append(
            FieldError(
                "error",
                say(
                    "The standard error is more than 0, and no test is "
                    "surer than a hundredth of what it found."
                ),
            )
        )
    there = selectors.total(mix, since, until)
    if there is not None and abs(outcome) > there:
        told = say("In that time there were %(there)s in all: one channel cannot have brought "
                   "%(outcome)s.", there=f"{there:,.0f}", outcome=f"{outcome:,.0f}")  # fmt: skip
        errors.append(FieldError("outcome", told))
    known = selectors.span(mix)
    if known is not None and (until < known[0] or since > known[1]):
        told = say("The test lies outside the days of spend, %(first)s to %(last)s.",
                   first=known[0].isoformat(), last=known[1].isoformat())  # fmt: skip
        errors.append(FieldError("since", told))
    if not MixDay.objects.filter(mix=mix, channel=channel).exists():
        errors.append(FieldError("channel", say("There is no spend of “%(name)s”.", name=channel)))
    if errors:
        raise Invalid(errors)
    row = Lift.objects.create(mix=mix, channel=channel, since=since, until=until, outcome=outcome,
                              error=error, note=note[:200])  # fmt: skip
    audit.record("budget.add_lift", row, channel=channel)
    ask(mix)
    return row


def take_lift(mix: Mix, experiment: Experiment, channel: str, now: datetime) -> Lift:
    """What an experiment of our own found: all that its treated people did more than its control
    would have, of this budget's outcome and in its unit. Raises Conflict where the experiment did
    not count that outcome."""
    if mix.outcome_id not in {goal.metric_id for goal in log.goals(experiment.pk)}:
        raise Conflict(say("The experiment “%(name)s” did not count “%(metric)s”: only an "
                           "experiment with it among its metrics can tell.",
                           name=experiment.name, metric=mix.outcome.name))  # fmt: skip
    counted = copy(mix.outcome)
    if counted.kind == Metric.Kind.CONVERSION:  # a budget counts each time, not each person
        counted.kind = Metric.Kind.COUNT
    arms = experiments.arms_of(experiment)
    control = next(arm for arm in arms if arm.is_control)
    told = reading.strata_of(experiment, counted, now)
    total = error = 0.0
    for arm in arms:
        people = sum(m.n for m in told.get(arm.key, {}).values())
        effect = statistics.effect(told.get(control.key, {}), told.get(arm.key, {}))
        if arm.key != control.key and people and effect is not None:
            total += people * effect.difference
            error += people * effect.error  # they share a control: the errors go together
    if experiment.started_at is None or not error > 0:
        raise Conflict(say("The experiment “%(name)s” has nothing to tell of “%(metric)s” yet.",
                           name=experiment.name, metric=mix.outcome.name))  # fmt: skip
    until = (experiment.stopped_at or now).date()
    Lift.objects.filter(mix=mix, experiment_id=experiment.pk).delete()
    row = Lift.objects.create(
        mix=mix, channel=channel, since=experiment.started_at.date(), until=until, outcome=total,
        error=error, experiment_id=experiment.pk, note=experiment.name[:200],
    )  # fmt: skip
    audit.record("budget.take_lift", row, experiment=str(experiment.pk))
    ask(mix)
    return row


def remove_lift(row: Lift) -> None:
    audit.record("budget.remove_lift", row, channel=row.channel)
    mix = row.mix
    row.delete()
    ask(mix)


def remove_channel(mix: Mix, channel: str) -> None:
    """Forget all that was brought in of a channel, for one because its name was misspelt; with an
    empty name, the outcome that files told."""
    n, _ = MixDay.objects.filter(mix=mix, channel=channel).delete()
    if not n:
        raise Conflict(say("There is no spend of “%(name)s”.", name=channel))
    Lift.objects.filter(mix=mix, channel=channel).delete()
    audit.record("budget.remove_channel", mix, channel=channel, amounts=n)
    ask(mix)


def ask(mix: Mix) -> None:
    """Fit it soon."""
    job = FIT.enqueue(FitMix(mix.pk), dedupe_key=str(mix.pk))
    if job is not None:
        Mix.objects.filter(pk=mix.pk).update(job=job)
    tell(mix)


def keep(
    mix: Mix, now: datetime, *, findings: Sequence[checks.Finding], why: Phrase, digest: str = "",
    results: dict[str, Any] | None = None, drawn: Curves | None = None, seed: int = 0,
) -> MixFit:  # fmt: skip
    """Keep a fit; it is refused where a check refuses it."""
    refusal = checks.refused(findings)
    fit = MixFit.objects.create(
        mix=mix, at=now, state="refused" if refusal or drawn is None else "done", digest=digest,
        reason=refusal.what if refusal else why, findings=[f.stored() for f in findings], seed=seed,
        results=results or {}, curves=drawn.stored() if drawn is not None else {},
    )  # fmt: skip
    audit.record("budget.fit", mix, state=fit.state)
    tell(mix)
    return fit


def plan(
    mix: Mix, *, name: str, starts: date, weeks: int, total: float,
    limits: dict[str, tuple[float, float]], today: date,
) -> BudgetPlan:  # fmt: skip
    """Scenarios for some weeks to come: as now, the advised split of the total, and a cautious one
    that goes half of the way. Raises Conflict while no fit may be believed."""
    fit = selectors.usable(mix)
    if fit is None:
        raise Conflict(say("No advice: there is no fit that may be believed."))
    drawn = Curves.of(fit.curves)
    now = usual(fit)
    errors = _faults(name, weeks, total, drawn.channels, limits)
    if not -31 <= (starts - today).days <= 366:
        errors.append(FieldError("starts", say("Plan for a time from last month to a year ahead.")))
    held = held_by(fit)
    bounds = [
        Limits(float(now[c]), float(now[c])) if channel in held
        else Limits(*limits.get(channel, (0.0, total)))
        for c, channel in enumerate(drawn.channels)
    ]  # fmt: skip
    if not errors and not sum(b.least for b in bounds) <= total + 0.005 <= (
        sum(b.most for b in bounds) + 0.01
    ):
        told = say("The limits, and the channels that keep their money, do not allow %(total)s a "
                   "week: they allow %(least)s to %(most)s.", total=f"{total:,.0f}",
                   least=f"{sum(b.least for b in bounds):,.0f}",
                   most=f"{sum(b.most for b in bounds):,.0f}")  # fmt: skip
        errors.append(FieldError("total", told))
    if len(drawn.channels) - len(held & set(drawn.channels)) < 2:
        raise Conflict(say("No advice: of fewer than two channels is known what more or less would "
                           "do."))  # fmt: skip
    if errors:
        raise Invalid(errors)
    best = curves.advised(drawn, total, bounds)
    told_of = {"now": now, "advised": best, "half": (now + best) / 2}
    most = _largest(fit, drawn) * 1.001
    scenarios = [
        {"key": key, **curves.scenario(drawn, spend, now, weeks),
         "beyond": [drawn.channels[c] for c in np.flatnonzero(spend > most)]}
        for key, spend in told_of.items()
    ]  # fmt: skip
    monday = starts - timedelta(days=starts.weekday())
    row = BudgetPlan.objects.create(
        mix=mix, fit=fit, name=name.strip()[:120], starts=monday, weeks=weeks, total=total,
        limits={c: list(v) for c, v in limits.items()}, scenarios=scenarios,
    )  # fmt: skip
    audit.record("budget.plan", row, total=total, weeks=weeks)
    return row


def _faults(
    name: str, weeks: int, total: float, channels: Sequence[str],
    limits: dict[str, tuple[float, float]],
) -> list[FieldError]:  # fmt: skip
    errors = []
    if not name.strip():
        errors.append(FieldError("name", say("Give the plan a name.")))
    if not 1 <= weeks <= MOST_WEEKS:
        errors.append(FieldError("weeks", say("Plan 1 to 26 weeks.")))
    if not 0 < total <= tables.MOST:
        errors.append(FieldError("total", say("Must be more than 0.")))
    for channel, (least, most) in limits.items():
        if channel not in channels:
            errors.append(FieldError("limits", say("There is no channel “%(name)s”.",
                                                   name=channel)))  # fmt: skip
        elif not 0 <= least <= most:
            errors.append(FieldError("limits", say(
                "%(name)s: the least is 0 or more, and not above the most.", name=channel
            )))  # fmt: skip
    return errors


def usual(fit: MixFit) -> np.ndarray:
    """What each channel spends a week now (C,)."""
    return np.array([c["now"] for c in fit.results["channels"]])


def _largest(fit: MixFit, drawn: Curves) -> np.ndarray:
    by = {c["name"]: c["largest"] for c in fit.results["channels"]}
    return np.array([by[name] for name in drawn.channels])


def held_by(fit: MixFit) -> set[str]:
    """The channels whose money no plan of this fit may move."""
    return {f["channel"] for f in fit.findings if f["level"] == "hold"}


def adopt(row: BudgetPlan, key: str) -> None:
    """A person takes a scenario as the plan: the ledger will tell what became of it."""
    if key not in {s["key"] for s in row.scenarios}:
        raise Invalid.one("key", say("Choose one of the scenarios."))
    advance(PLAN, row, "adopt", scenario=key)
    BudgetPlan.objects.filter(pk=row.pk).update(adopted=key)
    tell(row.mix)


def drop(row: BudgetPlan) -> None:
    advance(PLAN, row, "drop")
    tell(row.mix)


def close(row: BudgetPlan, today: date) -> None:
    """Its weeks are over: what was spent, and what came of it."""
    mondays = [row.starts + timedelta(days=7 * n) for n in range(row.weeks)]
    known = selectors.known_weeks(row.mix, mondays)
    seen = selectors.weeks(row.mix, today) if known == row.weeks else None
    if seen is None:
        raise Conflict(say("The spend of only %(n)s of its %(weeks)s weeks is known to their end: "
                           "bring in the file of that time first.", n=known,
                           weeks=row.weeks))  # fmt: skip
    at = [n for n, m in enumerate(seen.mondays) if m in set(mondays)]
    spent = {name: round(float(seen.spend[at, c].mean()), 2)
             for c, name in enumerate(seen.channels)}  # fmt: skip
    advance(PLAN, row, "close")
    BudgetPlan.objects.filter(pk=row.pk).update(
        spent=spent, outcome=round(float(seen.outcome[at].sum()), 2)
    )
    tell(row.mix)


def tell(mix: Mix) -> None:
    live.push(current_tenant(), "budget", str(mix.pk))
