"""Series for the charts of a forecast. Pure."""

from __future__ import annotations

from typing import Any

from attune.kernel.phrases import say
from insights.forecasts.models import Forecast, ForecastCheck


def fan(row: Forecast) -> dict[str, Any] | None:
    """The history and the forecast with its 80 % and 95 % intervals, beside the baseline."""
    if not row.points:
        return None
    past, ahead = row.history, row.points
    gap: list[float | None] = [None] * (len(past) - 1)
    last = past[-1][1]
    x = [first for first, _ in past] + [p[0] for p in ahead]
    sure = all(p[2] is not None for p in ahead)
    foretold: dict[str, Any] = {
        "name": say("Foretold, with the 80 % interval"),
        "values": [*gap, last, *(p[1] for p in ahead)],
    }
    wider: dict[str, Any] = {
        "name": say("95 % interval"), "values": [*gap, last, *(p[1] for p in ahead)],
    }  # fmt: skip
    if sure:
        foretold |= {"low": [*gap, last, *(p[2] for p in ahead)],
                     "high": [*gap, last, *(p[3] for p in ahead)]}  # fmt: skip
        wider |= {"low": [*gap, last, *(p[4] for p in ahead)],
                  "high": [*gap, last, *(p[5] for p in ahead)]}  # fmt: skip
    none: list[float | None] = [None] * len(ahead)
    series = [
        {"name": say("Happened"), "values": [*(v for _, v in past), *none]}, foretold,
        {"name": say("As a season ago"), "values": [*gap, last, *(p[6] for p in ahead)]},
    ]  # fmt: skip
    if sure:
        series.insert(2, wider)
    return {"kind": "line", "unit": "", "time": True, "x": x, "series": series}


def ledger(rows: list[ForecastCheck]) -> dict[str, Any] | None:
    """What was foretold one period ahead, and what came; oldest first."""
    near: dict[Any, ForecastCheck] = {}
    for row in rows:
        if row.period not in near or row.ahead < near[row.period].ahead:
            near[row.period] = row
    kept = [near[period] for period in sorted(near)]
    if len(kept) < 3:
        return None
    return {
        "kind": "line", "unit": "", "time": True, "x": [r.period.isoformat() for r in kept],
        "series": [
            {"name": say("Foretold, with the 80 % interval"), "values": [r.foretold for r in kept],
             "low": [r.low for r in kept], "high": [r.high for r in kept]},
            {"name": say("Happened"), "values": [r.actual for r in kept]},
        ],
    }  # fmt: skip


def scenario(row: Forecast, points: list[list[Any]]) -> dict[str, Any]:
    """The forecast as it is, and with other money."""
    past = row.history
    gap: list[float | None] = [None] * (len(past) - 1)
    last, sure = past[-1][1], all(p[2] is not None for p in points)
    other: dict[str, Any] = {
        "name": say("With other money"), "values": [*gap, last, *(p[1] for p in points)],
    }  # fmt: skip
    if sure:
        other |= {"low": [*gap, last, *(p[2] for p in points)],
                  "high": [*gap, last, *(p[3] for p in points)]}  # fmt: skip
    none: list[float | None] = [None] * len(points)
    return {
        "kind": "line", "unit": "", "time": True,
        "x": [first for first, _ in past] + [p[0] for p in points],
        "series": [
            {"name": say("Happened"), "values": [*(v for _, v in past), *none]}, other,
            {"name": say("As now"), "values": [*gap, last, *(p[1] for p in row.points)]},
        ],
    }  # fmt: skip
