"""Changes of a flow's tree: each answers a new tree. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from campaigns.automations import flow

Tree = dict[str, Any]
EMPTY: Tree = {"entry": {}, "exit": {}, "next": 1, "steps": []}


def changed(old: Tree, new: Tree) -> tuple[Tree, Tree]:
    """What is different between two flows, before and after: who comes in, who leaves, each step
    by its id (without the steps in its branches), and the order of the steps."""
    sides = [_parts(old), _parts(new)]
    names = [name for name in {**sides[0], **sides[1]} if sides[0].get(name) != sides[1].get(name)]
    before, after = ({name: side.get(name) for name in names} for side in sides)
    return before, after


def _parts(tree: Tree) -> Tree:
    steps = [step for step, _ in flow.walk(list(tree.get("steps", [])))]
    return {
        "entry": tree.get("entry") or {}, "exit": tree.get("exit") or {},
        "order": " ".join(step["id"] for step in steps),
        **{step["id"]: flow.own(step) for step in steps},
    }  # fmt: skip


def insert(tree: Tree, step: Mapping[str, Any], *, after: str = "", branch: str = "") -> Tree:
    """A new step after another, first in one of its branches, or first of all. Its id is new for
    good: one that was removed never comes again, since somebody may have stood there."""
    found = copy.deepcopy(tree)
    new = {**step, "id": f"s{found.get('next', 1)}"}
    found["next"] = int(found.get("next", 1)) + 1
    if not after:
        found["steps"].insert(0, new)
        return found
    where, place = _place(found, after)
    if branch:
        ways = {b["key"]: b["steps"] for b in where[place].get("branches", [])}
        if branch not in ways:
            raise NotFound(say("This step has no such branch."))
        ways[branch].insert(0, new)
    else:
        where.insert(place + 1, new)
    return found


def replace(tree: Tree, step_id: str, values: Mapping[str, Any]) -> Tree:
    """Other values for a step; branches that stay keep their steps."""
    found = copy.deepcopy(tree)
    where, place = _place(found, step_id)
    old = {b["key"]: b["steps"] for b in where[place].get("branches", [])}
    new = {**copy.deepcopy(dict(values)), "id": step_id, "kind": where[place]["kind"]}
    for one in new.get("branches", []):
        one["steps"] = old.get(one["key"], [])
    where[place] = new
    return found


def remove(tree: Tree, step_id: str) -> Tree:
    """Without a step and whatever stands in its branches."""
    found = copy.deepcopy(tree)
    where, place = _place(found, step_id)
    del where[place]
    return found


def within(step: Mapping[str, Any]) -> int:
    """How many steps stand in its branches: they go with it."""
    return sum(1 for b in step.get("branches", []) for _ in flow.walk(b["steps"]))


def step_of(tree: Tree, step_id: str) -> dict[str, Any]:
    where, place = _place(tree, step_id)
    return where[place]


def _place(tree: Tree, step_id: str) -> tuple[list[dict[str, Any]], int]:
    for steps in _lists(tree["steps"]):
        for place, step in enumerate(steps):
            if step["id"] == step_id:
                return steps, place
    raise NotFound(say("This journey has no such step any more."))


def _lists(steps: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    yield steps
    for step in steps:
        for branch in step.get("branches", []):
            yield from _lists(branch["steps"])
