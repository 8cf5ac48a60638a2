"""The actions of a bank, and shares that keep to their bounds. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

WAIT = "wait"
JOINT = "."
MOST = 64  # actions of one policy
ROUNDS = 30


@dataclass(frozen=True, slots=True)
class Action:
    """One option of every dimension: (dimension, key) pairs, and what doing it costs in cents.
    WAIT has none and costs nothing."""

    key: str
    options: tuple[tuple[str, str], ...] = ()
    cost: int = 0

    def has(self, options: Iterable[str]) -> bool:
        """Whether it does any of "dimension:key"; of no options, whether it does anything."""
        wanted = set(options)
        if not wanted:
            return bool(self.options)
        return any(f"{dimension}:{key}" in wanted for dimension, key in self.options)

    def has_all(self, options: Iterable[str]) -> bool:
        own = {f"{dimension}:{key}" for dimension, key in self.options}
        return set(options) <= own


def combined(
    options: Mapping[str, Sequence[tuple[str, int]]], never: Sequence[Sequence[str]], wait: bool
) -> list[Action]:
    """Every combination of {dimension: [(key, cost)]}, but those that `never` excludes; with WAIT
    first where a policy may wait."""
    found = [Action(WAIT)] if wait else []
    dimensions = [d for d in options if options[d]]
    if not dimensions:
        return found
    for chosen in itertools.product(*(options[d] for d in dimensions)):
        pairs = tuple((d, key) for d, (key, _) in zip(dimensions, chosen, strict=True))
        action = Action(JOINT.join(key for _, key in pairs), pairs, sum(c for _, c in chosen))
        if not any(action.has_all(both) for both in never):
            found.append(action)
    return found


def parsed(key: str, options: Mapping[str, Sequence[tuple[str, int]]]) -> Action:
    """What the action of a key did, {dimension: [(key, cost)]} in the order that made the keys; of
    parts that no option has, nothing is known."""
    left = key.split(JOINT) if key != WAIT else []
    pairs, cost = [], 0
    for dimension, known in options.items():
        costs = dict(known)
        if left and left[0] in costs:
            pairs.append((dimension, left[0]))
            cost += costs[left.pop(0)]
    return Action(key, tuple(pairs), cost)


@dataclass(frozen=True, slots=True)
class Bound:
    """The least and greatest share of the actions in `mask` (K,)."""

    mask: np.ndarray
    low: float = 0.0
    high: float = 1.0
    name: str = ""


def bounded(
    shares: np.ndarray, eligible: np.ndarray, bounds: Sequence[Bound]
) -> tuple[np.ndarray, list[str]]:
    """Shares (K,) moved until every bound holds, and the names of those that moved them. What one
    gives up goes to the other eligible actions in proportion. Where nothing else is eligible a
    bound cannot hold, and does not."""
    found, moved = shares.astype(float).copy(), set()
    for _ in range(ROUNDS):
        quiet = True
        for bound in bounds:
            inside = bound.mask & eligible
            outside = ~bound.mask & eligible
            total = float(found[inside].sum())
            wanted = min(max(total, bound.low), bound.high)
            if abs(total - wanted) < 1e-9 or not inside.any() or not outside.any():
                continue
            quiet = False
            moved.add(bound.name)
            found[inside] = _scaled(found[inside], wanted)
            found[outside] = _scaled(found[outside], 1 - wanted)
        if quiet:
            break
    return found, sorted(moved)


def _scaled(shares: np.ndarray, total: float) -> np.ndarray:
    now = shares.sum()
    if now <= 0:
        return np.full(len(shares), total / len(shares))
    found: np.ndarray = shares * (total / now)
    return found
