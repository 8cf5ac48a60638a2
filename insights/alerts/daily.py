"""Is this day, or this week of days, unlike those before? Pure: numpy.

What is expected of a day is the level of the fortnight before times what its day of the week does;
both are means of the middle, so that a day of alarm is not what is usual. How far days usually lie
off, up and down apart, is taken from the same rule on the days before, each by what came before it:
by the middle of those that lie off, by their outer tenth, and at least what chance alone does to a
count. An alert needs WIDE of that. Below a floor of counts nothing is said.
Days that are known (a promotion, a closed shop) are not judged, and are not what is usual.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

LEVEL, PROFILE, PAST = 28, 56, 84  # days: of the level, of the days of the week, of what is usual
LEAST_DAYS, LEAST_COUNT, WIDE = 35, 10.0, 3.5
WEEK = 7


@dataclass(frozen=True, slots=True)
class Verdict:
    """The value of a span of days, what was expected, where it may lie, and `moved`: up, down or
    "". `days` is 1, or 7 where it took a week to see it; `score` in spreads."""

    value: float
    usual: float
    low: float
    high: float
    moved: str
    score: float
    days: int


@dataclass(frozen=True, slots=True)
class Told:
    """What was to be expected of each day (T,), by the days before it, and of the seven days that
    end with it; NaN where too few are known."""

    day: np.ndarray
    week: np.ndarray


def told(line: np.ndarray, left_out: Collection[int] = ()) -> Told:
    """Of every day of a line (T,), each by what came before it."""
    n = len(line)
    seen = np.concatenate([np.full(PROFILE, np.nan), line.astype(float)])
    for k in left_out:
        seen[PROFILE + k] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a window without a known day is NaN
        before = sliding_window_view(seen, PROFILE)[:n]  # of day k the days k - PROFILE to k - 1
        weeks = before.reshape(n, PROFILE // WEEK, WEEK)  # the first column is the day of k itself
        shape = _middle(weeks)
        shape = shape / np.nanmean(shape, axis=1, keepdims=True)
        shape = np.where(np.isfinite(shape), shape, 1.0)
        flat = (
            before[:, -LEVEL:] / np.where(shape > 0, shape, np.nan)[:, np.arange(-LEVEL, 0) % WEEK]
        )
        level = np.nan_to_num(_middle(flat[:, -LEVEL // 2 :]))
    known = np.isfinite(before).sum(axis=1) >= LEAST_DAYS - WEEK
    level = np.where(known, level, np.nan)
    week = np.full(n, np.nan)
    week[WEEK - 1 :] = (level * shape.sum(axis=1))[: n - WEEK + 1]
    return Told(level * shape[:, 0], week)


def shares(part: np.ndarray, whole: np.ndarray, left_out: Collection[int] = ()) -> Told:
    """What was to be expected of a part (T,) of a whole that is known (T,): the whole times the
    share of the four weeks before."""
    n = len(part)
    kept = np.array([k not in left_out for k in range(n)]) & (whole > 0)
    rates = np.concatenate([np.full(LEVEL, np.nan),
                            np.where(kept, part / np.maximum(whole, 1e-9), np.nan)])  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        before = sliding_window_view(rates, LEVEL)[:n]
        rate = _middle(before)
    rate = np.where(np.isfinite(before).sum(axis=1) >= LEVEL // 2, rate, np.nan)
    sums = np.convolve(whole, np.ones(WEEK))[:n]
    week = np.full(n, np.nan)
    week[WEEK - 1 :] = rate[: n - WEEK + 1] * sums[WEEK - 1 :]
    return Told(rate * whole, week)


def judged(
    line: np.ndarray, counts: np.ndarray, of: Told, of_counts: Told,
    left_out: Collection[int] = (), least: float = LEAST_COUNT,
) -> Verdict | None:  # fmt: skip
    """The last day of a line (T,), else its last seven days together, against what was to be
    expected of it and of the `counts` (T,) of events that stand behind each value. None where there
    is too little to say."""
    last = len(line) - 1
    if last < LEAST_DAYS or last in left_out:
        return None
    day = _judged(line, counts, of.day, of_counts.day, left_out, least, 1)
    if day is not None and day.moved:
        return day
    if any(k in left_out for k in range(last - WEEK + 1, last + 1)):
        return day
    week = _judged(line, counts, of.week, of_counts.week, left_out, least, WEEK)
    return week if week is not None and (week.moved or day is None) else day


def _judged(
    line: np.ndarray, counts: np.ndarray, usual: np.ndarray, usual_counts: np.ndarray,
    left_out: Collection[int], least: float, days: int,
) -> Verdict | None:  # fmt: skip
    last = len(line) - 1
    expected, count = float(usual[last]), float(usual_counts[last])
    value, seen = (float(of[last - days + 1 :].sum()) for of in (line, counts))
    if not np.isfinite(expected) or expected <= 0 or max(seen, count) < least:
        return None
    at = np.arange(max(LEAST_DAYS, last - PAST), last - days + 1)
    at = at[[not any(j in left_out for j in range(k - days + 1, k + 1)) for k in at]]
    at = at[usual[at] > 0]
    if len(at) < WEEK:
        return None
    sums = np.convolve(line, np.ones(days))[: len(line)]
    off = np.log1p(sums[at]) - np.log1p(usual[at])
    down, up = (max(_spread(way), 1 / np.sqrt(max(count, 1.0))) for way in (-off, off))
    away = np.log1p(value) - np.log1p(expected)
    score = away / (up if away > 0 else down)
    low, high = (float(np.expm1(np.log1p(expected) + w)) for w in (-WIDE * down, WIDE * up))
    moved = "up" if score > WIDE else "down" if score < -WIDE else ""
    return Verdict(value, expected, max(0.0, low), high, moved, float(score), days)


def _middle(of: np.ndarray) -> np.ndarray:
    """The mean over the second axis of what lies between the quarters, what is outside drawn in:
    nearly as sharp as a mean, and as deaf to a day of alarm as a median."""
    low, high = np.nanquantile(of, [0.25, 0.75], axis=1, keepdims=True)
    found: np.ndarray = np.nanmean(np.clip(of, low, high), axis=1)
    return found


def _spread(off: np.ndarray) -> float:
    """How far days lie off in one direction, as the standard deviation of a normal: by the middle
    of those that do, or by the tenth that lies furthest."""
    away = off[off > 0]
    if not len(away):
        return 0.0
    return float(max(1.4826 * np.median(away), np.quantile(off, 0.9) / 1.2816))
