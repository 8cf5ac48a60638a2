"""What a bandit believes of its arms: a prior learned elsewhere, updated by its own counts. Pure.

Arm k converts at the rate exp(theta_k), theta_k = level + offset_k + N(0, sd_k^2), with a common
level about which little is known. The posterior is a Laplace approximation of the Poisson
likelihood (Newton in closed form: diagonal plus rank one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Vector = NDArray[np.float64]

GRID = 801
SHARPNESS = 0.5  # of the spread that is played; less exploring, because the prior has explored
LEVELS, LEVEL_WEIGHTS = np.polynomial.hermite_e.hermegauss(9)


@dataclass(frozen=True, slots=True)
class ArmPrior:
    """Prior of the arms of one test on the log rate: level + offset_k + N(0, sd_k^2)."""

    offsets: Vector  # (k,)
    sd: Vector  # (k,)
    level_mean: float
    level_variance: float

    def stored(self, arms: list[str]) -> dict[str, Any]:
        """As JSON, by the arms' keys."""
        own = zip(arms, self.offsets.tolist(), self.sd.tolist(), strict=True)
        return {
            "arms": {arm: {"offset": offset, "sd": sd} for arm, offset, sd in own},
            "level": {"mean": self.level_mean, "variance": self.level_variance},
        }

    @classmethod
    def of(cls, value: dict[str, Any], arms: list[str]) -> ArmPrior:
        """The stored prior for these arms, in their order."""
        own = [value["arms"][arm] for arm in arms]
        return cls(
            offsets=np.array([arm["offset"] for arm in own]),
            sd=np.array([arm["sd"] for arm in own]),
            level_mean=value["level"]["mean"],
            level_variance=value["level"]["variance"],
        )


@dataclass(frozen=True, slots=True)
class ArmPosterior:
    """Normal posterior of the log rates, covariance diag(diagonal) + common common'."""

    mean: Vector  # (k,)
    diagonal: Vector  # (k,)
    common: Vector  # (k,)


def posterior(
    *, prior: ArmPrior, clicks: Vector, impressions: Vector, iterations: int = 20
) -> ArmPosterior:
    """Laplace posterior of the log rates of one test; clicks and impressions (k,).

    The prior precision is diag(p) - a pp', p_k = 1 / sd_k^2, a = S / (1 + S sum p), S the level
    variance.  With D = diag(n exp(theta) + p) the Newton step is (D - a pp')^-1 gradient, and by
    Sherman-Morrison (D - a pp')^-1 = D^-1 + a (D^-1 p)(D^-1 p)' / (1 - a p'D^-1 p).
    """
    precision = 1.0 / prior.sd**2
    coupling = prior.level_variance / (1.0 + prior.level_variance * precision.sum())
    centre = prior.level_mean + prior.offsets
    mean = centre.copy()
    for _ in range(iterations):
        expected = impressions * np.exp(mean)
        error = mean - centre
        gradient = clicks - expected - precision * (error - coupling * (precision @ error))
        scaled = precision / (expected + precision)
        shrink = 1.0 - coupling * (precision @ scaled)
        step = gradient / (expected + precision)
        step += scaled * (coupling * (scaled @ gradient) / shrink)
        mean = mean + np.clip(step, -1.0, 1.0)
    diagonal = 1.0 / (impressions * np.exp(mean) + precision)
    scaled = precision * diagonal
    common = scaled * np.sqrt(coupling / (1.0 - coupling * (precision @ scaled)))
    return ArmPosterior(mean=mean, diagonal=diagonal, common=common)


def expected(stored: dict[str, Any]) -> dict[str, tuple[float, float, float]]:
    """Of each arm the rate that a stored prior expects, relative to the arms' average, and its
    95 % interval: (0.1, -0.2, 0.5) is 10 % more, between 20 % less and 50 % more."""
    return {
        arm: (
            float(np.expm1(one["offset"])),
            float(np.expm1(one["offset"] - 1.96 * one["sd"])),
            float(np.expm1(one["offset"] + 1.96 * one["sd"])),
        )
        for arm, one in stored.get("arms", {}).items()
    }


def probability_best(*, belief: ArmPosterior, sharpness: float = SHARPNESS) -> Vector:
    """P(arm k has the highest rate) (k,), the spread of the belief multiplied by `sharpness`:
    1 is the share that Thompson sampling gives in the long run, 0 the best mean alone.

    Given the common part z, the arms are independent N(mean_k + common_k z, diagonal_k); z is
    integrated by Gauss-Hermite quadrature, the arms over a grid.
    """
    error = np.sqrt(belief.diagonal) * sharpness  # (k,)
    total = np.zeros_like(belief.mean)
    for level, weight in zip(LEVELS, LEVEL_WEIGHTS / LEVEL_WEIGHTS.sum(), strict=True):
        mean = belief.mean + sharpness * level * belief.common
        x = np.linspace((mean - 6 * error).min(), (mean + 6 * error).max(), GRID)
        z = (x - mean[:, None]) / error[:, None]  # (k, G)
        density = np.exp(-(z**2) / 2) / error[:, None]
        below = special.log_ndtr(z)
        others = np.exp(below.sum(axis=0) - below)  # (k, G)
        shares = np.trapezoid(density * others, x, axis=1)
        total += weight * shares / shares.sum()
    return total / total.sum()
