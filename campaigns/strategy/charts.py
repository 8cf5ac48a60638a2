"""Series for the policy page's charts. Pure."""

from __future__ import annotations

from typing import Any

from attune.kernel.phrases import say
from campaigns.decisions.models import Metric

SHOWN = 9  # actions with a colour of their own; the others are one


def value_over_time(look: dict[str, Any], metric: Metric) -> dict[str, Any] | None:
    """What a decision was worth, policy and control, with intervals."""
    rows = [p for p in look["periods"] if p["policy"][1] is not None]
    if len(rows) < 2:
        return None
    rate = metric.kind == Metric.Kind.CONVERSION
    scale = 100.0 if rate else 1.0
    series = []
    for name, title in (("policy", say("Policy")), ("control", say("Control group"))):
        told = [p[name] for p in rows]
        series.append({
            "name": title, "values": [_times(t[1], scale) for t in told],
            "low": [_times(t[2], scale) for t in told],
            "high": [_times(t[3], scale) for t in told],
        })  # fmt: skip
    return {"kind": "line", "unit": "%" if rate else say("a decision"), "time": True,
            "x": [p["from"] for p in rows], "series": series}  # fmt: skip


def allocation(look: dict[str, Any]) -> dict[str, Any] | None:
    """Which share of the decisions each action got."""
    rows = [p for p in look["periods"] if p["policy"][0]]
    if len(rows) < 2:
        return None
    keys = look["keys"]
    total = [sum(p["shares"][i] for p in rows) for i in range(len(keys))]
    order = sorted(range(len(keys)), key=lambda i: -total[i])
    series = [
        {"name": keys[i], "values": [p["shares"][i] * 100 for p in rows]} for i in order[:SHOWN]
    ]
    if rest := order[SHOWN:]:
        others = [sum(p["shares"][i] for i in rest) * 100 for p in rows]
        series.append({"name": say("others"), "values": others})
    return {"kind": "area", "unit": "%", "time": True, "x": [p["from"] for p in rows],
            "series": series}  # fmt: skip


def regret(look: dict[str, Any]) -> dict[str, Any] | None:
    """By how much the best allowed action is believed to be better than the one done."""
    rows = [
        p for p in look["periods"] if p.get("regret") is not None and p["regret"] == p["regret"]
    ]
    if len(rows) < 2:
        return None
    return {"kind": "line", "unit": say("a decision"), "time": True,
            "x": [p["from"] for p in rows],
            "series": [{"name": say("Regret"), "values": [p["regret"] for p in rows]}]}  # fmt: skip


def estimators(
    estimates: dict[str, Any], sequence: bool = False
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows of the gate's table: what runs now, then every estimator."""
    names = {
        "logged": say("What ran (as measured)"), "dm": say("Fitted Q evaluation (DM)"),
        "is": say("Weighted by sequences (IS)"), "wis": say("Weighted, scaled (WIS)"),
        "dr": say("Doubly robust (DR)"),
    } if sequence else {
        "logged": say("What ran (as measured)"), "dm": say("Model of the reward (DM)"),
        "ips": say("Weighted (IPS)"), "snips": say("Weighted, scaled (SNIPS)"),
        "dr": say("Doubly robust (DR)"), "switch": say("Doubly robust, switching"),
        "dros": say("Doubly robust, shrunk"),
    }  # fmt: skip
    return [
        {"key": key, "name": name, "value": estimates[key][0], "low": estimates[key][1],
         "high": estimates[key][2]}
        for key, name in names.items() if key in estimates
    ]  # fmt: skip


def by_steps(rows: list[list[float | None]]) -> dict[str, Any] | None:
    """What following the version for longer would have brought more, with its interval."""
    if len(rows) < 2:
        return None
    return {"kind": "line", "unit": say("discounted reward"), "x": [str(row[0]) for row in rows],
            "along": say("Decisions in a row"),
            "series": [{"name": say("Gain"), "values": [row[1] for row in rows],
                        "low": [row[2] for row in rows],
                        "high": [row[3] for row in rows]}]}  # fmt: skip


def rehearsal(told: dict[str, Any]) -> list[dict[str, Any]]:
    """Who earned what of simulated customers."""
    names = {"version": say("This version"), "default": say("The default action"),
             "even": say("Every action in turn")}  # fmt: skip
    return [
        {"key": key, "name": name, "value": told["values"][key][0],
         "error": told["values"][key][1]}
        for key, name in names.items() if key in told.get("values", {})
    ]  # fmt: skip


def _times(value: float | None, scale: float) -> float | None:
    return None if value is None else round(value * scale, 5)
