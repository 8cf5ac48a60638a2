"""What a policy would have earned, told from the log of another. Pure.

n rounds, K actions; w = target(a|x) / logged(a|x), q(x, a) a model of the reward that did not see
the round (cross-fitted), q_t(x) its mean under the target.

    DM      q_t                                   no variance of weights, the bias of the model
    IPS     w r                                   no bias, all the variance of the weights
    SNIPS   w r / mean(w)                         Swaminathan and Joachims 2015
    DR      q_t + w (r - q)                       Dudik et al. 2011; either of the two may be wrong
    Switch  as DR where w <= tau, else q_t        Wang et al. 2017
    DRos    as DR with l w / (w^2 + l)            Su et al. 2020, optimistic shrinkage

tau and l are those whose mean squared error is least by its own estimate: the variance, and the
square of the largest bias that the log does not rule out. Intervals are of 95 %, corrected for
skewness (Hall 1992: rewards are rare, so means lean to the right), and widened by that bias.
Rounds of one person belong together (`units`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Z = 1.959964
NAMES = ("dm", "ips", "snips", "dr", "switch", "dros")
GRID = 24  # values of tau or lambda that are tried


@dataclass(frozen=True, slots=True)
class Log:
    """Rounds as they were logged: `actions` (n,), `rewards` (n,), the `propensities` (n,) of what
    was chosen, the `target` (n, K) to be judged, the reward `model` (n, K), and whose round it was
    (`units` (n,), None: each its own)."""

    actions: np.ndarray
    rewards: np.ndarray
    propensities: np.ndarray
    target: np.ndarray
    model: np.ndarray
    units: np.ndarray | None = None

    def __post_init__(self) -> None:
        n, k = self.target.shape
        if not n == len(self.actions) == len(self.rewards) == len(self.propensities):
            raise ValueError("Actions, rewards and propensities differ in length.")
        if self.model.shape != (n, k):
            raise ValueError("The reward model does not cover every round and action.")
        if n and not (self.propensities.min() > 0 and self.propensities.max() <= 1):
            raise ValueError("A propensity is not a probability above 0.")
        if n and np.abs(self.target.sum(1) - 1).max() > 1e-6:
            raise ValueError("The target's probabilities do not sum to 1.")

    @property
    def weights(self) -> np.ndarray:
        """(n,)"""
        found: np.ndarray = self.target[np.arange(len(self.actions)), self.actions]
        return found / self.propensities

    @property
    def expected(self) -> np.ndarray:
        """The model's reward under the target (n,)."""
        found: np.ndarray = (self.target * self.model).sum(1)
        return found

    @property
    def residuals(self) -> np.ndarray:
        """What the model did not foresee of the rewards (n,)."""
        return self.rewards - self.model[np.arange(len(self.actions)), self.actions]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The value of the target by one estimator, with its 95 % interval and what it chose for its
    parameter; `error` is its root mean squared error by its own estimate."""

    name: str
    value: float
    low: float
    high: float
    error: float
    parameter: float | None = None


def estimates(log: Log) -> dict[str, Estimate]:
    """The value of the target by every estimator."""
    return {name: estimate(log, name) for name in NAMES}


def estimate(log: Log, name: str) -> Estimate:
    scores, bias, parameter = scored(log, name)
    value, low, high = interval(scores, log.units)
    error = float(np.hypot((high - low) / (2 * Z), bias))
    return Estimate(name, value, low - bias, high + bias, error, parameter)


def scored(log: Log, name: str) -> tuple[np.ndarray, float, float | None]:
    """Rounds (n,) whose mean is the estimate, the bound of its bias, and its parameter. Of SNIPS
    they are the value and the influence of each round on it."""
    w, q, left = log.weights, log.expected, log.residuals
    if name == "dm":  # how far the model may be off, as far as the log can tell
        return q, _bias(w * left, log.units), None
    if name == "ips":
        return w * log.rewards, 0.0, None
    if name == "snips":
        whole = w.mean() or 1.0
        value = (w * log.rewards).mean() / whole
        return value + w * (log.rewards - value) / whole, 0.0, None
    if name == "dr":
        return q + w * left, 0.0, None
    shrink, tries = _shrinking(name, w)
    best = min(
        ((*_tried(w, q, left, shrink(v), log.units), v) for v in tries), key=lambda row: row[0]
    )
    return best[1], best[2], float(best[3])


def _shrinking(name: str, w: np.ndarray) -> tuple[Callable[[float], np.ndarray], np.ndarray]:
    """The weights by parameter, and the parameters to try."""
    top = max(float(w.max(initial=0.0)), 1e-9)
    if name == "switch":
        tries = np.unique(np.quantile(w, np.linspace(0.5, 1, GRID))) if len(w) else np.ones(1)
        return lambda tau: np.where(w <= tau, w, 0.0), tries
    if name == "dros":
        tries = np.geomspace(max(top / 100, 1e-3), 100 * top**2, GRID)
        return lambda weight: weight * w / (w**2 + weight), tries
    raise ValueError(f"There is no estimator “{name}”.")


def _tried(
    w: np.ndarray, q: np.ndarray, left: np.ndarray, kept: np.ndarray, units: np.ndarray | None
) -> tuple[float, np.ndarray, float]:
    """(mean squared error, rounds, bias): the bias is what the cut weights carried."""
    scores = q + kept * left
    bias = _bias((w - kept) * left, units)
    return float(scores.var() / max(1, len(w)) + bias**2), scores, bias


def _bias(lost: np.ndarray, units: np.ndarray | None) -> float:
    """Of what is left out, (n,): the largest mean that 95 % of logs like this one allow."""
    _, low, high = interval(lost, units)
    return max(abs(low), abs(high))


def interval(scores: np.ndarray, units: np.ndarray | None = None) -> tuple[float, float, float]:
    """(mean, low, high) of rounds (n,), those of a unit together; 95 %, corrected for skewness."""
    n = len(scores)
    if n < 2:
        value = float(scores.mean()) if n else 0.0
        return value, -np.inf, np.inf
    value = float(scores.mean())
    apart = scores - value
    if units is not None:
        apart = np.bincount(np.unique(units, return_inverse=True)[1], weights=apart).astype(float)
    m = len(apart)
    spread = float(np.sqrt((apart**2).sum())) / n * np.sqrt(m / max(1, m - 1))
    if spread == 0:
        return value, value, value
    skew = float((apart**3).mean() / (apart**2).mean() ** 1.5)
    return value, value - _hall(Z, skew, m) * spread, value - _hall(-Z, skew, m) * spread


def _hall(z: float, skew: float, n: int) -> float:
    """The quantile of the studentized mean of n skewed values (Hall 1992, inverse of his cubic)."""
    a = skew / np.sqrt(n)
    if abs(a) < 1e-9:
        return z
    inner = 1 + a * (z - a / 6)
    return float(3 / a * (np.cbrt(inner) - 1))
