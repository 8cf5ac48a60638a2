"""A finding over time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attune.kernel.phrases import say
from insights.findings.models import Finding, Measurement


def effect(of: Finding, rows: Sequence[Measurement]) -> dict[str, Any] | None:
    """Each measurement with its interval, the oldest first."""
    by_day = {r.at.date(): r for r in rows if r.verdict != "gone"}  # the last of each day
    kept = [by_day[day] for day in sorted(by_day)]
    if len(kept) < 2:
        return None
    return {
        "kind": "line", "unit": say("effect"), "zero": True,
        "x": [r.at.date().isoformat() for r in kept],
        "series": [{
            "name": of.measure, "values": [r.effect for r in kept],
            "low": [r.low for r in kept], "high": [r.high for r in kept],
        }],
    }  # fmt: skip
