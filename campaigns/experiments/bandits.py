"""Which arm, with what probability. Pure."""

from __future__ import annotations

import hashlib

import numpy as np
from scipy import special

GRID = 2_001


def draw_of(salt: str, unit: str) -> float:
    """A number in [0, 1) that is always the same for one salt and unit: the first 64 bits of
    SHA-256("salt:unit") over 2^64."""
    digest = hashlib.sha256(f"{salt}:{unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def choose(weights: dict[str, float], draw: float) -> str:
    """The arm whose slice of [0, 1) holds `draw`. Zero-weight arms are never chosen."""
    edge = 0.0
    chosen = ""
    for arm, weight in weights.items():
        if weight <= 0:
            continue
        chosen = arm
        edge += weight
        if draw < edge:
            return arm
    if not chosen:
        raise ValueError("No arm has a positive weight.")
    return chosen  # rounding left the draw above the last edge


def probability_best(successes: list[float], people: list[int]) -> list[float]:
    """P(arm has the highest rate) for Beta(1 + s, 1 + n - s) posteriors, by quadrature.

    P_i = integral f_i(x) prod_{j != i} F_j(x) dx. This is the long-run share that Thompson
    sampling gives an arm (Chapelle and Li 2011), here as a number that can be logged.
    """
    a = 1 + np.asarray(successes, dtype=float)
    b = 1 + np.asarray(people, dtype=float) - np.asarray(successes, dtype=float)
    if np.any(b < 1 - 1e-9):
        raise ValueError("An arm has more successes than people.")
    low = float(np.min(special.betaincinv(a, b, 1e-9)))
    high = float(np.max(special.betaincinv(a, b, 1 - 1e-9)))
    x = np.linspace(low, high, GRID)  # (G,)
    a, b = a[:, None], b[:, None]  # (A, 1)
    log_density = special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b)
    return _best(x, np.exp(log_density), special.betainc(a, b, x))


def probability_best_normal(means: list[float], errors: list[float]) -> list[float]:
    """The same for arms whose mean is about normal (money): N(mean, error^2)."""
    mean, error = np.asarray(means), np.maximum(np.asarray(errors), 1e-9)
    x = np.linspace(np.min(mean - 6 * error), np.max(mean + 6 * error), GRID)  # (G,)
    z = (x - mean[:, None]) / error[:, None]  # (A, G)
    density = np.exp(-(z**2) / 2) / (error[:, None] * np.sqrt(2 * np.pi))
    return _best(x, density, special.ndtr(z))


def _best(x: np.ndarray, densities: np.ndarray, cumulatives: np.ndarray) -> list[float]:
    """Quadrature over the grid x (G,) of densities and distribution functions, both (A, G)."""
    shares = []
    for i in range(len(densities)):
        others = np.prod(np.delete(cumulatives, i, axis=0), axis=0)  # (G,)
        shares.append(float(np.trapezoid(densities[i] * others, x)))
    total = sum(shares)
    return [share / total for share in shares]


def with_floor(weights: dict[str, float], floor: float) -> dict[str, float]:
    """No arm below `floor`; what is above it shrinks in proportion. Sums to 1.

    Exploration never ends, so a wrong early belief can be unlearned and every arm stays
    comparable. A floor above 1 / arms means an equal split.
    """
    arms = len(weights)
    if floor * arms >= 1:
        return {arm: 1 / arms for arm in weights}
    total = sum(weights.values())
    return {arm: floor + (1 - floor * arms) * w / total for arm, w in weights.items()}
