"""From the decision log to a report: sums in, effects and one sentence out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from attune.kernel.tenancy import current_tenant
from campaigns.decisions import selectors as log
from campaigns.decisions.models import Goal, Metric
from campaigns.experiments import (
    advice,
    bandits,
    beliefs,
    cuped,
    exposures,
    guardrails,
    standing,
    statistics,
)
from campaigns.experiments.models import Allocation, Arm, Experiment
from campaigns.experiments.standing import Finding
from campaigns.experiments.statistics import Effect, Moments, Strata
from tenants.models import Tenant

BEFORE = timedelta(days=30)  # of what people did before they were decided for


@dataclass(frozen=True, slots=True)
class Report:
    """What is known at one moment, ready to be kept as a snapshot."""

    decided: int
    verdict: str
    sentence: str
    srm_p: float | None
    results: dict[str, Any]


def strata_of(experiment: Experiment, metric: Metric, until: datetime) -> dict[str, Strata]:
    """Moments per arm and allocation version."""
    found: dict[str, Strata] = {}
    for row in log.sums(experiment.pk, metric, until=until):
        rate = metric.kind == Metric.Kind.CONVERSION
        moments = Moments(row.n, row.total, row.squares, None if rate else row.events)
        found.setdefault(row.action, {})[row.version] = moments
    return found


def best_shares(
    experiment: Experiment, metric: Metric, arms: list[str], *, until: datetime
) -> dict[str, float]:
    """P(best) of each arm, as if all had met the same mix of times (statistics.standardised); for
    rates from what the experiment believed beforehand, where it believed something."""
    strata = strata_of(experiment, metric, until)
    moments = statistics.standardised([strata.get(arm, {}) for arm in arms])
    if experiment.prior and metric.kind == Metric.Kind.CONVERSION:
        belief = beliefs.posterior(
            prior=beliefs.ArmPrior.of(experiment.prior, arms),
            clicks=np.array([m.total for m in moments], dtype=float),
            impressions=np.array([m.n for m in moments], dtype=float),
        )
        shares = beliefs.probability_best(belief=belief).tolist()
    else:
        shares = _shares(metric, moments)
    return dict(zip(arms, shares, strict=True))


def report(
    experiment: Experiment, arms: list[Arm], *, until: datetime, earlier: Finding | None = None
) -> Report:
    """Every metric, arm against control; the recommendation from primary and guardrails, and from
    what an `earlier` look showed."""
    control = next(arm for arm in arms if arm.is_control)
    goals = log.goals(experiment.pk)
    plain = {g.metric.key: strata_of(experiment, g.metric, until) for g in goals}
    before = _adjusted(experiment, goals, until)
    tables = plain | {key: found.strata for key, found in before.items()}
    counts = _counts(plain[goals[0].metric.key])
    expected = _expected(experiment, plain[goals[0].metric.key])
    srm = statistics.srm_p({k: m.n for k, m in counts.items()}, expected)
    effects = {
        (g.metric.key, arm.key): statistics.effect(
            tables[g.metric.key].get(control.key, {}),
            tables[g.metric.key].get(arm.key, {}),
            alpha=_alpha(g, goals, arms),
        )
        for g in goals
        for arm in arms
        if arm.key != control.key
    }
    told, found = _advice(experiment, arms, control, goals, counts, effects, srm, until, earlier)
    return Report(
        decided=sum(m.n for m in counts.values()),
        verdict=told.kind,
        sentence=told.sentence,
        srm_p=srm,
        results={
            "control": control.key,
            "expected": expected,
            "arm": told.arm,
            "found": found.stored() if found else None,
            "people_missing": told.people_missing,
            "comparisons": len(arms) - 1,
            "power": _power(experiment, arms, goals, counts),
            "best": _best(arms, goals[0], plain[goals[0].metric.key]),
            "open": log.open_windows(experiment.pk, at=until),
            "twice": _twice(experiment),
            "unchecked": exposures.unchecked(experiment) if _by_sdk(experiment) else 0,
            "before": {key: round(found.reduction, 4) for key, found in before.items()},
            "metrics": [_metric_rows(g, arms, plain[g.metric.key], effects) for g in goals],
        },
    )


def _by_sdk(experiment: Experiment) -> bool:
    return experiment.assigned_by == Experiment.By.SDK


def _twice(experiment: Experiment) -> dict[str, int]:
    """People decided for, and of them who got more than one arm."""
    people, twice = log.exposed_twice(experiment.pk)
    if _by_sdk(experiment) and experiment.started_at is not None:
        twice = max(twice, exposures.seen_twice(experiment))
    return {"people": people, "twice": twice}


def _adjusted(
    experiment: Experiment, goals: list[Goal], until: datetime
) -> dict[str, cuped.Adjusted]:  # fmt: skip
    """{metric: moments without what the time before explains}, where the experiment wants that."""
    if not experiment.use_before:
        return {}
    found = {}
    for goal in goals:
        table: dict[str, dict[int, cuped.Joint]] = {}
        for arm, version, sums in log.joint_sums(
            experiment.pk, goal.metric, until=until, before=BEFORE
        ):
            table.setdefault(arm, {})[version] = cuped.Joint(*sums)
        adjusted = cuped.adjust(table)
        if adjusted is not None:
            found[goal.metric.key] = adjusted
    return found


def _alpha(goal: Goal, goals: list[Goal], arms: list[Arm]) -> float:
    """The error that one interval may use (Bonferroni): the arms of one metric share 5 %; so do all
    guardrails together, and all secondary metrics together. The primary metric has its own."""
    comparisons = len(arms) - 1
    if goal.role != Goal.Role.PRIMARY:
        comparisons *= sum(g.role == goal.role for g in goals)
    return statistics.ALPHA / comparisons


def _power(
    experiment: Experiment, arms: list[Arm], goals: list[Goal], counts: dict[str, Moments]
) -> float | None:
    """Power of the smallest comparison, today, for the effect the experiment looks for."""
    base = _base(next(arm for arm in arms if arm.is_control), counts)
    smallest = min(counts.get(arm.key, statistics.ZERO).n for arm in arms)
    return statistics.power(
        base.mean, base.variance, experiment.target_lift, smallest,
        alpha=_alpha(goals[0], goals, arms),
    )  # fmt: skip


def _base(control: Arm, counts: dict[str, Moments]) -> Moments:
    """What the control does; while it has too few conversions to say, what everybody does."""
    known = counts.get(control.key, statistics.ZERO)
    if known.events >= statistics.LEAST_EVENTS:
        return known
    return sum(counts.values(), start=statistics.ZERO)


def _best(arms: list[Arm], primary: Goal, strata: dict[str, Strata]) -> dict[str, float]:
    """Chance of each arm to be the best by the primary metric; empty while nobody was decided."""
    moments = statistics.standardised([strata.get(arm.key, {}) for arm in arms])
    if not all(m.n for m in moments):
        return {}
    shares = _shares(primary.metric, moments)
    return dict(zip([arm.key for arm in arms], shares, strict=True))


def _shares(metric: Metric, moments: list[Moments]) -> list[float]:
    """P(best) of each arm; for a metric that should fall, of being the lowest."""
    sign = 1 if metric.higher_is_better else -1
    if metric.kind == Metric.Kind.CONVERSION:
        good = [m.total if sign > 0 else m.n - m.total for m in moments]
        return bandits.probability_best(good, [m.n for m in moments])
    spread = max((m.variance for m in moments), default=1.0) or 1.0
    errors = [(spread / max(m.n, 1)) ** 0.5 for m in moments]
    return bandits.probability_best_normal([sign * m.mean for m in moments], errors)


def _counts(strata: dict[str, Strata]) -> dict[str, Moments]:
    return {arm: statistics.pooled(s) for arm, s in strata.items()}


def _expected(experiment: Experiment, strata: dict[str, Strata]) -> dict[str, float]:
    """People each arm should have: the sum over versions of people times the logged share."""
    allocations = Allocation.objects.filter(experiment=experiment)
    shares = {a.version: a.weights for a in allocations}
    people: dict[int, int] = {}
    for versions in strata.values():
        for version, moments in versions.items():
            people[version] = people.get(version, 0) + moments.n
    expected: dict[str, float] = {}
    for version, n in people.items():
        for arm, share in shares.get(version, {}).items():
            expected[arm] = expected.get(arm, 0.0) + n * share
    return expected


def _advice(
    experiment: Experiment,
    arms: list[Arm],
    control: Arm,
    goals: list[Goal],
    counts: dict[str, Moments],
    effects: dict[tuple[str, str], Effect | None],
    srm: float | None,
    until: datetime,
    earlier: Finding | None,
) -> tuple[advice.Recommendation, Finding | None]:
    """What the page says in one sentence, and what is remembered of it."""
    primary = goals[0].metric
    base = _base(control, counts)
    readings = [
        _reading(arm, control, goals, counts, effects) for arm in arms if arm.key != control.key
    ]
    needed = statistics.people_needed(
        base.mean, base.variance, experiment.target_lift, alpha=_alpha(goals[0], goals, arms)
    )
    days = (until - experiment.started_at).total_seconds() / 86400 if experiment.started_at else 0
    smallest = min((r.n for r in readings), default=0)
    told = advice.recommend(
        readings,
        control_name=control.name,
        srm=srm,
        needed=needed,
        per_day=smallest / days if days > 1 / 24 else 0.0,
        higher_is_better=primary.higher_is_better,
        rate=primary.kind == Metric.Kind.CONVERSION,
        criteria=experiment.criteria,
        target=experiment.target_lift,
    )
    tenant = Tenant.objects.get(pk=current_tenant())
    least = {"clear": 0.0, "target": experiment.target_lift, "no_harm": None}
    return standing.settle(
        told, earlier, readings, at=until, sign=1 if primary.higher_is_better else -1,
        least=least[experiment.criteria], zone=ZoneInfo(tenant.timezone),
    )  # fmt: skip


def _reading(
    arm: Arm,
    control: Arm,
    goals: list[Goal],
    counts: dict[str, Moments],
    effects: dict[tuple[str, str], Effect | None],
) -> advice.Reading:
    guarded = [g.metric for g in goals if g.role == Goal.Role.GUARDRAIL]
    own, other = (counts.get(key, statistics.ZERO) for key in (arm.key, control.key))
    return advice.Reading(
        key=arm.key,
        name=arm.name,
        primary=effects[goals[0].metric.key, arm.key],
        harmed=tuple(
            m.name
            for m in guarded
            if guardrails.harmed(effects[m.key, arm.key], higher_is_better=m.higher_is_better)
        ),
        leaning=tuple(
            m.name
            for m in guarded
            if guardrails.leans(effects[m.key, arm.key], higher_is_better=m.higher_is_better)
        ),
        n=own.n,
        events=own.events,
        control_n=other.n,
        control_events=other.events,
    )


def _metric_rows(
    goal: Goal,
    arms: list[Arm],
    strata: dict[str, Strata],
    effects: dict[tuple[str, str], Effect | None],
) -> dict[str, Any]:
    rows = []
    for arm in arms:
        moments = statistics.pooled(strata.get(arm.key, {}))
        effect = effects.get((goal.metric.key, arm.key))
        rows.append(
            {
                "arm": arm.key,
                "name": arm.name,
                "n": moments.n,
                "total": moments.total,
                "mean": moments.mean,
                "effect": _effect_dict(effect),
            }
        )
    return {
        "key": goal.metric.key,
        "name": goal.metric.name,
        "kind": goal.metric.kind,
        "role": goal.role,
        "higher_is_better": goal.metric.higher_is_better,
        "arms": rows,
    }


def _effect_dict(effect: Effect | None) -> dict[str, Any] | None:
    if effect is None or effect.error == 0:  # nobody differs yet: no interval can be drawn
        return None
    return {
        "difference": effect.difference,
        "low": effect.low,
        "high": effect.high,
        "relative": effect.relative,
        "chance": effect.chance,
        "fixed_low": effect.fixed_low,
        "fixed_high": effect.fixed_high,
    }
