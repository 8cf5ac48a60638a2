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
    """The share of each week that each channel brought, on what would have come anyway."""
    whole = [max(v, 1e-9) for v in results["fitted"]]
    series = [{"name": say("Would have come anyway"), "values": _share(results["base"], whole)}]
    pairs = zip(results["channels"], results["brought"], strict=True)
    series += [{"name": c["name"], "values": _share(brought, whole)} for c, brought in pairs]
    return {"kind": "area", "unit": "%", "time": True, "x": results["weeks"],
            "series": series}  # fmt: skip


def _share(values: list[float], whole: list[float]) -> list[float]:
    return [round(max(0.0, v) / all_of_it * 100, 2)
            for v, all_of_it in zip(values, whole, strict=True)]  # fmt: skip


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
