"""A market whose best policy is known: people who come to want something, buy, and tire of mail.

    want 0-3   rises by itself with chance .25, a purchase satisfies it (0)
    tired 0-4  rises with every message, falls with chance .5 where nothing is sent; at 4 one may leave
    actions    wait · mail (cheap) · offer (a discount: sells more, costs margin) · call (dear)

A purchase is likelier the more one wants and the less one is tired. Everything is in tables, so the
value of a policy and the best policy come from linear equations and value iteration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from campaigns.strategy.learning import Rounds

WANT, TIRED = 4, 5
ACTIONS = ("wait", "mail", "offer", "call")
LIFT = np.array([0.0, 0.16, 0.30, 0.42])  # by which a message makes a purchase likelier
MARGIN = np.array([10.0, 10.0, 6.0, 10.0])
COST = np.array([0.0, 0.1, 0.15, 1.0])
TIRES = np.array([0.0, 0.5, 0.5, 0.8])
GAMMA = 0.95
FEATURES = ("context:want", "context:tired")


@dataclass(frozen=True, slots=True)
class Market:
    """`after` (S, K, 2, S) the chances of the next state without and with a purchase, the rest of
    each row is leaving; `chances` (S, K, S) over both; `rewards` (S, K) expected; `buys` (S, K)
    the chance of a purchase."""

    after: np.ndarray
    chances: np.ndarray
    rewards: np.ndarray
    buys: np.ndarray
    start: np.ndarray

    @property
    def states(self) -> int:
        return len(self.rewards)


def numbered(want: int, tired: int) -> int:
    return want * TIRED + tired


def parted(state: int) -> tuple[int, int]:
    """(want, tired)"""
    return divmod(int(state), TIRED)


def market() -> Market:
    states, actions = WANT * TIRED, len(ACTIONS)
    after = np.zeros((states, actions, 2, states))
    rewards = np.zeros((states, actions))
    buys = np.zeros((states, actions))
    for state in range(states):
        want, tired = parted(state)
        for action in range(actions):
            fresh = 1 - tired / TIRED
            buy = 0.01 + 0.03 * want + LIFT[action] * fresh * (0.3 + 0.35 * want)
            buys[state, action] = buy
            rewards[state, action] = buy * MARGIN[action] - COST[action]
            leave = 0.15 if tired == TIRED - 1 and action else 0.005
            for bought in (False, True):
                _move(after[state, action, int(bought)], want, tired, action, bought, 1 - leave)
    chances = (1 - buys[..., None]) * after[:, :, 0] + buys[..., None] * after[:, :, 1]
    start = np.zeros(states)
    start[[numbered(w, 0) for w in range(WANT)]] = 1 / WANT
    return Market(after, chances, rewards, buys, start)


def _move(
    into: np.ndarray, want: int, tired: int, action: int, bought: bool, chance: float
) -> None:  # fmt: skip
    wants = [(0, 1.0)] if bought else [(min(WANT - 1, want + 1), 0.25), (want, 0.75)]
    if action:
        tires = [(min(TIRED - 1, tired + 1), TIRES[action]), (tired, 1 - TIRES[action])]
    else:
        tires = [(max(0, tired - 1), 0.5), (tired, 0.5)]
    for w, pw in wants:
        for t, pt in tires:
            into[numbered(w, t)] += chance * pw * pt


def worth(of: Market, shares: np.ndarray) -> float:
    """The expected discounted return of a policy (S, K) from a new customer, exactly."""
    rewards = (shares * of.rewards).sum(1)
    chances = np.einsum("sk,skt->st", shares, of.chances)
    values = np.linalg.solve(np.eye(of.states) - GAMMA * chances, rewards)
    return float(of.start @ values)


def best(of: Market) -> np.ndarray:
    """The best policy (S, K), by value iteration."""
    values = np.zeros(of.states)
    for _ in range(2_000):
        q = of.rewards + GAMMA * of.chances @ values
        values = q.max(1)
    return np.eye(len(ACTIONS))[q.argmax(1)]


def mediocre(of: Market) -> np.ndarray:
    """What a team without a model does: mails nearly always, sometimes an offer, seldom rests."""
    return np.tile([0.15, 0.5, 0.25, 0.1], (of.states, 1))


def described(states: np.ndarray) -> list[dict[str, Any]]:
    """What a policy is told of a customer."""
    return [{FEATURES[0]: f"w{w}", FEATURES[1]: f"t{t}"} for w, t in map(parted, states)]


class KnownMarket:
    """The market as dynamics (workers.engines.marketing_env): states are those of the tables."""

    def __init__(self, of: Market) -> None:
        self.of, self.actions, self.width = of, len(ACTIONS), WANT + TIRED
        self.x = np.zeros((of.states, self.width), dtype=np.float32)
        for state in range(of.states):
            want, tired = parted(state)
            self.x[state, [want, WANT + tired]] = 1.0
        self.edges = of.after.cumsum(3)

    def begin(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return rng.choice(self.of.states, size=n, p=self.of.start)

    def seen(self, states: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.x[states]
        return found

    def may(self, states: np.ndarray) -> np.ndarray:
        return np.ones((len(states), self.actions), dtype=bool)

    def move(
        self, states: np.ndarray, actions: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        bought = rng.random(len(states)) < self.of.buys[states, actions]
        edges = self.edges[states, actions, bought.astype(int)]
        draw = rng.random(len(states))[:, None]
        after = np.where(draw[:, 0] < edges[:, -1], (edges > draw).argmax(1), -1)
        return bought * MARGIN[actions] - COST[actions], after


def logged(of: Market, shares: np.ndarray, *, people: int, most: int, seed: int) -> Rounds:
    """What a policy (S, K) logs of new customers, a decision a day, at most `most` of each."""
    rng = np.random.default_rng(seed)
    dynamics = KnownMarket(of)
    who, states = np.arange(people), dynamics.begin(people, rng)
    told: list[Sequence[np.ndarray]] = []
    for day in range(most):
        draws = rng.random((len(who), 1))
        actions = (shares[states].cumsum(1) > draws).argmax(1)
        rewards, after = dynamics.move(states, actions, rng)
        told.append((who, states, actions, rewards, np.full(len(who), (most - day) * 24.0)))
        who, states = who[after >= 0], after[after >= 0]
    who, states, actions, rewards, ages = (np.concatenate(part) for part in zip(*told, strict=True))
    n = len(who)
    return Rounds(
        ACTIONS, described(states), actions, rewards, shares[states, actions],
        np.ones((n, len(ACTIONS)), dtype=bool), who.astype(str), ages, 24.0, np.full(n, np.nan),
        shares[states],
    )  # fmt: skip
