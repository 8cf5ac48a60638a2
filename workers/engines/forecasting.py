"""What comes next of a series: several well-kept models, tried on its own past, with intervals that
are as wide as their errors were.

    values → log where all are above 0 → candidates (statsforecast) and their median
           → the same at earlier origins (rolling back-test, Tashman 2000) → the best of them
           → errors of the back-test, by how far ahead → intervals

The median of a few models errs less than each (Petropoulos, Svetunkov 2020). The chosen one is the
median unless another did better at the origins by more than chance. Errors grow with the horizon as
s2 = a + b h (least squares, none negative); an interval reaches to the quantile of the errors so
scaled (split conformal, Vovk et al. 2005), and not below that of the normal.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import nnls
from scipy.stats import norm

LEAST = 8  # points; of fewer only the naive forecast is told, without an interval
LEVELS = (0.8, 0.95)
MEDIAN, SEASONAL, NAIVE = "median", "seasonal_naive", "naive"
ORIGINS, BACK = 6, 3.0  # origins at which all are tried; seasons that the errors are taken from
STEP = 3  # points between the origins of the errors
LOW_SHARE = 0.4  # of zeros: more is intermittent
Model = Callable[[np.ndarray, int, int], np.ndarray]  # values (T,), horizon, season → (H,)


@dataclass(frozen=True, slots=True)
class Trial:
    """A model at the origins: mean absolute scaled error, sMAPE in percent, mean error in units of
    the series, the share of points within the 80 % and the 95 % interval, of n points."""

    model: str
    mase: float
    smape: float
    bias: float
    cover: tuple[float, ...]
    n: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """`mean` (H,), `low` and `high` (levels, H), the `baseline` (H,) of the same origin, the model
    that was chosen, and what each was worth at the origins."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    baseline: np.ndarray
    model: str
    trials: list[Trial] = field(default_factory=list)


def _theta(values: np.ndarray, horizon: int, season: int) -> np.ndarray:
    from statsforecast.models import DynamicOptimizedTheta  # noqa: PLC0415 - slow to import

    return _told(DynamicOptimizedTheta(_season(values, season)), values, horizon)


def _ets(values: np.ndarray, horizon: int, season: int) -> np.ndarray:
    from statsforecast.models import AutoETS  # noqa: PLC0415

    return _told(AutoETS(_season(values, season), damped=True), values, horizon)


def _ces(values: np.ndarray, horizon: int, season: int) -> np.ndarray:
    from statsforecast.models import AutoCES  # noqa: PLC0415

    return _told(AutoCES(_season(values, season)), values, horizon)


def _optimized(values: np.ndarray, horizon: int, season: int) -> np.ndarray:
    from statsforecast.models import OptimizedTheta  # noqa: PLC0415

    return _told(OptimizedTheta(_season(values, season)), values, horizon)


def _croston(values: np.ndarray, horizon: int, season: int) -> np.ndarray:
    from statsforecast.models import CrostonSBA  # noqa: PLC0415

    return _told(CrostonSBA(), values, horizon)


def _adida(values: np.ndarray, horizon: int, season: int) -> np.ndarray:
    from statsforecast.models import ADIDA  # noqa: PLC0415

    return _told(ADIDA(), values, horizon)


def seasonal_naive(values: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """The same season again; where there is none, the last value."""
    if len(values) < season:
        return np.full(horizon, values[-1])
    return np.resize(values[-season:], horizon)


def naive(values: np.ndarray, horizon: int, season: int) -> np.ndarray:
    return np.full(horizon, values[-1])


def _told(model: Any, values: np.ndarray, horizon: int) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: np.ndarray = np.asarray(model.forecast(values, horizon)["mean"], dtype=float)
    return found


def _season(values: np.ndarray, season: int) -> int:
    """A season is believed where it was seen twice and a little more."""
    return season if season > 1 and len(values) >= 2 * season + 2 else 1


# name: (model, on logarithms)
USUAL: dict[str, tuple[Model, bool]] = {
    "theta": (_theta, True), "ces": (_ces, True), "ces_plain": (_ces, False),
    "ets": (_ets, True), "ets_plain": (_ets, False), "theta_plain": (_optimized, False),
}  # fmt: skip
RARE: dict[str, tuple[Model, bool]] = {"croston": (_croston, False), "adida": (_adida, False)}
BASELINES: dict[str, tuple[Model, bool]] = {
    SEASONAL: (seasonal_naive, False), NAIVE: (naive, False),
}  # fmt: skip


def members(values: np.ndarray) -> dict[str, tuple[Model, bool]]:
    """The models whose median is told: of rare sales those made for them."""
    zeros = float((values == 0).mean())
    if zeros > LOW_SHARE:
        return RARE
    return {name: one for name, one in USUAL.items() if not one[1] or values.min() > 0}


def run(values: np.ndarray, horizon: int, season: int, model: Model, log: bool) -> np.ndarray:
    """A forecast (H,), on the scale of the values; the seasonal one where the model fails."""
    try:
        if log:
            found = np.exp(model(np.log(values), horizon, season))
        else:
            found = model(values, horizon, season)
    except Exception:  # noqa: BLE001 - a library's model fails in its own ways
        found = np.full(horizon, np.nan)
    wild = ~np.isfinite(found) | (np.abs(found) > 1e3 * (np.abs(values).max() + 1))
    return np.where(wild, seasonal_naive(values, horizon, season), found)


def each(
    values: np.ndarray, horizon: int, season: int,
    models: Mapping[str, tuple[Model, bool]] | None = None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """The forecast of every model (H,), the median of the usual ones among them; of those that suit
    the values where none are named."""
    models = members(values) if models is None else models
    found = {name: run(values, horizon, season, *one) for name, one in models.items()}
    found[MEDIAN] = np.median(np.stack(list(found.values())), axis=0)
    for name, one in BASELINES.items():
        found[name] = run(values, horizon, season, *one)
    return found


def origins(n: int, horizon: int, season: int, most: int = ORIGINS) -> list[int]:
    """Where the back-test begins (numbers of known values), the last at least a third of the
    horizon before the end; none where too little would be known."""
    least = max(LEAST, 2 * season + 2 if season > 1 else LEAST)
    last = n - max(1, -(-horizon // 3))
    step = max(1, horizon // 3)
    found = list(range(last, least - 1, -step))[:most]
    return sorted(found)


def backtest(
    values: np.ndarray, horizon: int, season: int, most: int = ORIGINS
) -> dict[str, np.ndarray]:
    """Errors (origins, H) of every model, actual less forecast; NaN beyond what is known. A sale
    that was rare before and is not now is told by the models of now throughout."""
    found: dict[str, list[np.ndarray]] = {}
    models = members(values)
    for origin in origins(len(values), horizon, season, most):
        ahead = min(horizon, len(values) - origin)
        for name, told in each(values[:origin], ahead, season, models).items():
            row = np.full(horizon, np.nan)
            row[:ahead] = values[origin : origin + ahead] - told
            found.setdefault(name, []).append(row)
    return {name: np.stack(rows) for name, rows in found.items()}


def chosen(errors: dict[str, np.ndarray], barred: Sequence[str] = ()) -> str:
    """The median, unless another model erred less at the origins by more than chance (one standard
    error of the difference); of what is barred none."""
    usual = MEDIAN if MEDIAN not in barred else SEASONAL
    if usual not in errors:
        return usual
    own = np.nanmean(np.abs(errors[usual]), axis=1)
    best, gain = usual, 0.0
    for name, rows in errors.items():
        if name in barred or name == usual:
            continue
        apart = own - np.nanmean(np.abs(rows), axis=1)
        doubt = float(apart.std(ddof=1)) / math.sqrt(len(apart)) if len(apart) > 2 else math.inf
        if float(apart.mean()) > max(gain, doubt):
            best, gain = name, float(apart.mean())
    return best


def spread(errors: np.ndarray, horizon: int) -> np.ndarray:
    """How far errors go, by how far ahead (H,): the root of a + b h."""
    known = np.isfinite(errors)
    ahead = np.broadcast_to(np.arange(1, errors.shape[1] + 1), errors.shape)[known]
    squares = errors[known] ** 2
    if not len(squares):
        return np.full(horizon, np.nan)
    (a, b), _ = nnls(np.stack([np.ones(len(ahead)), ahead], 1), squares)
    found: np.ndarray = np.sqrt(np.maximum(a + b * np.arange(1, horizon + 1), 1e-12))
    return found


def reach(errors: np.ndarray, wide: np.ndarray, level: float) -> float:
    """How many of its spreads an interval of this level reaches: the quantile of the errors so
    scaled, and at 95 % never less than the normal's, since the tails hold few errors."""
    scaled = np.abs(errors / wide[: errors.shape[1]])
    scaled = scaled[np.isfinite(scaled)]
    usual = float(norm.ppf((1 + level) / 2))
    if len(scaled) < 10:
        return usual * 1.3  # hardly seen: wider
    own = float(np.quantile(scaled, min(1.0, level * (len(scaled) + 1) / len(scaled))))
    return max(own, usual) if level > 0.9 else (own + usual) / 2


def _noise(values: np.ndarray, horizon: int, season: int) -> tuple[np.ndarray, bool]:
    """Errors by how far ahead (origins, H) of a quick model at many origins, on logarithms where
    all values are above 0 (then True)."""
    log = bool(values.min() > 0)
    shown = np.log(values) if log else values
    least = max(LEAST, 2 * season + 2 if season > 1 else LEAST)
    settled = 3 * season + 2  # a season seen three times is known better than one seen twice
    if season > 1 and len(values) - settled >= season:
        least = settled
    first = max(least, len(values) - int(BACK * max(season, 12)) - horizon // 2)
    rows = []
    for origin in range(first, len(values), STEP):
        ahead = min(horizon, len(values) - origin)
        told = run(shown[:origin], ahead, season, _theta, False)
        row = np.full(horizon, np.nan)
        row[:ahead] = shown[origin : origin + ahead] - told
        rows.append(row)
    return (np.stack(rows) if rows else np.full((0, horizon), np.nan)), log


def intervals(values: np.ndarray, mean: np.ndarray, season: int) -> tuple[np.ndarray, np.ndarray]:
    """`low` and `high` (levels, H)."""
    horizon = len(mean)
    errors, log = _noise(values, horizon, season)
    wide = spread(errors, horizon)
    low, high = np.full((2, len(LEVELS), horizon), np.nan)
    if not np.isfinite(wide).all():
        return low, high
    for n, level in enumerate(LEVELS):
        far = reach(errors, wide, level) * wide
        if log:
            low[n], high[n] = mean * np.exp(-far), mean * np.exp(far)
        else:
            low[n], high[n] = mean - far, mean + far
    if values.min() >= 0:
        low = np.maximum(low, 0.0)
    return low, high


def forecast(
    values: np.ndarray, horizon: int, season: int, barred: Sequence[str] = (),
    most: int = ORIGINS,
) -> Forecast:  # fmt: skip
    """What comes next of a series (T,) without gaps, the oldest first. Of fewer than LEAST points
    the last value is told, without an interval. `barred` are models that stopped covering."""
    values = np.asarray(values, dtype=float)
    if len(values) < LEAST:
        told = naive(values, horizon, season)
        none = np.full((len(LEVELS), horizon), np.nan)
        return Forecast(told, none, none.copy(), told, NAIVE)
    now = each(values, horizon, season)
    errors = backtest(values, horizon, season, most) if most else {}
    name = chosen(errors, barred)
    mean = np.maximum(now[name], 0.0) if values.min() >= 0 else now[name]
    low, high = intervals(values, mean, season)
    trials = [_trial(model, rows, values, season, horizon) for model, rows in errors.items()]
    return Forecast(mean, low, high, now[SEASONAL], name,
                    sorted(trials, key=lambda t: t.mase))  # fmt: skip


def scale(values: np.ndarray, season: int) -> float:
    """The mean absolute error of the seasonal naive forecast, one season ahead, on its own past:
    what MASE counts in (Hyndman, Koehler 2006)."""
    lag = season if len(values) > season else 1
    return float(np.abs(values[lag:] - values[:-lag]).mean()) or 1.0


def _trial(
    model: str, errors: np.ndarray, values: np.ndarray, season: int, horizon: int
) -> Trial:  # fmt: skip
    points = origins(len(values), horizon, season, len(errors))
    actual = np.full(errors.shape, np.nan)
    for n, origin in enumerate(points):
        ahead = min(horizon, len(values) - origin)
        actual[n, :ahead] = values[origin : origin + ahead]
    told = actual - errors
    size = np.maximum(np.abs(actual) + np.abs(told), 1e-12)
    wide = spread(errors, horizon)
    inside = [np.abs(errors) <= norm.ppf((1 + level) / 2) * wide for level in LEVELS]
    known = np.isfinite(errors)
    return Trial(
        model, float(np.nanmean(np.abs(errors))) / scale(values, season),
        float(np.nanmean(200 * np.abs(errors) / size)), float(np.nanmean(errors)),
        tuple(float(held[known].mean()) for held in inside), int(known.sum()),
    )  # fmt: skip


def reconciled(
    total: np.ndarray, parts: np.ndarray, total_wide: np.ndarray, parts_wide: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A total (H,) and its parts (P, H) that add up: what they miss each other by is shared out by
    how unsure each is (minimum trace with independent errors; Wickramasuriya et al. 2019)."""
    own = np.concatenate([total_wide[None], parts_wide]) ** 2
    whole = np.maximum(own.sum(0), 1e-12)
    apart = total - parts.sum(0)
    return total - apart * own[0] / whole, parts + apart * own[1:] / whole
