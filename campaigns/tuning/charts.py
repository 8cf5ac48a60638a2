"""Series for the charts of the models pages. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from attune.kernel.phrases import say
from campaigns.generators.models import Usage


def learning_curve(curve: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The loss of each phase over the steps, smoothed over five."""
    if len(curve) < 2:
        return None
    steps = [str(point["step"]) for point in curve]
    names = {"approved": say("approved copy"), "preferred": say("preferences")}
    series = []
    for phase, name in names.items():
        values = [p["loss"] if p["phase"] == phase else None for p in curve]
        if any(v is not None for v in values):
            series.append({"name": name, "values": _smooth(values)})
    return {
        "kind": "line", "unit": say("loss"), "along": say("Step"), "x": steps, "series": series
    }  # fmt: skip


def _smooth(values: list[float | None], width: int = 5) -> list[float | None]:
    found: list[float | None] = []
    for index, value in enumerate(values):
        window = [v for v in values[max(0, index - width + 1) : index + 1] if v is not None]
        found.append(None if value is None else round(sum(window) / len(window), 4))
    return found


def usage_by_day(rows: list[Usage]) -> dict[str, Any] | None:
    """Tokens a day and task."""
    days = sorted({row.day for row in rows})
    if len(days) < 2:
        return None
    sums: dict[tuple[str, Any], int] = defaultdict(int)
    for row in rows:
        sums[row.task, row.day] += row.tokens_in + row.tokens_out
    names = {row.task: row.get_task_display() for row in rows}
    return {
        "kind": "line", "unit": say("tokens"), "x": [d.isoformat() for d in days],
        "series": [
            {"name": name, "values": [sums[task, day] for day in days]}
            for task, name in sorted(names.items())
        ],
    }  # fmt: skip
