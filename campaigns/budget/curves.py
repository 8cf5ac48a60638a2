"""What a fitted mix says: contributions, returns, curves, checks, and plans. Pure: numpy alone.

A plan is told for weeks that have settled: with u the money a week, a channel brings b u / (k + u)
a week, whatever its carry-over. Every number is a mean over the posterior draws with its 90 %
interval, so the same fit gives the same advice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LOW, HIGH = 0.05, 0.95
POINTS = 41  # of a curve
GRID = 400  # steps in which a plan moves money
CURVE_TO = 1.5  # of the largest week so far


@dataclass(frozen=True, slots=True)
class Curves:
    """S draws of C channels: `k` (S, C) in money, `b` (S, C) in outcome a week."""

    channels: tuple[str, ...]
    k: np.ndarray
    b: np.ndarray

    def outcome(self, spend: np.ndarray) -> np.ndarray:
        """A week's outcome of each channel (S, C) for a week's money (C,)."""
        found: np.ndarray = self.b * spend / (self.k + spend)
        return found

    def stored(self) -> dict[str, Any]:
        return {"channels": list(self.channels), "k": np.round(self.k, 4).tolist(),
                "b": np.round(self.b, 4).tolist()}  # fmt: skip

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Curves:
        return cls(tuple(stored["channels"]), np.array(stored["k"]), np.array(stored["b"]))


@dataclass(frozen=True, slots=True)
class Told:
    """A mean with its 90 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: np.ndarray) -> Told:
        low, high = np.quantile(draws, [LOW, HIGH])
        return cls(float(draws.mean()), float(low), float(high))

    def stored(self) -> list[float]:
        return [round(self.value, 4), round(self.low, 4), round(self.high, 4)]


def picture(curves: Curves, channel: int, largest: float) -> dict[str, list[float]]:
    """The response curve of a channel, up to half again its largest week."""
    spend = np.linspace(0, CURVE_TO * max(largest, 1e-9), POINTS)
    draws = (
        curves.b[:, channel : channel + 1] * spend / (curves.k[:, channel : channel + 1] + spend)
    )
    low, high = np.quantile(draws, [LOW, HIGH], axis=0)
    return {"spend": spend.tolist(), "value": draws.mean(0).tolist(), "low": low.tolist(),
            "high": high.tolist()}  # fmt: skip


def marginal(curves: Curves, spend: np.ndarray) -> np.ndarray:
    """What one more unit of money a week brings (S, C)."""
    found: np.ndarray = curves.b * curves.k / (curves.k + spend) ** 2
    return found


@dataclass(frozen=True, slots=True)
class Limits:
    """The least and the most of a channel a week."""

    least: float
    most: float


def advised(curves: Curves, total: float, limits: Sequence[Limits]) -> np.ndarray:
    """The split of `total` a week (C,) with the highest expected outcome within the limits. Each
    expected curve is concave, so money goes step by step to where the next step brings most; where
    the limits do not allow the total, as near to it as they do."""
    spend = np.array([limit.least for limit in limits], dtype=float)
    most = np.array([max(limit.least, limit.most) for limit in limits], dtype=float)
    step = max(total, 1e-9) / GRID
    left = total - spend.sum()
    while left > 1e-9:
        room = np.minimum(step, most - spend)
        room = np.minimum(room, left)
        gain = (curves.outcome(spend + np.maximum(room, 0)) - curves.outcome(spend)).mean(0)
        rate = np.where(room > 1e-9, gain / np.maximum(room, 1e-9), -np.inf)
        best = int(rate.argmax())
        if not np.isfinite(rate[best]):
            break
        spend[best] += room[best]
        left -= room[best]
    return spend


def scenario(curves: Curves, spend: np.ndarray, now: np.ndarray, weeks: int) -> dict[str, Any]:
    """A split of a week's money: what it brings in `weeks`, what more than spending as now, and how
    sure it is that it brings more."""
    own, usual = curves.outcome(spend).sum(1) * weeks, curves.outcome(now).sum(1) * weeks
    return {
        "spend": [round(float(v), 2) for v in spend], "total": round(float(spend.sum()), 2),
        "outcome": Told.of(own).stored(), "more": Told.of(own - usual).stored(),
        "sure": round(float((own > usual).mean()), 3),
    }  # fmt: skip
