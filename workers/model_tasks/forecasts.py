"""A series is answered: read, checked against what was foretold before, foretold anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
from django.utils import timezone

from attune.kernel.phrases import Phrase, say, say_many
from insights.forecasts import periods, selectors, services, values
from insights.forecasts.jobs import FIT_SERIES, FitSeries
from insights.forecasts.models import Series
from insights.forecasts.services import Told
from insights.forecasts.values import Values
from workers.engines import forecasting, occasions
from workers.engines.forecasting import Forecast
from workers.runner import Run, handles

SHOWN = 120  # periods of history beside the forecast
LEAST_SHOWN = 3


@handles(FIT_SERIES)
def fit(payload: FitSeries, run: Run) -> None:
    now = timezone.now()
    with run.unit():
        row = selectors.one(payload.series_id)
        if row.state != Series.State.ACTIVE:
            return
        found = values.of(row, now.astimezone(values.zone()).date())
    if found is None or len(found.whole) < LEAST_SHOWN:
        n = 0 if found is None else len(found.whole)
        why = say("Only %(n)s whole periods are known: it takes %(least)s, and 8 for an interval. "
                  "Bring in history by a file, or choose shorter periods.", n=n,
                  least=LEAST_SHOWN)  # fmt: skip
        with run.unit():
            services.refuse(row, now, why)
        return
    with run.unit():
        services.check(row, found)
        row = selectors.one(row.pk)
        known = [(o.name, o.first, o.last) for o in selectors.occasions()]
    marks = periods.marked(found.firsts[0], len(found.firsts) + row.horizon, row.grain, known)
    lines = {"": found.whole, **found.parts}
    made: dict[str, Forecast] = {}
    for n, (key, line) in enumerate(lines.items()):
        run.progress(n, len(lines), say("Foretells %(name)s.", name=key or row.name))
        made[key], told_of = foretold(row, line, marks)
        found.notes.extend([] if key else told_of)
    made = _adding_up(row, made)
    told = [stored(row, found, key, one) for key, one in made.items()]
    with run.unit():
        services.keep(row, now, told, found.notes, sentence(row, made[""], found, now))
        run.progress(len(lines), len(lines), say("Foretold."))


def foretold(
    row: Series, line: np.ndarray, marks: dict[str, list[int]]
) -> tuple[Forecast, list[Phrase]]:  # fmt: skip
    """A line without what known days did to it, and with what they will do; in words which ones
    are believed."""
    season = periods.SEASONS[row.grain]
    seen = occasions.effects(line, marks, season)
    plain = occasions.without(line, marks, seen)
    one = forecasting.forecast(plain, row.horizon, season, list(row.barred))
    by = occasions.factors(len(line), row.horizon, marks, seen)
    told = [
        say_many("“%(name)s” multiplies a period by %(by)s, by %(n)s that was seen.",
                 "“%(name)s” multiplies a period by %(by)s, by %(n)s that were seen.",
                 n=effect.seen, name=effect.name, by=f"{effect.factor:.2f}")
        for effect in seen if effect.believed
    ]  # fmt: skip
    if plain_days := [effect.name for effect in seen if not effect.believed]:
        told.append(say("Known days that do nothing which could be told from chance are left out: "
                        "%(names)s.", names=", ".join(plain_days)))  # fmt: skip
    return Forecast(one.mean * by, one.low * by, one.high * by, one.baseline, one.model,
                    one.trials), told  # fmt: skip


def _adding_up(row: Series, made: dict[str, Forecast]) -> dict[str, Forecast]:
    """Parts of a whole add up to it; segments and products overlap and do not."""
    keys = [key for key in made if key]
    if not keys or row.overlaps:
        return made
    wide = {key: _wide(one) for key, one in made.items()}
    total, parts = forecasting.reconciled(
        made[""].mean, np.stack([made[key].mean for key in keys]),
        wide[""], np.stack([wide[key] for key in keys]),
    )  # fmt: skip
    moved = {"": total, **dict(zip(keys, np.maximum(parts, 0.0), strict=True))}
    return {
        key: Forecast(moved[key], np.maximum(one.low + moved[key] - one.mean, 0.0),
                      one.high + moved[key] - one.mean, one.baseline, one.model, one.trials)
        for key, one in made.items()
    }  # fmt: skip


def _wide(one: Forecast) -> np.ndarray:
    """How unsure a forecast is (H,): half its 80 % interval, or a share where it has none."""
    found: np.ndarray = (one.high[0] - one.low[0]) / 2
    return np.where(np.isfinite(found), found, 0.2 * np.abs(one.mean) + 1e-6)


def stored(row: Series, found: Values, key: str, one: Forecast) -> Told:
    last = found.firsts[-1]
    line = found.parts[key] if key else found.whole
    points = [
        [periods.after(last, row.grain, h + 1).isoformat(), *(_plain(v) for v in (
            one.mean[h], one.low[0][h], one.high[0][h], one.low[1][h], one.high[1][h],
            one.baseline[h],
        ))]
        for h in range(len(one.mean))
    ]  # fmt: skip
    trials = [{k: _rounded(v) for k, v in asdict(trial).items()} for trial in one.trials]
    history = [[first.isoformat(), round(float(v), 2)]
               for first, v in zip(found.firsts[-SHOWN:], line[-SHOWN:], strict=True)]  # fmt: skip
    return Told(key, key or row.name, one.model, points, trials, history)


def _plain(value: float) -> float | None:
    return round(float(value), 2) if np.isfinite(value) else None


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    return [round(v, 4) for v in value] if isinstance(value, Sequence) and not isinstance(
        value, str) else value  # fmt: skip


def sentence(row: Series, one: Forecast, found: Values, now: datetime) -> Phrase:
    """What is foretold, in words."""
    total, base = float(one.mean.sum()), float(one.baseline.sum())
    n = len(one.mean)
    before = float(found.whole[-n:].sum())
    told = {"total": f"{total:,.0f}", "n": n, "before": f"{before:,.0f}"}
    if not np.isfinite(one.low).all():
        return say("About %(total)s in the next %(n)s periods. Too little is known for an "
                   "interval: it takes 8 periods.", **told)  # fmt: skip
    best = next((t for t in one.trials if t.model == one.model), None)
    usual = next((t for t in one.trials if t.model == forecasting.SEASONAL), None)
    if best is not None and usual is not None and best.mase >= usual.mase:
        return say("About %(total)s in the next %(n)s periods, after %(before)s in the last as "
                   "many. No model foretold better than “as a season ago” (%(base)s): trust it no "
                   "more than that.", base=f"{base:,.0f}", **told)  # fmt: skip
    return say("About %(total)s in the next %(n)s periods, after %(before)s in the last as many.",
               **told)  # fmt: skip
