"""Series for the experiment page's charts. Pure."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from django.utils import timezone

from attune.kernel.phrases import say
from campaigns.experiments.models import Allocation, Arm, Snapshot


def effect_over_time(history: list[Snapshot], arms: list[Arm]) -> dict[str, Any] | None:
    """The primary metric's effect per arm with its always-valid interval."""
    points = [s for s in history if s.results.get("metrics")]
    if len(points) < 2:
        return None
    primary = points[-1].results["metrics"][0]
    scale, unit = (
        (100, say("points")) if primary["kind"] == "conversion" else (1, say("per person"))
    )
    series = []
    for arm in arms:
        if arm.is_control:
            continue
        effects = [_effect(s, arm.key) for s in points]
        if any(effects):
            series.append(
                {
                    "name": arm.name,
                    "values": [e["difference"] * scale if e else None for e in effects],
                    "low": [e["low"] * scale if e else None for e in effects],
                    "high": [e["high"] * scale if e else None for e in effects],
                }
            )
    if not series:
        return None
    return {
        "kind": "line",
        "unit": unit,
        "zero": True,
        "time": True,
        "limit": _limit(series),
        "x": [_clock(s.at) for s in points],
        "series": series,
    }


def _limit(series: list[dict[str, Any]]) -> float | None:
    """Where the axis ends, so that the first wide intervals do not flatten today's: the next round
    number above twice the farthest end of the newest intervals. None where all fits anyway."""
    ends = [
        abs(one[side][-1])
        for one in series
        for side in ("low", "high")
        if one[side][-1] is not None
    ]
    known = [abs(v) for one in series for side in ("low", "high") for v in one[side] if v]
    if not ends or not max(ends):
        return None
    wanted = 2 * max(ends)
    power = 10 ** math.floor(math.log10(wanted))
    limit = next(step * power for step in (1, 2, 5, 10) if step * power >= wanted)
    return limit if max(known) > limit else None


def _clock(moment: datetime) -> str:
    """The time on the wall of the workspace; the chart draws it as it is."""
    return timezone.localtime(moment).strftime("%Y-%m-%dT%H:%M:%S")


def _effect(snapshot: Snapshot, arm: str) -> dict[str, float] | None:
    for row in snapshot.results["metrics"][0]["arms"]:
        if row["arm"] == arm:
            return row["effect"]
    return None


def allocation_over_time(
    rows: list[Allocation], arms: list[Arm], *, until: datetime
) -> dict[str, Any] | None:
    """Each arm's share under each allocation; the last one holds until now, or the end."""
    if not rows:
        return None
    steps = [(row.since, row.weights) for row in rows]
    steps.append((max(until, rows[-1].since), rows[-1].weights))
    return {
        "kind": "area",
        "unit": "%",
        "time": True,
        "x": [_clock(since) for since, _ in steps],
        "series": [
            {"name": arm.name, "values": [weights.get(arm.key, 0) * 100 for _, weights in steps]}
            for arm in arms
        ],
    }
