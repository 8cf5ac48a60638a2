"""Series for the pictures of what customers say. Pure. Shares carry Wilson's 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from attune.kernel.phrases import say
from campaigns.tuning.lessons import wilson

LEAST_SHARED = 5.0  # weighed texts of a week, below which it is left out


def _share(part: float, total: float) -> tuple[float, float, float]:
    """A share in percent with its interval, of weights: copies of a flood share one voice."""
    low, high = wilson(round(part), max(1, round(total)))
    return 100 * part / total, 100 * max(0.0, low), 100 * min(1.0, high)


def feelings(rows: Sequence[tuple[date, float, float, float]]) -> dict[str, Any] | None:
    """(month, weight, negative, positive) as two lines with their intervals."""
    return _lines(rows, say("negative"), say("positive"))


def polarity(rows: Sequence[tuple[date, float, float, float]]) -> dict[str, Any] | None:
    """(month, weight, against, for) of a feature's mentions."""
    return _lines(rows, say("against"), say("in favour"))


def _lines(rows: Sequence[tuple[date, float, float, float]], bad: str, good: str) -> Any:
    rows = [row for row in rows if row[1] > 0]
    if len(rows) < 2:
        return None
    series = []
    sides = ((bad, [row[2] for row in rows]), (good, [row[3] for row in rows]))
    for name, parts in sides:
        shares = [_share(part, row[1]) for part, row in zip(parts, rows, strict=True)]
        series.append({
            "name": name, "values": [round(s[0], 2) for s in shares],
            "low": [round(s[1], 2) for s in shares], "high": [round(s[2], 2) for s in shares],
        })  # fmt: skip
    return {"kind": "line", "unit": "%", "x": [row[0].strftime("%Y-%m") for row in rows],
            "series": series}  # fmt: skip


def weekly(rows: Sequence[tuple[date, float, float, float]]) -> dict[str, Any] | None:
    """(week, weight of all texts, of the topic's, of those negative): the topic's share of what is
    written, so that more texts are no trend."""
    rows = [row for row in rows if row[1] >= LEAST_SHARED]  # a share of two texts says nothing
    if len(rows) < 2:
        return None
    shares = [_share(row[2], row[1]) for row in rows]
    return {
        "kind": "line", "unit": "%", "x": [row[0].isoformat() for row in rows],
        "series": [{
            "name": say("share of all texts"), "values": [round(s[0], 2) for s in shares],
            "low": [round(s[1], 2) for s in shares], "high": [round(s[2], 2) for s in shares],
        }],
    }  # fmt: skip
