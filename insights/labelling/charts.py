"""Accuracy as a picture. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attune.kernel.phrases import say
from insights.labelling.scoring import Share


def accuracy(rows: Sequence[tuple[str, Share]]) -> dict[str, Any] | None:
    """(month, share right) as a line with its interval."""
    if len(rows) < 2:
        return None
    return {
        "kind": "line", "unit": "%", "x": [month for month, _ in rows],
        "series": [{
            "name": say("right"), "values": [round(100 * (s.value or 0), 1) for _, s in rows],
            "low": [round(100 * s.low, 1) for _, s in rows],
            "high": [round(100 * s.high, 1) for _, s in rows],
        }],
    }  # fmt: skip
