"""Series for the budget's charts. Pure."""

from __future__ import annotations

from typing import Any

from attune.kernel.phrases import say


def history(results: dict[str, Any]) -> dict[str, Any]:
    """The outcome by week, and what the model makes of it."""
    return {
        "kind": "line", "unit": say("a week"), "time": True, "x": results["weeks"],
        "series": [
            {"name": say("Happened"), "values": results["outcome"]},
            {"name": say("By the model"), "values": results["fitted"], "low": results["low"],
             "high": results["high"]},
        ],
    }  # fmt: skip


def parts(results: dict[str, Any]) -> dict[str, Any]:
    """What each channel brought by week, on what would have come anyway."""
    series = [{"name": say("Would have come anyway"), "values": results["base"]}]
    pairs = zip(results["channels"], results["brought"], strict=True)
    series += [{"name": c["name"], "values": brought} for c, brought in pairs]
    return {"kind": "area", "unit": say("a week"), "time": True, "x": results["weeks"],
            "series": series}  # fmt: skip


def curve(channel: dict[str, Any]) -> dict[str, Any]:
    """What a week's money of a channel brings, with its interval."""
    told = channel["curve"]
    return {
        "kind": "line", "unit": say("brought a week"), "along": say("Money a week"),
        "x": [f"{v:.0f}" for v in told["spend"]],
        "series": [{"name": channel["name"], "values": _short(told["value"]),
                    "low": _short(told["low"]), "high": _short(told["high"])}],
    }  # fmt: skip


def _short(values: list[float]) -> list[float]:
    return [round(v, 2) for v in values]
