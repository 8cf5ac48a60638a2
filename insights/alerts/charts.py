"""Pictures of an alert: the days around it with what was expected. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from attune.kernel.phrases import say
from insights.alerts.metrics import Line
from insights.alerts.models import Alert
from insights.forecasts.models import Series

SHOWN = 63  # days


def around(alert: Alert, line: Line) -> dict[str, Any]:
    """The nine weeks until the alert: what happened beside what was to be expected, and on the last
    day where it usually lies."""
    value, usual = line.value[-SHOWN:], line.of.day[-SHOWN:]
    if line.whole is not None:
        whole = np.maximum(line.whole[-SHOWN:], 1)
        value, usual = 100 * value / whole, 100 * usual / whole
    days = [line.last - timedelta(days=k) for k in range(len(value) - 1, -1, -1)]
    times = 100 if line.whole is not None else 1
    one = alert.days == 1  # of a week the interval is of its sum, which no day shows
    none: list[float | None] = [None] * (len(value) - 1)
    expected: dict[str, Any] = {
        "name": say("Expected by the days before"), "values": [_plain(v) for v in usual],
    }  # fmt: skip
    if one:
        expected |= {"low": [*none, _plain(alert.low * times)],
                     "high": [*none, _plain(alert.high * times)]}  # fmt: skip
    return {
        "kind": "line", "unit": "%" if line.whole is not None else "", "time": True,
        "x": [day.isoformat() for day in days],
        "series": [{"name": say("Happened"), "values": [_plain(v) for v in value]}, expected],
    }  # fmt: skip


def named(alert: Alert) -> list[dict[str, Any]]:
    """The parts that moved, with the name of the cut."""
    names = dict(Series.By.choices)
    return [
        {"by": names.get(by, by), "key": key, "value": value, "usual": usual, "share": share}
        for by, key, value, usual, share in alert.slices
    ]  # fmt: skip


def _plain(value: float) -> float | None:
    return round(float(value), 3) if np.isfinite(value) else None
