"""What known days do to a series: a promotion, a holiday, a closed shop. Pure.

Each occasion (by its name) is compared with what was usual around it: the median of the same place
in the season, some seasons before and after, without marked periods. Its effect is the mean of the
logarithms, drawn towards none by one more occasion without effect, and believed where it is more
than 2.6 of its standard errors (1 % by chance). The history is told without it, the forecast with
it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

AROUND, LEAST_AROUND = 6, 3  # seasons before and after that are looked at, and found at least
SURE, LEAST_SPREAD = 2.6, 0.05


@dataclass(frozen=True, slots=True)
class Effect:
    """By how much an occasion multiplies a period, how often it was seen, and whether that is
    believed."""

    name: str
    factor: float
    error: float
    seen: int
    believed: bool


def effects(values: np.ndarray, marks: Mapping[str, Sequence[int]], season: int) -> list[Effect]:
    """Of each occasion {name: periods that it marks}, by values (T,); periods beyond are ahead."""
    marked = {at for places in marks.values() for at in places}
    found = []
    for name, places in sorted(marks.items()):
        logs = [
            math.log((values[at] + 1) / (usual + 1))
            for at in places if 0 <= at < len(values)
            for usual in [_usual(values, at, season, marked)] if usual is not None
        ]  # fmt: skip
        if not logs:
            continue
        n, mean = len(logs), float(np.mean(logs))
        spread = float(np.std(logs, ddof=1)) if n > 1 else 0.0
        error = max(spread, _noise(values, season), LEAST_SPREAD) / math.sqrt(n)
        drawn = mean * n / (n + 1)
        found.append(Effect(name, math.exp(drawn), error, n, abs(mean) > SURE * error))
    return found


def _usual(values: np.ndarray, at: int, season: int, marked: set[int]) -> float | None:
    """The median of the same place in other seasons, near and unmarked."""
    near = [
        at + season * k for k in range(-AROUND, AROUND + 1)
        if k and 0 <= at + season * k < len(values) and at + season * k not in marked
    ]  # fmt: skip
    return float(np.median(values[near])) if len(near) >= LEAST_AROUND else None


def _noise(values: np.ndarray, season: int) -> float:
    """How far a period lies from the same place a season ago, in logarithms."""
    logs = np.log(values + 1)
    if len(logs) <= season:
        return 1.0
    return float(np.median(np.abs(logs[season:] - logs[:-season]))) * 1.4826 / math.sqrt(2)


def without(
    values: np.ndarray, marks: Mapping[str, Sequence[int]], told: Sequence[Effect]
) -> np.ndarray:
    """The history as it would have been without what is believed."""
    found = values.astype(float).copy()
    for effect in told:
        if effect.believed:
            for at in marks[effect.name]:
                if 0 <= at < len(values):
                    found[at] = found[at] / effect.factor
    return found


def factors(
    n: int, horizon: int, marks: Mapping[str, Sequence[int]], told: Sequence[Effect]
) -> np.ndarray:
    """What to multiply the forecast of each period ahead with (H,)."""
    found = np.ones(horizon)
    for effect in told:
        if effect.believed:
            for at in marks[effect.name]:
                if n <= at < n + horizon:
                    found[at - n] *= effect.factor
    return found
