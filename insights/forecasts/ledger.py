"""Forecast against actual: which periods can be checked, and which models stopped covering. Pure.

A model whose 80 % intervals held in fewer of the newest checks than chance allows (one-sided
binomial test at 1 %) is barred: another is chosen until its checks hold again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from scipy.stats import binom

from insights.forecasts.models import Forecast
from insights.forecasts.values import Values

LEVEL, DOUBT, LEAST = 0.8, 0.01, 14  # checks that it takes to say anything


@dataclass(frozen=True, slots=True)
class Covering:
    """Of a model: how many of its n newest checks lay inside the 80 % interval."""

    model: str
    inside: int
    n: int
    newest: date


def checks(forecast: Forecast, values: Values) -> Iterator[dict[str, Any]]:
    """What can be said of a forecast's periods that are over."""
    line = values.parts.get(forecast.key) if forecast.key else values.whole
    if line is None:
        return
    came = {first.isoformat(): float(v) for first, v in zip(values.firsts, line, strict=True)}
    for ahead, point in enumerate(forecast.points, start=1):
        first, mean, low, high, lower, higher, baseline = point
        if first in came and low is not None:
            actual = came[first]
            yield {
                "period": date.fromisoformat(first), "ahead": ahead, "foretold": mean,
                "baseline": baseline, "low": low, "high": high, "actual": actual,
                "inside80": low <= actual <= high, "inside95": lower <= actual <= higher,
            }  # fmt: skip


def barred(seen: Sequence[Covering], before: Mapping[str, str]) -> dict[str, str]:
    """{model: since}: of those that failed, from the newest check on; one that covers again is
    free."""
    found = {}
    for one in seen:
        if one.n < LEAST:
            if one.model in before:
                found[one.model] = before[one.model]
            continue
        if float(binom.cdf(one.inside, one.n, LEVEL)) < DOUBT:
            found[one.model] = before.get(one.model, one.newest.isoformat())
    return found
