"""Which channels a conversion is owed to. Pure.

A path is the channels of a person's visits before a conversion, in order. Rules share out each
conversion: first, last, linear, time decay (weights halve each seven days), position (40 % first,
40 % last, the rest between). The Markov model asks what would be lost: visits are a walk over
channels from start to conversion or nothing (Anderl et al. 2016, "Mapping the customer journey"),
a channel's removal effect is the share of conversions that no longer come about when every walk
into it ends in nothing, and effects are scaled to sum to the conversions.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

HALF_LIFE_DAYS = 7.0
RULES = ("first", "last", "linear", "decay", "position", "markov")
START, CONVERSION, NOTHING = "(start)", "(conversion)", "(nothing)"
MOST_CHANNELS, SHOWN_CHANNELS = 400, 80  # told apart while adding; shown, the rest being one
OTHERS = "(others)"


@dataclass(frozen=True, slots=True)
class Path:
    """Channels of the visits before a conversion with the days from each to it, or of a person who
    did not convert (`converted` False, days to the end)."""

    channels: tuple[str, ...]
    days: tuple[float, ...]
    converted: bool
    value: float = 0.0


class Ledger:
    """Adds paths up; holds sums only. Anybody may send events with channels without end: beyond
    MOST_CHANNELS they are one."""

    def __init__(self) -> None:
        self.conversions = 0
        self.value = 0.0
        self.shares: dict[str, defaultdict[str, float]] = {
            rule: defaultdict(float) for rule in RULES
        }
        self.values: dict[str, defaultdict[str, float]] = {
            rule: defaultdict(float) for rule in RULES
        }
        self.moves: Counter[tuple[str, str]] = Counter()
        self.visits: Counter[str] = Counter()

    def add(self, path: Path) -> None:
        if not path.channels:
            return
        channels = [
            c if c in self.visits or len(self.visits) < MOST_CHANNELS else OTHERS
            for c in path.channels
        ]
        self.visits.update(channels)
        walk = [START, *collapsed(channels), CONVERSION if path.converted else NOTHING]
        self.moves.update(itertools.pairwise(walk))
        if not path.converted:
            return
        self.conversions += 1
        self.value += path.value
        for rule, weights in rule_weights(path).items():
            for channel, weight in zip(channels, weights, strict=True):
                self.shares[rule][channel] += weight
                self.values[rule][channel] += weight * path.value

    def credit(self) -> list[dict[str, Any]]:
        """Of every channel, the most visited first: visits, and of every rule the conversions and
        the money that it is owed."""
        self._join_rare()
        effects = removal_effects(self.moves)
        total = sum(effects.values()) or 1.0
        for channel, effect in effects.items():
            self.shares["markov"][channel] = self.conversions * effect / total
            self.values["markov"][channel] = self.value * effect / total
        return [
            {
                "channel": channel, "visits": visits, "removal": effects.get(channel, 0.0),
                "conversions": {r: round(self.shares[r][channel], 3) for r in RULES},
                "value": {r: round(self.values[r][channel], 2) for r in RULES},
            }
            for channel, visits in self.visits.most_common()
        ]  # fmt: skip

    def _join_rare(self) -> None:
        """The channels beyond the most visited become one."""
        named = [c for c, _ in self.visits.most_common() if c != OTHERS]
        rare = set(named[SHOWN_CHANNELS:])
        if not rare:
            return
        kept: list[Any] = [self.visits, *self.shares.values(), *self.values.values()]
        for sums in kept:
            for channel in rare & sums.keys():
                sums[OTHERS] += sums.pop(channel)
        joined: Counter[tuple[str, str]] = Counter()
        for (one, other), n in self.moves.items():
            move = OTHERS if one in rare else one, OTHERS if other in rare else other
            if move[0] != move[1]:  # from one rare channel to another is no move
                joined[move] += n
        self.moves = joined


def rule_weights(path: Path) -> dict[str, list[float]]:
    """The share of each visit by each rule but Markov's; they sum to 1."""
    n = len(path.channels)
    halves = [0.5 ** (d / HALF_LIFE_DAYS) for d in path.days]
    return {
        "first": [1.0] + [0.0] * (n - 1), "last": [0.0] * (n - 1) + [1.0], "linear": [1 / n] * n,
        "decay": [h / (sum(halves) or 1.0) for h in halves], "position": _position(n),
    }  # fmt: skip


def _position(n: int) -> list[float]:
    if n <= 2:
        return [1 / n] * n
    return [0.4] + [0.2 / (n - 2)] * (n - 2) + [0.4]


def collapsed(channels: Iterable[str]) -> list[str]:
    """Without what repeats the one before."""
    found: list[str] = []
    for channel in channels:
        if not found or found[-1] != channel:
            found.append(channel)
    return found


def removal_effects(moves: Counter[tuple[str, str]]) -> dict[str, float]:
    """Of every channel, the share of conversions that is lost without it (0 to 1)."""
    channels = sorted({end for move in moves for end in move} - {START, CONVERSION, NOTHING})
    whole = _reaches(moves, channels, None)
    if not whole:
        return dict.fromkeys(channels, 0.0)
    return {c: 1 - _reaches(moves, channels, c) / whole for c in channels}


def _reaches(
    moves: Counter[tuple[str, str]], channels: Sequence[str], without: str | None
) -> float:
    """The chance to reach a conversion from the start; into `without` leads nothing."""
    states = [START, *(c for c in channels if c != without)]
    at = {state: i for i, state in enumerate(states)}
    inside, out = np.zeros((len(states), len(states))), np.zeros(len(states))
    totals: Counter[str] = Counter()
    for (source, _), n in moves.items():
        totals[source] += n
    for (source, target), n in moves.items():
        if source not in at:
            continue
        share = n / totals[source]
        if target == CONVERSION:
            out[at[source]] += share
        elif target in at:
            inside[at[source], at[target]] += share
    return float(np.linalg.solve(np.eye(len(states)) - inside, out)[0])
