"""Journeys as pictures. Pure."""

from __future__ import annotations

from typing import Any

from attune.kernel.phrases import say
from insights.journeys.mining import GOAL, LEFT, OTHER

RULE_NAMES = {
    "first": say("first visit"), "last": say("last visit"), "linear": say("evenly"),
    "decay": say("the nearer the more"), "position": say("first and last most"),
    "markov": say("what would be lost"),
}  # fmt: skip


def duration(seconds: float | None) -> str:
    """In words as short as can be: 40 s, 12 min, 5 h, 3 days."""
    if seconds is None:
        return "–"
    if seconds < 90:
        return str(say("%(n)s s", n=round(seconds)))
    if seconds < 5_400:
        return str(say("%(n)s min", n=round(seconds / 60)))
    if seconds < 129_600:
        return str(say("%(n)s h", n=round(seconds / 3_600)))
    return str(say("%(n)s days", n=round(seconds / 86_400)))


def flow(found: dict[str, Any], goal: str) -> dict[str, Any] | None:
    """The first steps as a Sankey: one column a step; who stopped and who came to the goal end."""
    links = found.get("flow", {}).get("links", [])
    if not links:
        return None
    labels = {OTHER: str(say("something else")), GOAL: goal, LEFT: str(say("stopped"))}
    nodes: dict[str, dict[str, Any]] = {}
    drawn = []
    for column, one, other, n, seconds in links:
        ends = (column, one), (column + 1, other)
        names = [f"{at}·{name}" for at, name in ends]
        for key, (at, name) in zip(names, ends, strict=True):
            tone = {GOAL: "good", LEFT: "bad"}.get(name, "plain")
            label = labels.get(name, name)
            nodes[key] = {"name": key, "label": label, "column": at, "tone": tone}
        people = say("%(n)s people, typically after %(time)s", n=n, time=duration(seconds))
        drawn.append({
            "source": names[0], "target": names[1], "value": n, "note": str(people),
            "from": nodes[names[0]]["label"], "to": nodes[names[1]]["label"],
        })  # fmt: skip
    return {"kind": "sankey", "nodes": list(nodes.values()), "links": drawn}


def credit(found: dict[str, Any], most: int = 10) -> dict[str, Any] | None:
    """What each channel is owed by each rule."""
    rows = found.get("channels", [])[:most]
    if not rows:
        return None
    return {
        "kind": "bar", "unit": say("conversions"), "along": say("Channel"),
        "x": [row["channel"] for row in rows],
        "series": [
            {"name": RULE_NAMES[rule], "values": [row["conversions"][rule] for row in rows]}
            for rule in ("first", "last", "linear", "markov")
        ],
    }  # fmt: skip
