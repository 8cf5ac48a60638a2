"""Off-policy evaluation: estimators against the truth, intervals that cover, and the gate."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from campaigns.strategy import gate, offpolicy
from campaigns.strategy.offpolicy import NAMES, Log

OBD = Path(__file__).resolve().parents[3] / "shared/data/obd"
needs_obd = pytest.mark.skipif(not OBD.exists(), reason="../shared/data/obd is not here")


def world(n: int, seed: int, base: float = 0.1) -> tuple[Log, float]:
    """A log of a random policy of five actions, and the true value of another."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    effects = np.array([[0.5, -0.5, 0], [0, 0.4, 0.2], [0.3, 0.3, -0.3], [-0.2, 0, 0.5], [0, 0, 0]])
    logit = np.log(base / (1 - base)) + x @ effects.T
    rate = 1 / (1 + np.exp(-logit))
    taste = np.exp(x @ rng.normal(size=(3, 5)) * 0.7)
    logged = 0.9 * taste / taste.sum(1, keepdims=True) + 0.02
    target = np.exp(2 * logit) / np.exp(2 * logit).sum(1, keepdims=True)
    actions = (logged.cumsum(1) > rng.random((n, 1))).argmax(1)
    at = np.arange(n), actions
    rewards = (rng.random(n) < rate[at]).astype(float)
    model = np.full((n, 5), rewards.mean())
    return Log(actions, rewards, logged[at], target, model), float((target * rate).sum(1).mean())


def by_hand(**changes: object) -> Log:
    values = {
        "actions": np.array([0, 1]), "rewards": np.array([1.0, 0.0]),
        "propensities": np.array([0.5, 0.5]), "target": np.array([[0.8, 0.2], [0.8, 0.2]]),
        "model": np.array([[0.6, 0.1], [0.6, 0.1]]),
    }  # fmt: skip
    return Log(**{**values, **changes})


def test_estimators_by_hand():
    found = {name: e.value for name, e in offpolicy.estimates(by_hand()).items()}
    assert found["dm"] == pytest.approx(0.5)
    assert found["ips"] == pytest.approx(1.6 / 2)
    assert found["snips"] == pytest.approx(1.6 / 2.0)
    assert found["dr"] == pytest.approx(0.5 + (1.6 * 0.4 + 0.4 * -0.1) / 2)


def test_the_policy_of_the_log_itself_is_worth_what_it_earned():
    log, _ = world(400, 1)
    own = Log(log.actions, log.rewards, np.full(400, 0.2), np.full((400, 5), 0.2), log.model)
    for name in ("ips", "snips", "dr", "switch"):
        assert offpolicy.estimate(own, name).value == pytest.approx(log.rewards.mean(), abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_intervals_cover_the_truth(name):
    covered = 0
    for seed in range(200):
        log, truth = world(1_000, seed, base=0.05)
        found = offpolicy.estimate(log, name)
        covered += found.low <= truth <= found.high
    assert covered >= 182  # of 200 at 95 %: fewer by chance once in a hundred


def test_shrinking_the_weights_errs_least():
    errors: dict[str, list[float]] = {name: [] for name in NAMES}
    for seed in range(150):
        log, truth = world(500, seed)
        for name, found in offpolicy.estimates(log).items():
            errors[name].append((found.value - truth) ** 2)
    assert np.mean(errors["dros"]) < np.mean(errors["dr"]) < np.mean(errors["ips"])


def test_rounds_of_one_person_are_one_voice():
    log, _ = world(200, 3)
    scores = np.repeat(log.rewards, 50)
    apart = offpolicy.interval(scores)
    together = offpolicy.interval(scores, np.repeat(np.arange(200), 50))
    alone = offpolicy.interval(log.rewards)
    assert together == pytest.approx(alone, rel=1e-9)
    assert apart[2] - apart[1] < (together[2] - together[1]) / 6


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"propensities": np.array([0.5, 0.0])}, "not a probability"),
        ({"target": np.array([[0.8, 0.8], [0.8, 0.2]])}, "sum to 1"),
        ({"rewards": np.array([1.0])}, "differ in length"),
        ({"model": np.ones((2, 3))}, "every round and action"),
    ],
)  # fmt: skip
def test_a_log_that_cannot_be_is_refused_with_what_is_wrong(changes, why):
    with pytest.raises(ValueError, match=why):
        by_hand(**changes)


# -- the gate ----------------------------------------------------------------------------------


def two(n: int, share: float, rates: tuple[float, float], seed: int = 0) -> Log:
    """Two actions, the second tried in `share` of n rounds; the target always does the second."""
    rng = np.random.default_rng(seed)
    actions = (rng.random(n) < share).astype(int)
    rewards = (rng.random(n) < np.array(rates)[actions]).astype(float)
    target = np.tile([0.0, 1.0], (n, 1))
    return Log(actions, rewards, np.where(actions == 1, share, 1 - share), target,
               np.full((n, 2), rewards.mean()))  # fmt: skip


def test_what_earns_more_is_promoted_and_what_earns_less_or_the_same_is_held():
    assert gate.judged(two(4_000, 0.5, (0.1, 0.2))).kind == "promote"
    worse = gate.judged(two(4_000, 0.5, (0.2, 0.1)))
    assert (worse.kind, "would earn less" in worse.reason) == ("hold", True)
    same = gate.judged(two(4_000, 0.5, (0.15, 0.15)))
    assert (same.kind, "Not shown to be better" in same.reason) == ("hold", True)


def test_no_gain_is_seldom_called_one():
    wrong = sum(gate.judged(two(1_500, 0.3, (0.1, 0.1), s)).kind == "promote" for s in range(200))
    assert wrong <= 11  # half of 5 % is 5; more than 11 by chance once in a hundred


def test_too_few_rounds_that_count_are_refused():
    found = gate.judged(two(2_000, 0.02, (0.1, 0.5)))
    assert found.kind == "refuse"
    assert "rounds only" in found.reason
    assert found.health.effective < 100


def test_what_was_never_tried_is_refused_where_the_log_can_tell():
    log = two(4_000, 0.5, (0.1, 0.2))
    logged = np.tile([0.5, 0.5], (4_000, 1))
    assert gate.judged(log, logged).kind == "promote"
    logged[:400, 1] = 0.0
    found = gate.judged(log, logged)
    assert (found.kind, "10% of its choices" in found.reason) == ("refuse", True)
    assert not any("cannot be seen" in w for w in found.warnings)


def test_propensities_that_do_not_fit_are_refused():
    log = two(4_000, 0.5, (0.1, 0.2))
    wrong = Log(log.actions, log.rewards, np.full(4_000, 0.25), log.target, log.model)
    found = gate.judged(wrong)
    assert (found.kind, "mean weight is 2.0" in found.reason) == ("refuse", True)


def test_all_zero_rewards_are_held_with_the_reason():
    found = gate.judged(two(2_000, 0.5, (0.0, 0.0)))
    assert (found.kind, "Too few rewards" in found.reason) == ("hold", True)
    assert "Only 0 rounds had a reward." in found.warnings


def test_an_empty_log_is_refused():
    none = np.zeros(0)
    log = Log(none.astype(int), none, none, np.zeros((0, 2)), np.zeros((0, 2)))
    with pytest.raises(ValueError, match="no rounds"):
        gate.judged(log)


def open_bandit(campaign: str) -> Log:
    """Uniform random choice, judged from the log of Thompson sampling."""
    with gzip.open(OBD / f"bts_{campaign}.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    actions = np.array([int(r["item_id"]) for r in rows])
    rewards = np.array([float(r["click"]) for r in rows])
    k = int(actions.max()) + 1
    n, clicks = (
        np.bincount(actions, minlength=k),
        np.bincount(actions, weights=rewards, minlength=k),
    )
    model = np.tile((clicks + 200 * rewards.mean()) / (n + 200), (len(rows), 1))
    return Log(actions, rewards, np.array([float(r["propensity_score"]) for r in rows]),
               np.full((len(rows), k), 1 / k), model)  # fmt: skip


@needs_obd
def test_on_the_open_bandit_log_women_is_refused_and_men_usable_with_a_warning():
    women, men = gate.judged(open_bandit("women")), gate.judged(open_bandit("men"))
    assert (women.kind, women.usable) == ("refuse", False)
    assert women.health.effective == pytest.approx(2.08, abs=0.01)
    assert men.usable
    assert men.health.effective == pytest.approx(655.7, abs=0.1)
    assert "Only 656 of 10,000 rounds count: read the figure with its interval." in men.warnings
    assert men.chosen.low <= 0.0046 <= men.chosen.high  # what uniform choice really earned
