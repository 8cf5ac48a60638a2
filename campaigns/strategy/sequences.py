"""A log as what happened to each person, one decision after another. Pure.

The return of a decision is r_0 + g^e1 r_1 + g^e2 r_2 + ..., with g the discount and e the time
since in steps (the hours after which a policy decides anew): who comes back later counts for less.
A reward belongs to the last decision before it.

A sequence ends where a person stayed away for longer than nearly everybody who came back, and the
time to be rewarded is over. One that merely goes on is cut: its last decision teaches nothing,
since what follows it is not known yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from campaigns.strategy.learning import Rounds

USUAL = 0.95  # of the returns happened within the time after which a person counts as gone
LONGEST = 400  # decisions of one person that are learned from, the newest


@dataclass(frozen=True, slots=True)
class Paths:
    """Of the n rounds of a log: `after` (n,) the round that came next for the same person (-1:
    none), `steps` (n,) the time until then, `first` (n,) whether it is a person's first, `ended`
    (n,) whether nothing came after it, `known` (n,) whether it can be learned from: its reward and
    what followed are settled; `order` (n,) the rounds person by person, each oldest first."""

    after: np.ndarray
    steps: np.ndarray
    first: np.ndarray
    ended: np.ndarray
    known: np.ndarray
    order: np.ndarray


def paths(rounds: Rounds, hours: float) -> Paths:
    """How the rounds of a log follow each other; `hours` make one step."""
    n = len(rounds)
    person = np.unique(rounds.units, return_inverse=True)[1] if n else np.zeros(0, dtype=int)
    order = np.lexsort((-rounds.ages, person))  # of each person the oldest first
    same = person[order][1:] == person[order][:-1]
    after = np.full(n, -1)
    after[order[:-1][same]] = order[1:][same]
    first = np.ones(n, dtype=bool)
    first[order[1:][same]] = False
    has = after >= 0
    steps = np.ones(n)
    dated = np.isfinite(rounds.ages)
    ages = np.where(dated, rounds.ages, 0.0)  # an imported log has an order, but no times
    between = ages[has] - ages[after[has]]
    steps[has] = np.maximum(1.0, between / max(hours, 1e-9))
    away = float(np.quantile(between, USUAL)) if has.any() else 0.0
    ended = ~has & rounds.over & (rounds.ages > max(rounds.window, away))
    newest = np.zeros(n, dtype=int)
    newest[order] = _from_the_end(person[order])
    return Paths(after, steps, first, ended, (has | ended) & (newest < LONGEST), order)


def _from_the_end(groups: np.ndarray) -> np.ndarray:
    """Of sorted groups (n,): how many of its own follow each."""
    n = len(groups)
    ends = np.searchsorted(groups, groups, side="right") if n else np.zeros(0, dtype=int)
    found: np.ndarray = ends - np.arange(n) - 1
    return found


def returns(rounds: Rounds, found: Paths, discount: float) -> np.ndarray:
    """What followed each round, discounted (n,): as far as the log goes."""
    total = rounds.rewards.astype(float).copy()
    for i in found.order[::-1]:  # of each person the newest first
        j = found.after[i]
        if j >= 0:
            total[i] += discount ** found.steps[i] * total[j]
    return total
