"""A metric by day: its line, whether its last day or week is usual, and which parts moved it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from campaigns.decisions.models import Metric
from insights.alerts import daily
from insights.alerts.daily import Told, Verdict
from insights.alerts.models import Alert, Watch
from insights.forecasts import values
from insights.forecasts.models import Occasion

LOOKS_BACK = 230  # days
SLICED = ("category", "channel", "product", "segment")
LEAST_SHARE, MOST_SLICES = 0.1, 6


@dataclass(frozen=True, slots=True)
class Line:
    """Days that are over, oldest first: the value of each (T,), the events behind it (T,), what was
    to be expected of both by the days before, and the days that are known (indices). Of one metric
    for each of another `whole` is the other (T,)."""

    first: date
    value: np.ndarray
    counts: np.ndarray
    of: Told
    of_counts: Told
    known: frozenset[int]
    whole: np.ndarray | None = None

    @property
    def last(self) -> date:
        return self.first + timedelta(days=len(self.value) - 1)

    def judged(self, least: float) -> Verdict | None:
        found = daily.judged(self.value, self.counts, self.of, self.of_counts, self.known, least)
        if found is None or self.whole is None:
            return found
        whole = float(self.whole[-found.days :].sum()) or 1.0
        return Verdict(found.value / whole, found.usual / whole, found.low / whole,
                       found.high / whole, found.moved, found.score, found.days)  # fmt: skip


def line(row: Watch, today: date) -> Line | None:
    """The days of a metric that are over by `today`; None where nothing is known."""
    metrics = metrics_of(row)
    if not metrics:
        return None
    since = today - timedelta(days=LOOKS_BACK)
    told = [values.by_events(m, "day", "", since, today).get("", {}) for m in metrics]
    seen = [day for by in told for day in by]
    if not seen:
        return None
    first = min(seen)
    n = (today - first).days
    value = _days(told[0], first, n)
    known = frozenset(_known(row, first, n))
    if row.figure == Watch.Figure.RATIO:
        whole = _days(told[1], first, n)
        of = daily.shares(value, whole, known)
        return Line(first, value, value, of, of, known, whole)
    counts = value
    if metrics[0].kind == Metric.Kind.VALUE:
        by = values.by_events(metrics[0], "day", "", since, today, Metric.Kind.COUNT)
        counts = _days(by.get("", {}), first, n)
    return Line(first, value, counts, daily.told(value, known), daily.told(counts, known), known)


def metrics_of(row: Watch) -> list[Metric]:
    """The metric, or both of a ratio; nothing where one is gone."""
    wanted = [row.about.get("metric"), row.about.get("of")]
    found = {str(m.pk): m for m in Metric.objects.filter(pk__in=[pk for pk in wanted if pk])}
    kept = [found[pk] for pk in wanted if pk in found]
    return kept if len(kept) == sum(bool(pk) for pk in wanted) else []


def slices(row: Watch, of: Line, verdict: Verdict) -> list[list[Any]]:
    """The parts that moved a metric most: [by, key, value, usual, share of the change], each in the
    way it moved; by each way of cutting, so that shares do not add up across them."""
    if row.figure != Watch.Figure.METRIC:
        return []
    (metric,) = metrics_of(row)
    change = verdict.value - verdict.usual
    found: list[list[Any]] = []
    for by in SLICED:
        told = values.by_events(metric, "day", by, of.first, of.last + timedelta(days=1))
        if len(told) < 2:
            continue  # one part is the whole
        for key, own in told.items():
            value = _days(own, of.first, len(of.value))
            expected = daily.told(value, of.known)
            usual = float((expected.day if verdict.days == 1 else expected.week)[-1])
            now = float(value[-verdict.days :].sum())
            share = (now - usual) / change if change else 0.0
            if key and np.isfinite(usual) and share >= LEAST_SHARE:
                found.append([by, key, round(now, 2), round(usual, 2), round(share, 4)])
    return sorted(found, key=lambda one: -one[4])[:MOST_SLICES]


def _days(told: Mapping[date, float], first: date, n: int) -> np.ndarray:
    return np.array([max(0.0, told.get(first + timedelta(days=k), 0.0)) for k in range(n)])


def _known(row: Watch, first: date, n: int) -> set[int]:
    """Days that are known before, and days that somebody explained."""
    spans = list(Occasion.objects.values_list("first", "last"))
    explained = Alert.objects.filter(watch=row, state=Alert.State.EXPLAINED, day__isnull=False)
    spans += [(day - timedelta(days=days - 1), day)
              for day, days in explained.values_list("day", "days")]  # fmt: skip
    return {
        k for start, end in spans
        for k in range((start - first).days, (end - first).days + 1) if 0 <= k < n
    }  # fmt: skip
