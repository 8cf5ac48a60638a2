"""A bandit's belief: a prior, its counts, and the share that each arm deserves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from campaigns.experiments import beliefs
from campaigns.experiments.beliefs import ArmPrior

PRIOR = ArmPrior(np.array([0.3, 0.0, -0.3]), np.array([0.2, 0.3, 0.2]), -3.0, 0.4)
CLICKS, SHOWN = np.array([40.0, 70.0, 20.0]), np.array([1000.0, 1000.0, 800.0])


def test_posterior_is_the_mode_of_likelihood_and_prior():
    covariance = np.diag(PRIOR.sd**2) + PRIOR.level_variance
    precision, centre = np.linalg.inv(covariance), PRIOR.level_mean + PRIOR.offsets

    def minus_log(theta: np.ndarray) -> float:
        off = theta - centre
        return float((SHOWN * np.exp(theta)).sum() - CLICKS @ theta + off @ precision @ off / 2)

    mode = optimize.minimize(minus_log, centre, method="BFGS", options={"gtol": 1e-8}).x
    found = beliefs.posterior(prior=PRIOR, clicks=CLICKS, impressions=SHOWN)
    assert found.mean == pytest.approx(mode, abs=1e-5)
    exact = np.linalg.inv(precision + np.diag(SHOWN * np.exp(mode)))
    assert np.diag(found.diagonal) + np.outer(found.common, found.common) == pytest.approx(
        exact, abs=1e-6
    )


def test_posterior_without_counts_is_the_prior():
    found = beliefs.posterior(prior=PRIOR, clicks=np.zeros(3), impressions=np.zeros(3))
    assert found.mean == pytest.approx([-2.7, -3.0, -3.3])
    assert found.diagonal == pytest.approx([0.04, 0.09, 0.04])
    assert found.common**2 == pytest.approx([0.4, 0.4, 0.4])


@pytest.mark.parametrize("sharpness", [1.0, 0.5])
def test_probability_best_is_how_often_a_draw_wins(sharpness: float):
    belief = beliefs.posterior(prior=PRIOR, clicks=CLICKS, impressions=SHOWN)
    rng = np.random.default_rng(0)
    own = rng.standard_normal((200_000, 3)) * np.sqrt(belief.diagonal)
    drawn = belief.mean + sharpness * (own + rng.standard_normal((200_000, 1)) * belief.common)
    wins = np.bincount(drawn.argmax(axis=1), minlength=3) / 200_000
    found = beliefs.probability_best(belief=belief, sharpness=sharpness)
    assert found == pytest.approx(wins, abs=0.004)
    assert found.sum() == pytest.approx(1)


def test_a_stored_prior_comes_back_in_the_order_of_the_arms():
    stored = PRIOR.stored(["a", "b", "c"])
    again = ArmPrior.of(stored, ["c", "a"])
    assert again.offsets.tolist() == [-0.3, 0.3]
    assert again.sd.tolist() == [0.2, 0.2]
    assert (again.level_mean, again.level_variance) == (-3.0, 0.4)
    assert beliefs.expected(stored)["a"] == pytest.approx((0.3499, -0.0878, 0.9977), abs=1e-4)
    assert beliefs.expected({}) == {}
