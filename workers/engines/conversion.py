"""Will they convert? A probability that survives time: a linear model and boosted trees, blended.

    columns → one-hot and standardised, with how many converted lately → logistic regression → z1
    columns → codes and numbers                                       → boosted trees         → z2
    p = sigmoid(a (w z1 + (1 - w) z2) + b)

What is older counts less (`half`, in rows). The half-life and w are those that predicted best on
the newest part, block by block, each block by what was known before it (Dawid 1984); a and b are
fitted on those same predictions, so they are calibrated on rows that nothing had seen. How many
converted lately is a feature, because the world moves faster than a model is refitted; trees cannot
extrapolate, which is why they do not see it.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

LATELY = (200, 1_000)  # rows over which "lately" is counted
MOST_KINDS, LEAST_KIND = 40, 10  # kinds of a column told apart, and rows that each must have
LEAST_ROWS, LEAST_OF_EACH = 200, 20
PRIOR, WORTH = (
    0.05,
    100,
)  # what it costs to leave an even blend without calibration, of so many rows
Columns = Mapping[str, np.ndarray]  # float columns are numbers (NaN: unknown), others are kinds


class TooLittle(ValueError):
    """There is too little to learn from."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """`halves` are the half-lives tried (rows; inf: all count alike), `blocks` how many blocks of
    `newest` (share of the rows) choose among them. `lately`: whether how many converted of the
    rows before is a feature, which only holds where an outcome is known when the next row comes."""

    halves: tuple[float, ...] = (math.inf, 10_000.0, 3_000.0)
    newest: float = 0.2
    blocks: int = 6
    strength: float = 1.0  # of the logistic regression, scikit-learn's C
    leaves: int = 8
    trees: int = 100
    rate: float = 0.05
    share: float = 0.3  # of the columns, looked at for each split
    ridge: float = 10.0
    seed: int = 0
    lately: bool = True


@dataclass(slots=True)
class Coding:
    """How columns become numbers: of kinds those that are frequent, of numbers mean and spread."""

    kinds: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, columns: Columns) -> Coding:
        found = cls()
        for name, values in columns.items():
            if values.dtype.kind == "f":
                known = values[np.isfinite(values)]
                spread = float(known.std()) if len(known) else 0.0
                found.numbers[name] = (float(known.mean()) if len(known) else 0.0, spread or 1.0)
            else:
                often = Counter(map(str, values)).most_common(MOST_KINDS)
                found.kinds[name] = [kind for kind, n in often if n >= LEAST_KIND]
        return found

    def wide(self, columns: Columns) -> np.ndarray:
        """For the linear model (n, many): one-hot, standardised, and whether a number is known."""
        parts: list[np.ndarray] = []
        for name, kinds in self.kinds.items():
            values = columns[name].astype(str)
            parts += [(values == kind).astype(np.float64) for kind in kinds]
        for name, (mean, spread) in self.numbers.items():
            values = columns[name]
            known = np.isfinite(values)
            parts += [np.where(known, (values - mean) / spread, 0.0).clip(-5, 5), 1.0 - known]
        return np.stack(parts, 1) if parts else np.zeros((0, 0))

    def narrow(self, columns: Columns) -> tuple[np.ndarray, list[bool]]:
        """For the trees (n, columns), NaN where unknown; which of them are kinds."""
        parts = []
        for name, kinds in self.kinds.items():
            code = {kind: float(i) for i, kind in enumerate(kinds)}
            parts.append(np.array([code.get(str(v), math.nan) for v in columns[name]]))
        parts += [columns[name] for name in self.numbers]
        found = np.stack(parts, 1)
        never = ~np.isfinite(found).any(0)  # boosted trees cannot bin what is never known
        found[:, never] = 0.0
        return found, [True] * len(self.kinds) + [False] * len(self.numbers)


def lately(labels: np.ndarray) -> np.ndarray:
    """How many converted before each row (n + 1, 2), as log odds drawn a little toward even; the
    last row is for what comes next."""
    sums = np.concatenate([[0.0], np.cumsum(labels)])
    at = np.arange(len(labels) + 1)
    found = []
    for rows in LATELY:
        low = np.maximum(0, at - rows)
        share = (sums[at] - sums[low] + 1) / (at - low + 2)
        found.append(np.log(share / (1 - share)) / 2)
    return np.stack(found, 1)


@dataclass(slots=True)
class _Pair:
    """Both models, fitted on the rows until some moment."""

    linear: LogisticRegression
    trees: HistGradientBoostingClassifier

    def scores(self, wide: np.ndarray, narrow: np.ndarray) -> np.ndarray:
        """Log odds of both (n, 2)."""
        return np.stack([
            self.linear.decision_function(wide), self.trees.decision_function(narrow),
        ], 1)  # fmt: skip


def _fitted(
    wide: np.ndarray, narrow: np.ndarray, kinds: Sequence[bool], labels: np.ndarray, half: float,
    recipe: Recipe,
) -> _Pair:  # fmt: skip
    age = np.arange(len(labels))[::-1]
    weights = np.ones(len(labels)) if math.isinf(half) else 0.5 ** (age / half)
    seen = weights > 1e-4
    linear = LogisticRegression(C=recipe.strength, max_iter=400)
    trees = HistGradientBoostingClassifier(
        max_leaf_nodes=recipe.leaves, max_iter=recipe.trees, learning_rate=recipe.rate,
        min_samples_leaf=30, categorical_features=list(kinds), early_stopping=False,
        random_state=recipe.seed, max_features=recipe.share, l2_regularization=recipe.ridge,
    )  # fmt: skip
    return _Pair(linear.fit(wide[seen], labels[seen], weights[seen]),
                 trees.fit(narrow[seen], labels[seen], weights[seen]))  # fmt: skip


class Model:
    """A fitted model. `log` says what was tried, `recent` how many converted of the newest rows."""

    def __init__(
        self, coding: Coding, pair: _Pair, mix: tuple[float, float, float], recent: np.ndarray,
        half: float, log: list[dict[str, Any]],
    ) -> None:  # fmt: skip
        self.coding, self.pair, self.mix, self.recent = coding, pair, mix, recent
        self.half, self.log = half, log

    def odds(self, columns: Columns) -> np.ndarray:
        """Calibrated log odds (n,)."""
        n = len(next(iter(columns.values())))
        wide = np.hstack([self.coding.wide(columns), np.tile(self.recent, (n, 1))])
        scores = self.pair.scores(wide, self.coding.narrow(columns)[0])
        return _mixed(scores, self.mix)

    def predict(self, columns: Columns) -> np.ndarray:
        """Calibrated probabilities (n,)."""
        found: np.ndarray = 1 / (1 + np.exp(-self.odds(columns)))
        return found

    def reasons(self, columns: Columns, most: int = 4) -> list[list[tuple[str, float]]]:
        """Of each row the columns that move its odds most, as log odds against the same row with
        that column as it typically is; the largest first."""
        whole = self.odds(columns)
        moved = {name: whole - self.odds({**columns, name: self._typical(name, len(whole))})
                 for name in columns}  # fmt: skip
        return [
            sorted(((name, float(change[i])) for name, change in moved.items()),
                   key=lambda pair: -abs(pair[1]))[:most]
            for i in range(len(whole))
        ]  # fmt: skip

    def _typical(self, name: str, n: int) -> np.ndarray:
        if name in self.coding.numbers:
            return np.full(n, self.coding.numbers[name][0])
        kinds = self.coding.kinds[name]
        return np.array([kinds[0] if kinds else ""] * n, dtype=object)


def _mixed(scores: np.ndarray, mix: tuple[float, float, float]) -> np.ndarray:
    share, slope, start = mix
    found: np.ndarray = slope * (share * scores[:, 0] + (1 - share) * scores[:, 1]) + start
    return found


def _best_mix(scores: np.ndarray, labels: np.ndarray) -> tuple[tuple[float, float, float], float]:
    """The blend and calibration under which the held-out labels (in order of time) are likeliest,
    and that loss. The newest counts sixteen times as much as the oldest; without much evidence both
    models count alike and nothing is calibrated."""
    weights = 2.0 ** np.linspace(-2, 2, len(labels))
    weights /= weights.sum()
    prior = PRIOR * min(1.0, WORTH / len(labels))

    def cost(v: np.ndarray) -> float:
        odds = _mixed(scores, (1 / (1 + math.exp(-v[0])), math.exp(v[1]), v[2]))
        held = float((weights * (np.logaddexp(0, odds) - labels * odds)).sum())
        return held + prior * float(0.2 * v[0] ** 2 + (v[1:] ** 2).sum())

    found = minimize(cost, np.zeros(3), method="Nelder-Mead", options={"maxiter": 400})
    v = found.x
    return (1 / (1 + math.exp(-v[0])), math.exp(v[1]), float(v[2])), float(found.fun)


def fit(
    columns: Columns, labels: np.ndarray, recipe: Recipe | None = None,
    times: np.ndarray | None = None, settled: np.ndarray | None = None,
) -> Model:  # fmt: skip
    """Learn from rows in the order of time: labels (n,) 0 or 1. Where an outcome takes its time,
    `times` (n,) say when each row was and `settled` (n,) when its outcome was known: a block is
    then foretold by nothing that was not known when it began. Raises TooLittle, in words, where
    there is too little to learn from."""
    recipe = recipe or Recipe()
    n, hits = len(labels), int(labels.sum())
    if n < LEAST_ROWS or min(hits, n - hits) < LEAST_OF_EACH:
        raise TooLittle(f"{hits} of {n} converted; a model needs {LEAST_ROWS} people and "
                         f"{LEAST_OF_EACH} of each kind.")  # fmt: skip
    coding = Coding.of(columns)
    recent = lately(labels) if recipe.lately else np.zeros((n + 1, len(LATELY)))
    wide = np.hstack([coding.wide(columns), recent[:-1]])
    narrow, kinds = coding.narrow(columns)
    edges = _edges(labels, recipe, times, settled)
    first = int(edges[0])
    tried: list[tuple[float, float, tuple[float, float, float]]] = []
    log = []
    for half in recipe.halves:
        scores = np.zeros((n - first, 2))
        for start, end in itertools.pairwise(edges):
            known = start if settled is None or times is None else int(
                np.searchsorted(settled, times[start], side="right")
            )  # fmt: skip
            pair = _fitted(wide[:known], narrow[:known], kinds, labels[:known], half, recipe)
            block = wide[start:end].copy()
            block[:, -len(LATELY) :] = recent[start]  # what was known when the block began
            scores[start - first : end - first] = pair.scores(block, narrow[start:end])
        mix, cost = _best_mix(scores, labels[first:])
        log.append({"half": half, "loss": round(cost, 5), "linear": round(mix[0], 3)})
        tried.append((cost, half, mix))
    _, half, mix = min(tried, key=lambda one: one[0])
    return Model(coding, _fitted(wide, narrow, kinds, labels, half, recipe), mix, recent[-1], half,
                 log)  # fmt: skip


def _edges(
    labels: np.ndarray, recipe: Recipe, times: np.ndarray | None, settled: np.ndarray | None
) -> np.ndarray:  # fmt: skip
    """Where the blocks begin that are foretold by what was known before them, and the end."""
    n = len(labels)
    if times is None or settled is None:
        return np.linspace(int(n * (1 - recipe.newest)), n, recipe.blocks + 1).astype(int)
    starts = np.flatnonzero(np.diff(times, prepend=-math.inf) > 0)
    taught = np.array([labels[: np.searchsorted(settled, times[s], side="right")].sum()
                       for s in starts])  # fmt: skip
    before = np.array([np.searchsorted(settled, times[s], side="right") for s in starts])
    usable = starts[(taught >= LEAST_OF_EACH) & (before - taught >= LEAST_OF_EACH)]
    if not len(usable):
        raise TooLittle("The outcomes of no earlier time were known before a later one.")
    return np.append(usable[-recipe.blocks :], n)
