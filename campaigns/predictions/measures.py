"""How good probabilities are, and how far a world moved from the one they were learned in. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from campaigns.tuning.lessons import wilson

BINS = 10
Z = 1.959964
SETTLED, MOVED = 0.1, 0.25  # the usual reading of a population stability index


@dataclass(frozen=True, slots=True)
class Quality:
    """Of n probabilities with their outcomes: the area under the ROC curve with its standard error
    (Hanley and McNeil 1982), log loss beside that of the base rate, and the expected calibration
    error over ten bins of as many people."""

    n: int
    hits: int
    auc: float
    auc_error: float
    loss: float
    base_loss: float
    calibration: float


def quality(p: np.ndarray, y: np.ndarray) -> Quality:
    """p (n,) probabilities, y (n,) 0 or 1; both outcomes must occur."""
    hits, n = int(y.sum()), len(y)
    if not 0 < hits < n:
        raise ValueError("All outcomes are alike.")
    ranks = rankdata(p)
    area = (ranks[y == 1].sum() - hits * (hits + 1) / 2) / (hits * (n - hits))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = (area * (1 - area) + (hits - 1) * (q1 - area**2) + (n - hits - 1) * (q2 - area**2)) / (
        hits * (n - hits)
    )  # fmt: skip
    told = bins(p, y)
    off = sum(b["n"] * abs(b["foretold"] - b["happened"]) for b in told) / n
    base = np.full(n, hits / n)
    return Quality(n, hits, float(area), float(max(0.0, spread)) ** 0.5, _loss(p, y),
                   _loss(base, y), off)  # fmt: skip


def _loss(p: np.ndarray, y: np.ndarray) -> float:
    kept = p.clip(1e-6, 1 - 1e-6)
    return float(-(y * np.log(kept) + (1 - y) * np.log(1 - kept)).mean())


def bins(p: np.ndarray, y: np.ndarray, many: int = BINS) -> list[dict[str, float]]:
    """Groups of as many people by rising probability: what was foretold, what happened, with the
    95 % interval of Wilson."""
    order = np.argsort(p, kind="stable")
    found = []
    for own in np.array_split(order, min(many, len(p))):
        low, high = wilson(int(y[own].sum()), len(own))
        found.append({"n": len(own), "foretold": float(p[own].mean()),
                      "happened": float(y[own].mean()), "low": low, "high": high})  # fmt: skip
    return found


def lift(p: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    """Of the first tenth, two tenths, ... by probability: (share of people, share of all who did
    it)."""
    hits = y[np.argsort(-p, kind="stable")].cumsum()
    total = max(1, int(hits[-1]))
    at = [max(1, round(len(p) * k / BINS)) for k in range(1, BINS + 1)]
    return [(k / BINS, float(hits[n - 1]) / total) for k, n in enumerate(at, start=1)]


def moved(before: np.ndarray, now: np.ndarray) -> float:
    """Population stability index of one column (numbers, NaN is a kind of its own; or kinds)."""
    if before.dtype.kind == "f":
        known = before[np.isfinite(before)]
        inner = np.linspace(0, 1, BINS + 1)[1:-1]
        edges = np.unique(np.quantile(known, inner)) if len(known) else np.zeros(0)
        then, here = (_counts(column, edges) for column in (before, now))
    else:
        at, codes = np.unique(np.concatenate([before, now]).astype(str), return_inverse=True)
        then, here = (
            np.bincount(own, minlength=len(at)).astype(float)
            for own in (codes[: len(before)], codes[len(before) :])
        )
    p, q = ((c + 0.5) / (c.sum() + 0.5 * len(c)) for c in (then, here))
    return float(((q - p) * np.log(q / p)).sum())


def _counts(column: np.ndarray, edges: np.ndarray) -> np.ndarray:
    known = np.isfinite(column)
    at = np.searchsorted(edges, column[known], side="left")
    counts = np.bincount(at, minlength=len(edges) + 1).astype(float)
    return np.append(counts, float((~known).sum()))
