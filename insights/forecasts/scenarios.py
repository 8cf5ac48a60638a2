"""What if more or less is spent? A forecast, moved by what a budget's mix model says of the money.

The forecast goes on as the money did. A channel's curve says what a week brings with other money
(campaigns.budget.curves), once it has settled; the difference is added to every period by its share
of a week. The interval widens by what the curve does not know, as if that were independent of what
the forecast does not know.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from campaigns.budget import selectors as budgets
from campaigns.budget import services as budgeting
from campaigns.budget.curves import Curves, Told
from campaigns.budget.models import Mix, MixFit
from insights.forecasts.models import Forecast, Series

WEEK = 7
Z80, Z95 = 1.281552, 1.959964


@dataclass(frozen=True, slots=True)
class Money:
    """A budget that may be asked: its fit, each channel's money a week now, and which channels its
    checks hold."""

    mix: Mix
    fit: MixFit
    curves: Curves
    now: np.ndarray
    held: set[str]


@dataclass(frozen=True, slots=True)
class Outlook:
    """The forecast as if the money were spent otherwise: `points` as a forecast's; `more` in all,
    with its 90 % interval; `sure` that it is more; `cost` more money in the same time."""

    points: list[list[Any]]
    more: Told
    sure: float
    cost: float


def money(of: Series) -> Money | None:
    """A budget of the same metric whose newest fit may be believed; None where there is none."""
    fit = budgets.usable_of(of.metric)
    if fit is None:
        return None
    return Money(fit.mix, fit, Curves.of(fit.curves), np.round(budgeting.usual(fit), 2),
                 budgeting.held_by(fit))  # fmt: skip


def outlook(of: Forecast, by: Money, spend: Sequence[float], grain: str) -> Outlook:
    """The forecast of the whole with this money a week for each channel (C,)."""
    other = np.array(spend, dtype=float)
    draws = (by.curves.outcome(other) - by.curves.outcome(by.now)).sum(1)  # a week (S,)
    mean, spread = float(draws.mean()), float(draws.std())
    points, weeks = [], 0.0
    for first, middle, low, high, lower, higher, base in of.points:
        share = _days(date.fromisoformat(first), grain) / WEEK
        weeks += share
        moved = max(0.0, middle + mean * share)
        wide = [
            None if edge is None else max(0.0, moved + sign * float(
                np.hypot(edge - middle, z * spread * share)))
            for edge, sign, z in ((low, -1, Z80), (high, 1, Z80), (lower, -1, Z95),
                                  (higher, 1, Z95))
        ]  # fmt: skip
        points.append([first, moved, *wide, base])
    cost = float((other - by.now).sum()) * weeks
    return Outlook(points, Told.of(draws * weeks), float((draws > 0).mean()), cost)


def _days(first: date, grain: str) -> int:
    if grain == Series.Grain.MONTH:
        return calendar.monthrange(first.year, first.month)[1]
    return WEEK if grain == Series.Grain.WEEK else 1
