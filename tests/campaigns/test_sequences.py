"""Sequences of a log: paths, returns, what following a version would have brought."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import market
from campaigns.strategy import sequences, sequential, snapshots
from campaigns.strategy.features import Encoder
from campaigns.strategy.learning import Rounds
from campaigns.strategy.networks import Networks
from campaigns.strategy.snapshots import Snapshot


def rounds(units: list[str], ages: list[float], rewards: list[float], window: float) -> Rounds:
    n = len(units)
    return Rounds(
        ("wait", "mail"), [{}] * n, np.zeros(n, dtype=int), np.array(rewards), np.full(n, 0.5),
        np.ones((n, 2), dtype=bool), np.array(units, dtype=object), np.array(ages), window,
        np.full(n, np.nan), np.full((n, 2), 0.5),
    )  # fmt: skip


def test_decisions_of_a_person_follow_each_other_and_end_where_they_stayed_away():
    log = rounds(["a", "b", "a", "b", "a"], [200, 199, 152, 40, 128], [1, 0, 2, 4, 3], 24)
    found = sequences.paths(log, 24)
    assert found.after.tolist() == [2, 3, 4, -1, -1]
    assert found.first.tolist() == [True, True, False, False, False]
    assert found.steps.tolist() == pytest.approx([2, 159 / 24, 1, 1, 1])
    # b was away for 159 hours and came back: 40 and 128 hours are not long
    assert found.ended.tolist() == [False] * 5
    assert found.known.tolist() == [True, True, True, False, False]
    assert sequences.returns(log, found, 0.5).tolist() == pytest.approx(
        [1 + 0.25 * (2 + 0.5 * 3), 0.5 ** (159 / 24) * 4, 3.5, 4, 3]
    )


def test_who_stayed_away_for_longer_than_nearly_everybody_has_left():
    log = rounds(["a", "a", "b", "b", "c"], [240, 216, 100, 76, 200], [0] * 5, 24)
    assert sequences.paths(log, 24).ended.tolist() == [False, True, False, True, True]
    assert sequences.paths(log, 24).known.tolist() == [True] * 5


def test_one_person_with_ten_thousand_decisions_teaches_like_a_few_hundred():
    n = 10_000
    log = rounds(["a"] * n, list(np.arange(n, 0, -1.0)), [1.0] * n, 1)
    known = sequences.paths(log, 1).known
    assert known.sum() == sequences.LONGEST - 1  # the newest has nothing after it yet
    assert not known[: n - sequences.LONGEST].any()


def test_an_imported_log_has_an_order_and_no_times():
    log = rounds(["a", "b", "a"], [np.inf] * 3, [1, 2, 3], 0)
    found = sequences.paths(log, 24)
    assert (found.after.tolist(), found.steps.tolist()) == ([2, -1, -1], [1, 1, 1])
    assert found.known.tolist() == [True, True, True]


MARKET = market.market()
USUAL = np.full((MARKET.states, 4), 0.25)


def _log(people: int, most: int, seed: int) -> Rounds:
    return market.logged(MARKET, USUAL, people=people, most=most, seed=seed)


def _version(q: np.ndarray) -> Snapshot:
    """A version that does what q (S, K) says, by a network of one layer."""
    encoder = Encoder.fitted(market.described(np.arange(MARKET.states).repeat(10)), market.FEATURES)
    x = encoder.matrix(market.described(np.arange(MARKET.states)))
    weights = np.linalg.lstsq(x, q, rcond=None)[0].astype(np.float32)
    networks = Networks((weights[None],), (np.zeros((1, q.shape[1]), dtype=np.float32),))
    return Snapshot(snapshots.SEQUENTIAL, market.ACTIONS, encoder, networks=networks)


def _truth(shares: np.ndarray, steps: int, most: int) -> float:
    """What following `shares` for some decisions brings more, mean over the starts of a log of
    `most` decisions a person."""
    usual = [np.zeros(MARKET.states)]
    for _ in range(most):
        usual.append(_before(USUAL, usual[-1]))
    alive, total, starts = MARKET.start.copy(), 0.0, 0.0
    for at in range(most):
        if at % steps == 0:
            value = usual[max(0, most - at - steps)]
            for _ in range(min(steps, most - at)):
                value = _before(shares, value)
            total += float(alive @ (value - usual[most - at]))
            starts += float(alive.sum())
        alive = alive @ np.einsum("sk,skt->st", USUAL, MARKET.chances)
    return total / starts


def _before(shares: np.ndarray, after: np.ndarray) -> np.ndarray:
    chances = np.einsum("sk,skt->st", shares, MARKET.chances)
    found: np.ndarray = (shares * MARKET.rewards).sum(1) + market.GAMMA * chances @ after
    return found


def test_following_a_version_is_told_from_a_log_that_another_policy_made():
    version = _version(market.best(MARKET))
    floor, most = 0.02, 12
    x = version.encoder.matrix(market.described(np.arange(MARKET.states)))
    may = np.ones((MARKET.states, len(market.ACTIONS)), dtype=bool)
    shares = version.shares(x, market.ACTIONS, may, floor)
    told = sequential.judged(
        _log(3_000, most, 3), version, floor=floor, hours=24, discount=market.GAMMA
    )
    assert (told.verdict.kind, told.steps) == ("promote", 3)
    assert [row[0] for row in told.by_steps] == [1, 2, 3]
    for steps, gain, _ in told.by_steps:
        error = (gain.high - gain.low) / (2 * 1.96)
        assert gain.value == pytest.approx(_truth(shares, steps, most), abs=3.5 * error)
    # each step follows the version for longer and finds more
    gains = [row[1].value for row in told.by_steps]
    assert gains == sorted(gains)


def test_what_the_log_cannot_tell_is_refused():
    q = np.zeros((MARKET.states, 4))
    q[:, 3] = 1.0  # calls everybody, which the log seldom did
    told = sequential.judged(
        _log(60, 6, 4), _version(q), floor=0.0, hours=24, discount=market.GAMMA
    )
    assert told.verdict.kind == "refuse"
    assert "count as if it had decided" in str(told.verdict.reason)


def test_reasons_of_a_network_add_up_to_what_it_believes_of_the_person():
    rng = np.random.default_rng(0)
    networks = Networks(
        (rng.normal(size=(2, 5, 8)).astype(np.float32), rng.normal(size=(2, 8, 3)).astype("f4")),
        (rng.normal(size=(2, 8)).astype(np.float32), rng.normal(size=(2, 3)).astype("f4")),
    )
    x = rng.normal(size=(4, 5))
    x[:, 0] = 1.0
    typical = np.zeros_like(x)
    typical[:, 0] = 1.0
    toward = np.tile([1.0, -0.5, -0.5], (4, 1))
    apart = ((networks.scores(x)[0] - networks.scores(typical)[0]) * toward).sum(1)
    parts = networks.parts(x, toward)
    assert parts.sum(1) == pytest.approx(apart, abs=0.05 * np.abs(apart).max() + 0.05)
    again = Networks.of(networks.stored())
    assert (again.scores(x)[0] == networks.scores(x)[0]).all()


def test_an_action_that_came_later_is_believed_to_be_as_the_others_are():
    version = _version(market.best(MARKET))
    x = version.encoder.matrix(market.described(np.array([0, 7])))
    mean, _ = version.scores(x, ["new", *market.ACTIONS])
    assert mean[:, 0] == pytest.approx(mean[:, 1:].mean(1))
