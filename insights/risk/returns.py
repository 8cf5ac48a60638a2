"""What a campaign may bring before it is sent: draws from what earlier ones brought. Pure: numpy.

Each earlier campaign with a control group says what a person who was written to brought more than
one who was not, y with its error s. A random-effects model says how much such effects differ among
campaigns (Gelman and others, BDA3, ch. 5.4; a half-Cauchy prior on that spread):

    y_k ~ normal(theta_k, s_k)      theta_k ~ normal(mu, tau)      the new one ~ normal(mu, tau)

Net = people x effect x margin - cost; each draw has its own tau, mu, effect, and the chance of who
happens to buy. Value at risk is the loss that one campaign in twenty exceeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS, SEED, GRID, WORST = 20_000, 0, 400, 0.05
BARS = 30


@dataclass(frozen=True, slots=True)
class Effect:
    """Money a person more, its standard error, and how much one person's money varies."""

    mean: float
    error: float
    spread: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How many are written to, what it costs in all, and the share of money that is margin."""

    people: int
    cost: float
    margin: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """Draws of the net result (D,), in money, and what is read off them."""

    net: np.ndarray
    gain: np.ndarray  # money a person more (D,)
    cost: float

    @property
    def loss(self) -> float:
        """The probability of a loss."""
        return float((self.net < 0).mean())

    @property
    def at_risk(self) -> float:
        """The loss that one campaign in twenty exceeds; 0 where that one still gains."""
        return max(0.0, -float(np.quantile(self.net, WORST)))

    @property
    def shortfall(self) -> float:
        """What is lost on average where more than the value at risk is."""
        worst = np.sort(self.net)[: max(1, int(WORST * len(self.net)))]
        return max(0.0, -float(worst.mean()))

    def between(self, low: float = 0.05, high: float = 0.95) -> tuple[float, float, float]:
        """Net: a low, the middle and a high value."""
        found = np.quantile(self.net, [low, 0.5, high])
        return float(found[0]), float(found[1]), float(found[2])

    def roi(self) -> tuple[float, float, float] | None:
        """Net for each unit of cost: 5 %, middle, 95 %; None where it costs nothing."""
        if self.cost <= 0:
            return None
        low, middle, high = self.between()
        return low / self.cost, middle / self.cost, high / self.cost

    def bars(self) -> tuple[list[float], list[float]]:
        """The middle of each bar and the share of the draws in it; the outermost 0.5 % left out."""
        low, high = np.quantile(self.net, [0.005, 0.995])
        if high <= low:
            return [float(low)], [1.0]
        counts, edges = np.histogram(self.net, BARS, (float(low), float(high)))
        return ((edges[1:] + edges[:-1]) / 2).tolist(), (counts / len(self.net)).tolist()


def believed(effects: Sequence[Effect], draws: int = DRAWS, seed: int = SEED) -> np.ndarray:
    """Draws of what the next campaign brings a person more (D,). One effect alone says nothing of
    how campaigns differ: its own size stands for that."""
    rng = np.random.default_rng(seed)
    y = np.array([e.mean for e in effects])
    s = np.maximum([e.error for e in effects], 1e-9)
    scale = max(float(np.median(s)), float(np.abs(y).mean())) if len(y) < 3 else float(np.median(s))
    tau = np.linspace(0, 10 * max(scale, float(y.std())), GRID)
    variance = s[None, :] ** 2 + tau[:, None] ** 2
    weight = 1 / variance
    middle = (weight * y).sum(1) / weight.sum(1)
    width = 1 / weight.sum(1)
    log = (0.5 * np.log(width) - 0.5 * np.log(variance).sum(1)
           - 0.5 * (weight * (y - middle[:, None]) ** 2).sum(1)
           - np.log1p((tau / scale) ** 2))  # fmt: skip
    p = np.exp(log - log.max())
    at = rng.choice(GRID, draws, p=p / p.sum())
    mu = rng.normal(middle[at], np.sqrt(width[at]))
    found: np.ndarray = rng.normal(mu, tau[at])
    return found


def assumed(gain: float, unsure: float, draws: int = DRAWS, seed: int = SEED) -> np.ndarray:
    """Draws (D,) by what a person expects, where nothing was measured: `unsure` is one standard
    deviation."""
    found: np.ndarray = np.random.default_rng(seed).normal(gain, max(unsure, 0.0), draws)
    return found


def outlook(gain: np.ndarray, spread: float, plan: Plan, seed: int = SEED) -> Outlook:
    """What a plan may come to, by draws of the gain a person."""
    rng = np.random.default_rng(seed + 1)
    chance = rng.normal(0.0, spread * np.sqrt(max(plan.people, 0)), len(gain))
    net = plan.margin * (gain * plan.people + chance) - plan.cost
    return Outlook(net, gain, plan.cost)


def break_even(plan: Plan) -> float | None:
    """The money a person more at which it pays; None where nobody is written to or nothing is
    margin."""
    worth = plan.people * plan.margin
    return plan.cost / worth if worth > 0 else None
