"""A prediction refreshed: learned from everybody at earlier moments, tried on the last moment whose
outcome is known, then told of everybody now.

    moments  T1 < T2 < ... < Te          Te + days = now: the last whose outcome is known
    tried    fitted on the moments whose outcomes were known at Te, told of everybody at Te
    used     fitted on all of them, told of everybody now
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.utils import timezone

from attune.kernel.phrases import Phrase, say
from campaigns.predictions import features, measures, selectors, services
from campaigns.predictions.features import Moment
from campaigns.predictions.jobs import REFRESH, RefreshPrediction
from campaigns.predictions.models import Prediction
from workers.engines import conversion
from workers.engines.conversion import Model, Recipe, TooLittle
from workers.runner import Run, handles

MOMENTS, APART = 12, 7  # how many at most, and days between them at least
RECIPE = Recipe(halves=(float("inf"),), lately=False, blocks=4)
REASONS, BATCH = 3, 10_000


@dataclass(frozen=True, slots=True)
class Tried:
    """The same way of learning, at the last moment whose outcome is known now."""

    moment: Moment
    foretold: np.ndarray
    moments: int


@handles(REFRESH)
def refresh(payload: RefreshPrediction, run: Run) -> None:
    now = timezone.now()
    with run.unit():
        row = selectors.prediction(payload.prediction_id)
        if row.state != Prediction.State.ACTIVE:
            return
        goal = row.goal.event_name
        names = features.names_of(now)
        traits = features.numeric(row.traits)
        parts = features.parts()
    past: list[Moment] = []
    times = moments(now, row.days)
    for done, at in enumerate(times):
        run.progress(done, len(times) + 3, say("Looks at %(day)s.", day=f"{at:%Y-%m-%d}"))
        with run.unit():
            past.append(features.at_moment(goal, names, at, row.days, parts[0], traits))
    past = [moment for moment in past if len(moment.contacts)]
    run.progress(len(times), len(times) + 3, say("Learns and tries itself on what is known."))
    try:
        tried, model = learned(past, row.days)
    except TooLittle:
        with run.unit():
            services.refuse(selectors.prediction(row.pk), now, missing(past))
        return
    scores: dict[str, list[Any]] = {"contacts": [], "values": [], "reasons": []}
    here = None
    for n, part in enumerate(parts):
        with run.unit():
            people = features.at_moment(goal, names, now, 0, part, traits)
        here = here or people
        for name, values in scored(model, people).items():
            scores[name] += values
        told_of = say("Foretells everybody: %(share)s.", share=f"{(n + 1) / len(parts):.0%}")
        run.progress(len(times) + 1, len(times) + 3, told_of)
    assert here is not None  # noqa: S101 - there is one part at least
    told = card(row, past, tried, model, here, np.array(scores["values"]))
    scores["ranks"] = ranked(scores["values"])
    many = len(scores["values"])
    for start in range(0, many, BATCH):  # no statement of a million people
        with run.unit():
            services.score(row, now, {k: v[start : start + BATCH] for k, v in scores.items()})
    with run.unit():
        services.keep(selectors.prediction(row.pk), now, told, many, sentence(row, told))
        run.progress(len(times) + 3, len(times) + 3, sentence(row, told))


def moments(now: datetime, days: int) -> list[datetime]:
    """The moments that are learned from, oldest first: the last is as long ago as is foretold."""
    apart = max(APART, days // 2)
    return [now - timedelta(days=days + apart * k) for k in range(MOMENTS - 1, -1, -1)]


def learned(past: list[Moment], days: int) -> tuple[Tried, Model]:
    """Raises TooLittle where there is too little."""
    if len(past) < 2:
        raise TooLittle("Too little time has passed.")
    last = past[-1]
    known = [m for m in past if m.at + timedelta(days=days) <= last.at]
    if not known:
        raise TooLittle("No earlier outcome was known at the last moment.")
    before = _fitted(known, days)
    if not 0 < last.hits.sum() < len(last.hits):
        raise TooLittle("At the last moment all outcomes are alike.")
    return Tried(last, before.predict(last.columns), len(known)), _fitted(past, days)


def _fitted(of: list[Moment], days: int) -> Model:
    columns, hits, times = features.together(of)
    return conversion.fit(columns, hits, RECIPE, times, times + days * 86_400.0)


def missing(past: list[Moment]) -> Phrase:
    """What is missing, in words that say what helps."""
    people = len(past[-1].contacts) if past else 0
    hits = int(sum(m.hits.sum() for m in past))
    return say(
        "Too little to learn from yet: %(people)s people with events and %(hits)s times that the "
        "goal was reached after one of %(moments)s earlier moments. Foretell fewer days, take a "
        "goal that is reached more often, or import older events.",
        people=people, hits=hits, moments=len(past),
    )  # fmt: skip


def scored(model: Model, here: Moment) -> dict[str, list[Any]]:
    """The scores of some people now with their reasons."""
    n = len(here.contacts)
    p = model.predict(here.columns) if n else np.zeros(0)
    reasons: list[str] = []
    for start in range(0, n, BATCH):
        part = {name: column[start : start + BATCH] for name, column in here.columns.items()}
        for i, row in enumerate(model.reasons(part, REASONS)):
            told = [[name, plain(part[name][i]), round(by, 3)] for name, by in row if by]
            reasons.append(json.dumps(told))
    return {"contacts": list(here.contacts), "values": [float(v) for v in p], "reasons": reasons}


def ranked(values: list[float]) -> list[float]:
    """The share of the others that each leaves behind."""
    order = np.argsort(np.argsort(np.array(values), kind="stable"))
    return [float(v) for v in order / max(1, len(values) - 1)]


def plain(value: Any) -> Any:
    """As JSON holds it; never (NaN) is null."""
    if isinstance(value, str):
        return value
    return round(float(value), 2) if np.isfinite(value) else None


def card(
    row: Prediction, past: list[Moment], tried: Tried, model: Model, here: Moment, now: np.ndarray
) -> dict[str, Any]:
    """The model card: what it is, what it learned from, what it is worth, where it ends."""
    y, p = tried.moment.hits, tried.foretold
    told = measures.quality(p, y)
    columns, hits, _ = features.together(past)
    drift = {name: measures.moved(column, here.columns[name]) for name, column in columns.items()}
    drivers = {
        name: float(np.mean([abs(by) for _, by in pairs]))
        for name, pairs in _by_column(model, here).items()
    }
    whole = sum(drivers.values()) or 1.0
    return {
        "goal": row.goal.event_name, "days": row.days,
        "moments": [f"{m.at:%Y-%m-%d}" for m in past], "rows": len(hits), "hits": int(hits.sum()),
        "tried_at": f"{tried.moment.at:%Y-%m-%d}", "tried_on": told.n, "tried_hits": told.hits,
        "tried_moments": tried.moments, "auc": told.auc, "auc_error": told.auc_error,
        "loss": told.loss, "base_loss": told.base_loss, "calibration": told.calibration,
        "bins": measures.bins(p, y), "lift": measures.lift(p, y),
        "linear": round(model.mix[0], 3), "expected": float(now.sum()),
        "drivers": _largest({name: by / whole for name, by in drivers.items()}),
        "drift": _largest(drift),
        "drift_of_scores": round(measures.moved(p, now), 4) if len(now) else None,
    }  # fmt: skip


def _largest(of: dict[str, float], most: int = 12) -> list[list[str | float]]:
    told = sorted(of.items(), key=lambda pair: -pair[1])[:most]
    return [[name, round(by, 4)] for name, by in told if by > 0]


def _by_column(model: Model, here: Moment, most: int = 2_000) -> dict[str, list[tuple[str, float]]]:
    """How each column moves the odds of some people, chosen by chance."""
    some = np.random.default_rng(0).permutation(len(here.contacts))[:most]
    part = {name: column[some] for name, column in here.columns.items()}
    found: dict[str, list[tuple[str, float]]] = {name: [] for name in part}
    if not here.contacts:
        return found
    for row in model.reasons(part, len(part)):
        for name, by in row:
            found[name].append((name, by))
    return found


def sentence(row: Prediction, told: dict[str, Any]) -> Phrase:
    """What the refresh found."""
    values = {"auc": f"{told['auc']:.3f}", "error": f"{1.96 * told['auc_error']:.3f}",
              "off": f"{told['calibration'] * 100:.1f}", "n": told["tried_on"]}  # fmt: skip
    if told["auc"] - 1.96 * told["auc_error"] <= 0.5:
        return say("It does not tell people apart better than chance yet (AUC %(auc)s ± %(error)s "
                   "on %(n)s people): do not choose by it.", **values)  # fmt: skip
    if told["loss"] >= told["base_loss"]:
        return say("It orders people (AUC %(auc)s ± %(error)s on %(n)s people), but its chances "
                   "are no better than the average for everybody, or worse: choose by rank, not by "
                   "chance.",
                   **values)  # fmt: skip
    return say("Tried on %(n)s people whose outcome came later: AUC %(auc)s ± %(error)s, chances "
               "off by %(off)s points on average.", **values)  # fmt: skip
