"""Contextual bandits: sums that add, shares that are what Thompson sampling draws, floors."""

from __future__ import annotations

import numpy as np
import pytest

from campaigns.strategy import policies
from campaigns.strategy.policies import Beliefs, Sums


def seen(
    n: int = 400, seed: int = 0, actions: int = 3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.hstack([rng.normal(size=(n, 2)), np.ones((n, 1))])
    a = rng.integers(0, actions, n)
    true = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.5], [-0.5, 0.0, 0.2]])[:actions]
    return x, a, (x * true[a]).sum(1) + rng.normal(0, 0.3, n)


def sums(*rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Sums:
    found = Sums.none(3, 3)
    for x, a, r in rows:
        found.add(x, a, r)
    return found


def test_sums_of_parts_are_the_sums_of_the_whole():
    x, a, r = seen()
    whole, parts = sums((x, a, r)), sums((x[:150], a[:150], r[:150]), (x[150:], a[150:], r[150:]))
    for name in ("gram", "moment", "squares", "n"):
        assert np.allclose(getattr(whole, name), getattr(parts, name))
    assert np.allclose(whole.faded(0.5).n, whole.n / 2)


def test_beliefs_are_those_of_ridge_regression():
    x, a, r = seen()
    found = Beliefs.of(sums((x, a, r)), ridge=2.0)
    own = a == 1
    by_hand = np.linalg.solve(x[own].T @ x[own] + 2 * np.eye(3), x[own].T @ r[own])
    assert found.means[1] == pytest.approx(by_hand, rel=1e-4)
    assert found.noise[1] == pytest.approx(0.3, rel=0.15)
    _, spread = found.scores(np.array([[0.5, -1.0, 1.0]]))
    inside = np.linalg.inv(x[own].T @ x[own] + 2 * np.eye(3))
    point = np.array([0.5, -1.0, 1.0])
    assert spread[0, 1] == pytest.approx(found.noise[1] * np.sqrt(point @ inside @ point), rel=1e-3)


def test_an_action_that_was_not_tried_is_believed_to_be_its_prior():
    prior = np.array([[0.0, 0, 0], [0, 0, 0], [0.2, 0.1, 0.0]])
    found = Beliefs.of(Sums.none(3, 3), prior=prior)
    assert found.means[2] == pytest.approx(prior[2])


def test_the_share_of_an_action_is_how_often_a_draw_makes_it_the_best():
    rng = np.random.default_rng(1)
    mean, spread = rng.normal(0, 1, (5, 4)), rng.uniform(0.05, 2.0, (5, 4))
    draws = rng.normal(mean[:, None], spread[:, None], (5, 200_000, 4)).argmax(2)
    often = np.stack([(draws == k).mean(1) for k in range(4)], 1)
    shares = policies.best_shares(mean, spread)
    assert shares.sum(1) == pytest.approx(np.ones(5))
    assert np.abs(shares - often).max() < 0.02


def test_nothing_that_is_not_eligible_is_chosen_and_the_floor_holds():
    rng = np.random.default_rng(2)
    mean, spread = rng.normal(0, 1, (50, 4)), np.full((50, 4), 0.3)
    eligible = rng.random((50, 4)) < 0.7
    eligible[0] = False
    for rule in policies.RULES:
        found = policies.propensities(rule, mean, spread, eligible, floor=0.05)
        some = eligible.any(1)
        assert found[some].sum(1) == pytest.approx(np.ones(some.sum()))
        assert (found[~eligible] == 0).all()
        assert (found[eligible] >= 0.05 - 1e-9).all()
        assert (found[0] == 0).all()
    with pytest.raises(ValueError, match="no rule"):
        policies.propensities("magic", mean, spread, eligible)


def test_a_floor_that_is_too_high_is_an_even_share():
    shares = policies.floored(np.array([[0.9, 0.1, 0.0]]), np.ones((1, 3), bool), 0.5)
    assert shares[0] == pytest.approx([1 / 3] * 3)


def test_actions_are_drawn_as_often_as_their_share():
    rng = np.random.default_rng(3)
    shares = np.tile([0.7, 0.0, 0.3], (20_000, 1))
    found = policies.drawn(shares, rng.random(20_000))
    assert np.bincount(found, minlength=3) / 20_000 == pytest.approx([0.7, 0, 0.3], abs=0.015)
    assert policies.drawn(np.zeros((1, 3)), np.array([0.4]))[0] == -1


@pytest.mark.parametrize("rule", ["thompson", "ucb"])
def test_it_learns_who_wants_what(rule):
    rng = np.random.default_rng(4)
    total, learned = Sums.none(3, 3), []
    for step in range(60):
        x = np.hstack([rng.normal(size=(50, 2)), np.ones((50, 1))])
        rate = 1 / (1 + np.exp(-2 * np.stack([x[:, 0], x[:, 1], -x[:, 0]], 1)))
        shares = policies.propensities(
            rule, *Beliefs.of(total).scores(x), np.ones((50, 3), bool), floor=0.02
        )
        actions = policies.drawn(shares, rng.random(50))
        chosen = rate[np.arange(50), actions]
        total.add(x, actions, (rng.random(50) < chosen).astype(float))
        if step >= 40:
            learned.append(chosen.mean() / rate.max(1).mean())
    assert np.mean(learned) > 0.93  # even choice gets 0.63 of the best
