"""The board as a picture. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attune.kernel.phrases import say
from insights.dashboards.selectors import rate_of


def weekly(rows: Sequence[tuple[Any, int, int, int, int, float]]) -> dict[str, Any] | None:
    """Click and conversion rates by week, with their intervals."""
    if len(rows) < 2:
        return None
    clicks = [rate_of(row[3], row[2]) for row in rows]
    wins = [rate_of(row[4], row[1]) for row in rows]
    series = []
    for name, found in ((say("clicked"), clicks), (say("converted"), wins)):
        if any(found):
            series.append({
                "name": name,
                **{key: [round(100 * r[i], 2) if r else None for r in found]
                   for i, key in enumerate(("values", "low", "high"))},
            })  # fmt: skip
    return {"kind": "line", "unit": "%", "x": [row[0].isoformat() for row in rows],
            "series": series}  # fmt: skip
