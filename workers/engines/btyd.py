"""Who will buy again, how often and for how much: BG/NBD and Gamma-Gamma.

Fader, Hardie, Lee 2005, "Counting your customers the easy way" (BG/NBD): a customer buys at a rate
that is gamma(r, alpha) over customers, and after each purchase leaves for good with a chance that
is beta(a, b). Fader, Hardie 2013, "The Gamma-Gamma model of monetary value": what a customer
spends on average is drawn toward what all spend, the less they bought the more.

Of each customer three numbers are enough, in any unit of time: repeat purchases x, the time t of
the last one and the time T seen, both since the first. Probabilities are per customer, (n,).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, hyp2f1

LEAST_PEOPLE, LEAST_REPEATERS = 100, 20
STARTS = ((1.0, 1.0, 1.0, 1.0), (0.3, 4.0, 0.8, 2.5), (2.0, 8.0, 0.3, 3.0))
RIDGE = 1e-6  # holds parameters that the data says nothing of


class TooLittle(ValueError):
    """There is too little to learn from."""


@dataclass(frozen=True, slots=True)
class History:
    """`x` repeat purchases (n,), `t` when the last was and `seen` until when, since the first; 0
    where there was none. `many` (n,) how many customers each row stands for."""

    x: np.ndarray
    t: np.ndarray
    seen: np.ndarray
    many: np.ndarray | None = None

    def __post_init__(self) -> None:
        if (self.x < 0).any() or (self.t < 0).any() or (self.t > self.seen).any():
            raise ValueError("Repeat purchases and times are 0 or more, and t is at most T.")


@dataclass(frozen=True, slots=True)
class Buying:
    """BG/NBD: `loss` is the negative log likelihood of all customers together."""

    r: float
    alpha: float
    a: float
    b: float
    loss: float

    def alive(self, of: History) -> np.ndarray:
        """The probability that a customer has not left (n,)."""
        gone = (self.a / (self.b + np.maximum(of.x, 1) - 1)
                * ((self.alpha + of.seen) / (self.alpha + of.t)) ** (self.r + of.x))  # fmt: skip
        found: np.ndarray = 1 / (1 + np.where(of.x > 0, gone, 0.0))
        return found

    def buys(self, of: History, ahead: float) -> np.ndarray:
        """The probability of at least one purchase within the time ahead (n,)."""
        none = ((self.alpha + of.seen) / (self.alpha + of.seen + ahead)) ** (self.r + of.x)
        found: np.ndarray = self.alive(of) * (1 - none)
        return found

    def expected(self, of: History, ahead: float) -> np.ndarray:
        """How many purchases are expected within the time ahead (n,)."""
        r, alpha, a, b, x = self.r, self.alpha, self.a, self.b, of.x
        a = a if abs(a - 1) > 1e-6 else a + 1e-6
        z = ahead / (alpha + of.seen + ahead)
        left = ((alpha + of.seen) / (alpha + of.seen + ahead)) ** (r + x)
        inner = 1 - left * hyp2f1(r + x, b + x, a + b + x - 1, z)
        told = (a + b + x - 1) / (a - 1) * inner * self.alive(of)
        found: np.ndarray = np.maximum(told, 0.0)
        return found


def fit_buying(of: History) -> Buying:
    """By maximum likelihood. Raises TooLittle in words."""
    weights = np.ones(len(of.x)) if of.many is None else of.many
    people, again = float(weights.sum()), float(weights[of.x > 0].sum())
    if people < LEAST_PEOPLE or again < LEAST_REPEATERS:
        raise TooLittle(f"{again:.0f} of {people:.0f} customers bought again; it takes "
                        f"{LEAST_PEOPLE} customers, {LEAST_REPEATERS} of them twice.")  # fmt: skip
    scale = float(of.seen.max()) / 40 or 1.0  # a unit in which the starting points make sense
    t, seen = of.t / scale, of.seen / scale

    def cost(v: np.ndarray) -> float:
        told = float((weights * _likelihood(np.exp(v), of.x, t, seen)).sum())
        return -told / people + RIDGE * float((v**2).sum())

    best = min(
        (minimize(cost, np.log(start), method="L-BFGS-B", bounds=[(-10, 10)] * 4)
         for start in STARTS), key=lambda one: float(one.fun),
    )  # fmt: skip
    r, alpha, a, b = (float(v) for v in np.exp(best.x))
    loss = -float((weights * _likelihood(np.array([r, alpha * scale, a, b]), of.x, of.t,
                                         of.seen)).sum())  # fmt: skip
    return Buying(r, alpha * scale, a, b, loss)


def _likelihood(v: np.ndarray, x: np.ndarray, t: np.ndarray, seen: np.ndarray) -> np.ndarray:
    r, alpha, a, b = v
    first = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    second = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    stayed = -(r + x) * np.log(alpha + seen)
    left = np.where(
        x > 0, np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t), -np.inf
    )
    found: np.ndarray = first + second + np.logaddexp(stayed, left)
    return found


@dataclass(frozen=True, slots=True)
class Spending:
    """Gamma-Gamma."""

    p: float
    q: float
    v: float

    def expected(self, x: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """What a customer spends on average (n,), of x purchases (repeats) with this mean; what all
        spend where there was none."""
        x = np.asarray(x, dtype=float)
        mean = np.where(x > 0, mean, 0.0)
        found: np.ndarray = self.p * (self.v + x * mean) / (self.p * x + self.q - 1)
        return found


def fit_spending(x: np.ndarray, mean: np.ndarray) -> Spending:
    """By maximum likelihood, on customers with a purchase that cost something."""
    kept = (x > 0) & (mean > 0)
    if kept.sum() < LEAST_REPEATERS:
        raise TooLittle(f"{int(kept.sum())} customers spent something; it takes "
                        f"{LEAST_REPEATERS}.")  # fmt: skip
    x, m = x[kept].astype(float), mean[kept]
    unit = float(np.median(m))

    def cost(w: np.ndarray) -> float:
        p, q, v = np.exp(w[0]), 1 + np.exp(w[1]), np.exp(w[2])
        px, z = p * x, m / unit
        told = (gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(v) + (px - 1) * np.log(z)
                + px * np.log(x) - (px + q) * np.log(x * z + v))  # fmt: skip
        return -float(told.mean()) + RIDGE * float((w**2).sum())

    best = min((minimize(cost, np.array(start), method="L-BFGS-B", bounds=[(-8, 8)] * 3)
                for start in ((1.0, 1.0, 0.0), (0.0, 0.0, 0.0), (2.0, 1.0, 1.0))),
               key=lambda one: float(one.fun))  # fmt: skip
    p, q, v = best.x
    return Spending(float(np.exp(p)), float(1 + np.exp(q)), float(np.exp(v)) * unit)


def apart(x: np.ndarray, mean: np.ndarray) -> float:
    """How far how often and how much go together (correlation over customers who came back): the
    two models take them for independent."""
    kept = (x > 0) & (mean > 0)
    if kept.sum() < 3 or not x[kept].std() or not mean[kept].std():
        return 0.0
    return float(np.corrcoef(x[kept], mean[kept])[0, 1])
