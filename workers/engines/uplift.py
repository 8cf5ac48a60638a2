"""Whom does it persuade? The effect of a treatment on each person, from a randomised log.

    outcome models m1, m0 (boosted trees, each fold by the others)
      → gamma_a = m_a + 1[did a]/p_a (y - m_a), psi = gamma_1 - gamma_0   (DR-learner, Kennedy 2023)
      → psi on the features (ridge) → effect of each person, again by folds that did not see them

psi has the person's effect as its mean whatever the models are, because the treatment's probability
p is known. What ranks people is judged by the Qini area: how much more is gained by treating the
first share of the ranking than by treating as many by chance, averaged over all shares. A ranking
whose area is not above its own chance says nothing, and is said to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV

from workers.engines.conversion import Coding, Columns

FOLDS = 5
RIDGES = (10.0, 100.0, 1_000.0, 10_000.0)
POINTS = 100  # shares of the ranking at which the Qini curve is read
Z = 1.96
LEAST = 500  # people of each side


@dataclass(frozen=True, slots=True)
class Uplift:
    """`effects` (n,) of each person by models that did not see them, `psi` (n,) the unbiased but
    noisy scores behind them, the mean effect with its standard error, and the ranking's Qini area
    (outcome a person) with its own."""

    effects: np.ndarray
    psi: np.ndarray
    mean: float
    mean_error: float
    qini: float
    qini_error: float

    @property
    def signal(self) -> bool:
        """Whether the ranking tells people apart beyond chance."""
        return self.qini > Z * self.qini_error

    def value(self, share: np.ndarray) -> tuple[float, float]:
        """What treating people with the probability `share` (n,) brings a person more than
        treating nobody, with its standard error."""
        each = share * self.psi
        return float(each.mean()), float(each.std()) / len(each) ** 0.5


def learn(
    columns: Columns, treated: np.ndarray, outcome: np.ndarray, propensity: np.ndarray | float,
    seed: int = 0,
) -> Uplift:  # fmt: skip
    """From a log whose probability of treatment (n,) is known. Raises ValueError where a side has
    too few people."""
    p = np.broadcast_to(np.asarray(propensity, dtype=float), outcome.shape)
    shares = np.stack([1 - p, p], 1)
    x, fold = _prepared(columns, treated.astype(int), shares, seed)
    gammas = _gammas(x, treated.astype(int), outcome.astype(float), shares, fold, seed)
    psi = gammas[:, 1] - gammas[:, 0]
    effects = _regressed(x, psi, fold)
    area, error = qini(effects, psi)
    return Uplift(effects, psi, float(psi.mean()), float(psi.std()) / len(psi) ** 0.5, area, error)


class TooFew(ValueError):
    """An arm has too few people."""


class Certain(ValueError):
    """Some people could not have got one of the arms: there is nobody to compare them with."""


class Unknown(ValueError):
    """Nothing is known of the people, so nothing can set them apart."""


@dataclass(frozen=True, slots=True)
class Personal:
    """Whether choosing for each person pays: the action `chosen` (n,) for each by models that did
    not see them, the best single action, and what choosing brings a person more than that one, with
    its standard error."""

    chosen: np.ndarray
    single: int
    gain: float
    error: float

    @property
    def pays(self) -> bool:
        return self.gain > Z * self.error


def personal(
    columns: Columns, actions: np.ndarray, outcome: np.ndarray, propensities: np.ndarray,
    seed: int = 0,
) -> Personal:  # fmt: skip
    """Among K actions (n,), whose probabilities (n, K) are known."""
    x, fold = _prepared(columns, actions, propensities, seed)
    gammas = _gammas(x, actions, outcome.astype(float), propensities, fold, seed)
    expected = np.stack([_regressed(x, gamma, fold) for gamma in gammas.T], 1)
    chosen = expected.argmax(1)
    single = int(gammas.mean(0).argmax())
    apart = gammas[np.arange(len(x)), chosen] - gammas[:, single]
    return Personal(chosen, single, float(apart.mean()), float(apart.std()) / len(apart) ** 0.5)


def _prepared(
    columns: Columns, actions: np.ndarray, propensities: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The features (n, d) and the fold of each person (n,)."""
    if np.bincount(actions, minlength=propensities.shape[1]).min() < LEAST:
        raise TooFew(f"Each side needs {LEAST} people.")
    if propensities.min() <= 0 or propensities.max() >= 1:
        raise Certain("A probability of treatment is not between 0 and 1.")
    if not columns:
        raise Unknown("Nothing is known of the people.")
    fold = np.random.default_rng(seed).integers(0, FOLDS, len(actions))
    return Coding.of(columns).wide(columns), fold


def _gammas(
    x: np.ndarray, actions: np.ndarray, y: np.ndarray, p: np.ndarray, fold: np.ndarray, seed: int
) -> np.ndarray:
    """The doubly robust score of every action for every person (n, K)."""
    found = np.empty(p.shape)
    for action in range(p.shape[1]):
        did = actions == action
        for k in range(FOLDS):
            held = fold == k
            model = HistGradientBoostingRegressor(
                max_iter=60, learning_rate=0.06, max_leaf_nodes=8, random_state=seed
            )
            own = ~held & did
            found[held, action] = model.fit(x[own], y[own]).predict(x[held])
        found[:, action] += did / p[:, action] * (y - found[:, action])
    return found


def _regressed(x: np.ndarray, scores: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Scores on the features (n,), each fold by the others."""
    found = np.empty(len(scores))
    for k in range(FOLDS):
        held = fold == k
        found[held] = RidgeCV(RIDGES).fit(x[~held], scores[~held]).predict(x[held])
    return found


def qini(effects: np.ndarray, psi: np.ndarray) -> tuple[float, float]:
    """The area between the ranking's gain and chance (outcome a person), and its standard error:
    the mean over shares s of sum(psi of the first s) / n - s mean(psi), which is a weighted mean of
    psi, so its error is that of one."""
    n = len(psi)
    rank = np.empty(n)
    rank[np.argsort(-effects, kind="stable")] = (np.arange(n) + 0.5) / n
    # a person of rank r is within the first s for all s > r: weight (1 - r), less the mean 1/2
    each = (0.5 - rank) * (psi - psi.mean())
    return float(each.mean()), float(each.std()) / n**0.5


def curve(effects: np.ndarray, psi: np.ndarray) -> list[tuple[float, float]]:
    """(share treated, gain a person) along the ranking, for a picture."""
    order = np.argsort(-effects, kind="stable")
    gain = np.concatenate([[0.0], psi[order].cumsum() / len(psi)])
    at = np.linspace(0, len(psi), POINTS + 1).astype(int)
    return [(float(i / len(psi)), float(gain[i])) for i in at]
