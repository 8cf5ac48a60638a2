"""What readers answer to a text, learned from experiments: a response model.

Model.  Arm i of test g is shown n_i times and clicked c_i times:

    c_i ~ Poisson(n_i exp(theta_i)),    theta_i = level_g + x_i'w + e_i,
    w ~ N(0, s I),    e_i ~ N(0, residual variance),    level_g ~ N(level mean, level variance).

Fitting uses y_i = log((c_i + 1/2) / (n_i + 1)), whose noise variance is v_i = 1 / (c_i + 1/2).  The
level of a test says nothing about which of its headlines wins, so it is projected out: features and
targets are centred within each group with weights 1 / (v_i + residual variance).  What is left is a
ridge regression.  s and the residual variance maximise its restricted marginal likelihood.

The prior of a new test is N(offset_k, sd_k^2) per arm around an unknown common level
(`campaigns.experiments.beliefs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaigns.experiments.beliefs import ArmPrior

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

WEIGHT_VARIANCES = tuple(float(value) for value in np.geomspace(1e-4, 10.0, 16))
LEVEL_DOUBT = 4.0  # nats^2
RESIDUAL_VARIANCES = (0.01, 0.02, 0.03, 0.045, 0.06, 0.08, 0.11, 0.15)


@dataclass(frozen=True, slots=True)
class ResponseModel:
    """Fitted ridge regression of the within-test log click rate."""

    weights: Vector  # (d,)
    covariance: Matrix  # (d, d), posterior covariance of the weights
    weight_variance: float
    residual_variance: float
    levels: Vector  # (G,) log rates of the groups
    groups: NDArray[np.int64]  # (G,) their numbers
    level_mean: float
    level_variance: float
    log_likelihood: float

    def predict(self, features: Matrix) -> tuple[Vector, Vector]:
        """Mean and sd of the log-rate offsets of the (k, d) arms of ONE test, around their mean.

        mean = (x - xbar)'w,    sd^2 = (x - xbar)' Cov(w) (x - xbar) + residual variance.
        """
        centred = features - features.mean(axis=0)
        spread = np.einsum("kd,de,ke->k", centred, self.covariance, centred)
        return centred @ self.weights, np.sqrt(spread + self.residual_variance)

    def prior(self, features: Matrix, among: Sequence[int] | None = None) -> ArmPrior:
        """Prior of the arms of one test, features (k, d). Its level is like those of the groups
        `among` (of the same metric; None: all): with none, nearly nothing is known of it."""
        offsets, sd = self.predict(features)
        mean, variance = self.level_mean, self.level_variance
        if among is not None:
            chosen = self.levels[np.isin(self.groups, among)]
            mean, variance = _level(chosen) if len(chosen) else (mean, LEVEL_DOUBT)
        return ArmPrior(offsets=offsets, sd=sd, level_mean=mean, level_variance=variance)


def log_rates(*, clicks: Vector, impressions: Vector) -> tuple[Vector, Vector]:
    """y = log((c + 1/2) / (n + 1)) and its noise variance 1 / (c + 1/2), both (n,)."""
    return np.log((clicks + 0.5) / (impressions + 1.0)), 1.0 / (clicks + 0.5)


def fit(
    *,
    features: Matrix,
    clicks: Vector,
    impressions: Vector,
    groups: NDArray[np.int64],
    weight_variances: tuple[float, ...] = WEIGHT_VARIANCES,
    residual_variances: tuple[float, ...] = RESIDUAL_VARIANCES,
) -> ResponseModel:
    """Fit the response model; features (n, d), clicks, impressions and groups (n,).

    A group is a test (and image, where a test varies both); groups of one row add nothing.  With
    weights W = 1 / (v + residual variance) and everything centred within groups, up to a constant

        2 log L = - sum log(v_i + residual variance) - sum_g log(sum_(i in g) W_i)
                  - log |I + s X'WX| - y'Wy + s (X'Wy)' (I + s X'WX)^-1 X'Wy.

    The scale of a column of `features` is its prior importance: scale blocks before the call.
    """
    numbers, group = np.unique(groups, return_inverse=True)
    group_count = int(group.max()) + 1
    target, noise = log_rates(clicks=clicks, impressions=impressions)
    best = (-np.inf, 0.0, 0.0)
    for residual_variance in residual_variances:
        weight = 1.0 / (noise + residual_variance)
        group_weight = np.bincount(group, weight, group_count)
        centred_features, centred_target = _centre(
            features=features, target=target, weight=weight, group=group
        )
        root = np.sqrt(weight)
        power, moment = _spectrum(root[:, None] * centred_features, root * centred_target)
        shared = np.log(weight).sum() - np.log(group_weight).sum()
        shared -= float(weight @ centred_target**2)
        for weight_variance in weight_variances:
            value = shared - np.log1p(weight_variance * power).sum()
            value += float((weight_variance * moment / (1.0 + weight_variance * power)).sum())
            best = max(best, (value / 2.0, weight_variance, residual_variance))
    likelihood, weight_variance, residual_variance = best
    weight = 1.0 / (noise + residual_variance)
    centred_features, centred_target = _centre(
        features=features, target=target, weight=weight, group=group
    )
    gram = centred_features.T @ (weight[:, None] * centred_features)
    precision = gram + np.eye(len(gram)) / weight_variance
    covariance: Matrix = np.asarray(np.linalg.inv(precision), np.float64)
    weighed = np.bincount(group, weight * target, group_count)
    levels: Vector = np.asarray(weighed / np.bincount(group, weight, group_count), np.float64)
    level_mean, level_variance = _level(levels)
    return ResponseModel(
        weights=covariance @ (centred_features.T @ (weight * centred_target)),
        covariance=covariance,
        weight_variance=weight_variance,
        residual_variance=residual_variance,
        levels=levels,
        groups=numbers,
        level_mean=level_mean,
        level_variance=level_variance,
        log_likelihood=likelihood,
    )


def _spectrum(rows: Matrix, target: Vector) -> tuple[Vector, Vector]:
    """Of A'A, A (n, d) the rows: its eigenvalues, and the squares of A'target along its
    eigenvectors, both (min(n, d),). With them each prior variance costs a sum, no factorisation."""
    if len(rows) < rows.shape[1]:
        power, axes = np.linalg.eigh(rows @ rows.T)
        power = np.maximum(power, 0.0)
        return power, power * (axes.T @ target) ** 2
    power, axes = np.linalg.eigh(rows.T @ rows)
    return np.maximum(power, 0.0), (axes.T @ (rows.T @ target)) ** 2


def _level(levels: Vector) -> tuple[float, float]:
    """Mean and variance (nats^2) of the log rates of experiments. With few experiments nearly
    nothing is known of it: LEVEL_DOUBT counts as one more experiment that far away."""
    mean = float(levels.mean())
    return mean, float((((levels - mean) ** 2).sum() + LEVEL_DOUBT) / len(levels))


def _centre(
    *, features: Matrix, target: Vector, weight: Vector, group: NDArray[np.int64]
) -> tuple[Matrix, Vector]:
    """Subtract the weighted group means from features (n, d) and target (n,)."""
    total = np.bincount(group, weight)
    means = np.zeros((len(total), features.shape[1]))
    np.add.at(means, group, weight[:, None] * features)
    means /= total[:, None]
    level = np.bincount(group, weight * target) / total
    return features - means[group], target - level[group]
