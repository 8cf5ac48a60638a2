"""A market to rehearse in: a Gymnasium environment of one customer, decided for step by step.

`MarketingEnv` runs any `Dynamics`. `LoggedMarket` is fitted to a workspace's own log: whoever is in
a state like this one and gets that action fares as one of those did who were in such a state and
got it (kernel-based, Ormoneit and Sen 2002), so nothing happens that did not happen. It tells only
about what the log tried; whether a policy may go live is for the gate to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium
import numpy as np

from workers.engines.offline_q import Steps

NEIGHBOURS = 12
MOST = 6_000  # rounds of an action that are remembered, the newest


class Dynamics(Protocol):
    """States are numbers of a kind of their own; all calls are of n customers at once."""

    width: int
    actions: int

    def begin(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """The states of n new customers (n,)."""
        ...

    def seen(self, states: np.ndarray) -> np.ndarray:
        """What is known of them (n, width), float32."""
        ...

    def may(self, states: np.ndarray) -> np.ndarray:
        """Which actions they may get (n, actions)."""
        ...

    def move(
        self, states: np.ndarray, actions: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The rewards (n,) and the next states (n,), -1 for who left."""
        ...


class LoggedMarket:
    """Fitted to a log; a state is the number of one of its decisions."""

    def __init__(self, steps: Steps, first: np.ndarray) -> None:
        """`first` (n,) are the decisions that were a person's first."""
        self.steps = steps
        self.width, self.actions = steps.x.shape[1], steps.eligible.shape[1]
        known = steps.known & (steps.after >= -1)
        self.pools = [
            np.flatnonzero(known & (steps.actions == a))[-MOST:] for a in range(self.actions)
        ]
        self.starts = np.flatnonzero(first & known)
        if not len(self.starts):
            raise ValueError("No customer's first decision has known consequences.")
        self.x = steps.x.astype(np.float32)
        self.squares = (self.x**2).sum(1)

    def begin(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return rng.choice(self.starts, size=n)

    def seen(self, states: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.x[states]
        return found

    def may(self, states: np.ndarray) -> np.ndarray:
        """Of what was tried at all."""
        tried = np.array([len(pool) > 0 for pool in self.pools])
        found: np.ndarray = self.steps.eligible[states] & tried
        return found

    def move(
        self, states: np.ndarray, actions: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        like = np.empty(len(states), dtype=int)
        for a in np.unique(actions):
            own = actions == a
            pool = self.pools[a]
            if not len(pool):
                raise ValueError(f"The log never did action {a}.")
            like[own] = self._alike(states[own], pool, rng)
        return self.steps.rewards[like], self.steps.after[like]

    def _alike(
        self, states: np.ndarray, pool: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:  # fmt: skip
        """One of the nearest decisions of the pool for each state (n,), any of them as likely."""
        near = min(NEIGHBOURS, len(pool))
        far = self.squares[pool] - 2 * self.x[states] @ self.x[pool].T  # (n, P) but for a constant
        far += rng.random(far.shape, dtype=np.float32) * 1e-4  # equals in no order
        nearest = np.argpartition(far, near - 1, axis=1)[:, :near]
        found: np.ndarray = pool[
            nearest[np.arange(len(states)), rng.integers(near, size=len(states))]
        ]
        return found


class MarketingEnv(gymnasium.Env[np.ndarray, Any]):
    """One customer for at most `most` decisions. An action that may not be done becomes the first
    that may; `info["action"]` says which was done, `info["may"]` which may be done next."""

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(self, dynamics: Dynamics, most: int = 30) -> None:
        self.dynamics, self.most = dynamics, most
        self.observation_space = gymnasium.spaces.Box(
            -np.inf, np.inf, (dynamics.width,), dtype=np.float32
        )
        self.action_space = gymnasium.spaces.Discrete(dynamics.actions)
        self.state = np.zeros(1, dtype=int)
        self.passed = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.state, self.passed = self.dynamics.begin(1, self.np_random), 0
        return self.dynamics.seen(self.state)[0], {"may": self.dynamics.may(self.state)[0]}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        may = self.dynamics.may(self.state)[0]
        done = int(action) if may[int(action)] else int(may.argmax())
        rewards, after = self.dynamics.move(self.state, np.array([done]), self.np_random)
        self.passed += 1
        gone = bool(after[0] < 0)
        self.state = self.state if gone else after
        info = {"action": done, "may": self.dynamics.may(self.state)[0]}
        seen = self.dynamics.seen(self.state)[0]
        return seen, float(rewards[0]), gone, self.passed >= self.most, info


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The discounted return of a customer: mean and its standard error."""

    value: float
    error: float
    people: int


def rehearse(
    dynamics: Dynamics, shares: Callable[[np.ndarray, np.ndarray], np.ndarray], *, discount: float,
    people: int = 1_000, most: int = 30, seed: int = 0,
) -> Rehearsed:  # fmt: skip
    """Let a policy decide for many customers at once: `shares` takes what is seen (n, d) and what
    may be done (n, K), and gives probabilities (n, K)."""
    rng = np.random.default_rng(seed)
    states = dynamics.begin(people, rng)
    alive = np.arange(people)
    total = np.zeros(people)
    for step in range(most):
        if not len(alive):
            break
        p = shares(dynamics.seen(states), dynamics.may(states))
        draws = rng.random((len(alive), 1)) * p.sum(1, keepdims=True)
        actions = (p.cumsum(1) > draws).argmax(1)
        rewards, states = dynamics.move(states, actions, rng)
        total[alive] += discount**step * rewards
        alive, states = alive[states >= 0], states[states >= 0]
    return Rehearsed(float(total.mean()), float(total.std() / np.sqrt(people)), people)
