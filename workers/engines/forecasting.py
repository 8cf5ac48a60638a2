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

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LEAST = 8  # points; of fewer only the naive forecast is told, without an interval
LEVELS = (0.8, 0.95)
MEDIAN, SEASONAL, NAIVE = "median", "seasonal_naive", "naive"
ORIGINS, BACK = 6, 3.0  # origins at which all are tried; seasons that the errors are taken from
STEP = 3  # points between the origins of the errors
LOW_SHARE = 0.4  # of zeros: more is intermittent
Model = Callable[[np.ndarray, int, int], np.ndarray]  # values (T,), horizon, season → (H,)


@dataclass(frozen=True, slots=True)
class Forecast:
    """`mean` (H,), `low` and `high` (levels, H), the `baseline` (H,) of the same origin, the model
    that was chosen, and what each was worth at the origins: MASE, bias, how often its 80 % and 95 %
    intervals held."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    baseline: np.ndarray
    model: str
    trials: list[Trial] = field(default_factory=list)
    each: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trial:
    """A model at the origins: mean absolute scaled error, sMAPE in percent, mean error in units of
    the series, and the share of points within the 80 % and the 95 % interval."""

    model: str
    mase: float
    smape: float
    bias: float
    cover: tuple[float, ...]
    n: int


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
