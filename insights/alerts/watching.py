"""Is this week unlike those before? Pure.

Weeks are compared with whole weeks, so the days of the week match; where the same weeks of last
year are given they are what is usual. The usual is the median; the spread is the larger of what
chance alone does (binomial for a share, Poisson for a count) and what weeks did so far (median
absolute deviation times 1.4826), and an alert needs three of them. Below a floor of texts nothing
is said.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_WEEKS, LEAST_TEXTS, LEAST_PART, WIDE = 4, 20.0, 5.0, 3.0


@dataclass(frozen=True, slots=True)
class Week:
    """Weighed texts that count, of how many."""

    part: float
    whole: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The value of this week, the usual one, where it may lie, and `moved`: up, down, or ""."""

    value: float
    usual: float
    low: float
    high: float
    moved: str


def share(now: Week, before: Sequence[Week]) -> Verdict | None:
    """Of a share (0 to 1). None where there is too little to say."""
    known = [w for w in before if w.whole >= LEAST_TEXTS / 2]
    if len(known) < LEAST_WEEKS or now.whole < LEAST_TEXTS:
        return None
    kept = _trimmed(known)
    usual = sum(w.part for w in kept) / sum(w.whole for w in kept)
    if max(now.part, usual * now.whole) < LEAST_PART:
        return None
    chance = math.sqrt(max(usual, 1 / now.whole) * (1 - min(usual, 1 - 1 / now.whole)) / now.whole)
    return _verdict(now.part / now.whole, usual, chance, [w.part / w.whole for w in known], 1.0)


def _trimmed(weeks: list[Week]) -> list[Week]:
    """Without the highest and the lowest: a week of alarm is not what is usual. Of few, all."""
    if len(weeks) < 2 * LEAST_WEEKS - 2:
        return weeks
    return sorted(weeks, key=lambda w: w.part / w.whole)[1:-1]


def volume(now: float, before: Sequence[float]) -> Verdict | None:
    """Of a count, `before` the newest first. None where there is too little to say. Weeks before
    the first text are no weeks without texts."""
    while before and not before[-1]:
        before = before[:-1]
    if len(before) < LEAST_WEEKS or max(now, statistics.median(before)) < LEAST_TEXTS:
        return None
    usual = float(statistics.median(before))
    return _verdict(now, usual, math.sqrt(max(usual, 1.0)), before, math.inf)


def _verdict(
    value: float, usual: float, chance: float, before: Sequence[float], most: float
) -> Verdict:
    middle = statistics.median(before)
    apart = 1.4826 * statistics.median([abs(v - middle) for v in before])
    spread = max(chance, apart)
    low, high = max(0.0, usual - WIDE * spread), min(most, usual + WIDE * spread)
    moved = (
        "up" if value > usual + WIDE * spread else "down" if value < usual - WIDE * spread else ""
    )
    return Verdict(value, usual, low, high, moved)
