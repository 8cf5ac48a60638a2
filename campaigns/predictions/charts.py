"""Series for the charts of a prediction. Pure."""

from __future__ import annotations

from typing import Any

from attune.kernel.phrases import say
from campaigns.predictions import measures


def calibration(card: dict[str, Any]) -> dict[str, Any] | None:
    """What was foretold beside what happened, by tenths of the people."""
    rows = card.get("bins", [])
    if len(rows) < 2:
        return None
    return {
        "kind": "line", "unit": "%", "along": say("Tenth of the people, the least likely first"),
        "x": [str(n) for n in range(1, len(rows) + 1)],
        "series": [
            {"name": say("Foretold"), "values": [_percent(r["foretold"]) for r in rows]},
            {"name": say("Happened"), "values": [_percent(r["happened"]) for r in rows],
             "low": [_percent(r["low"]) for r in rows],
             "high": [_percent(r["high"]) for r in rows]},
        ],
    }  # fmt: skip


def gains(card: dict[str, Any]) -> dict[str, Any] | None:
    """How many of those who did it are among the likeliest."""
    rows = card.get("lift", [])
    if not rows:
        return None
    x = ["0", *(f"{share * 100:.0f}" for share, _ in rows)]
    return {
        "kind": "line", "unit": "%", "along": say("Percent of the people, the likeliest first"),
        "x": x,
        "series": [
            {"name": say("By the prediction"), "values": [0, *(_percent(v) for _, v in rows)]},
            {"name": say("By chance"), "values": [float(v) for v in x]},
        ],
    }  # fmt: skip


def over_time(runs: list[Any]) -> dict[str, Any] | None:
    """How well each refresh foretold, oldest first, with the interval of the area."""
    rows = [run for run in runs if run.card.get("auc") is not None][::-1]
    if len(rows) < 2:
        return None
    wide = [measures.Z * run.card["auc_error"] for run in rows]
    auc = [run.card["auc"] for run in rows]
    return {
        "kind": "line", "unit": "AUC", "time": True, "x": [f"{run.at:%Y-%m-%d}" for run in rows],
        "series": [{"name": say("Area under the curve"), "values": [round(a, 4) for a in auc],
                    "low": [round(max(0.0, a - w), 4) for a, w in zip(auc, wide, strict=True)],
                    "high": [round(min(1.0, a + w), 4) for a, w in zip(auc, wide, strict=True)]}],
    }  # fmt: skip


def qini(arm: dict[str, Any]) -> dict[str, Any]:
    """What is gained by sending an arm to the most persuadable share of the people first."""
    rows = arm["curve"][::5]
    end = rows[-1][1]
    return {
        "kind": "line", "unit": say("gained a person"),
        "along": say("Percent of the people, the most persuadable first"),
        "x": [f"{share * 100:.0f}" for share, _ in rows],
        "series": [
            {"name": say("The most persuadable first"), "values": [round(v, 5) for _, v in rows]},
            {"name": say("By chance"), "values": [round(share * end, 5) for share, _ in rows]},
        ],
    }  # fmt: skip


def _percent(share: float) -> float:
    return round(share * 100, 3)
