"""Whom a treatment persuades: found where it differs, and denied where it does not."""

from __future__ import annotations

import numpy as np
import pytest

from workers.engines import uplift


def trial(n: int, *, differs: bool, seed: int = 0):
    rng = np.random.default_rng(seed)
    kind = rng.choice(["a", "b"], n)
    age = rng.normal(40, 10, n)
    treated = rng.random(n) < 0.5
    effect = np.where(kind == "a", 0.12, 0.0) if differs else np.full(n, 0.06)
    outcome = rng.random(n) < 0.1 + 0.001 * (age - 40) + treated * effect
    return {"kind": kind, "age": age}, treated, outcome


def test_it_finds_whom_it_persuades():
    columns, treated, outcome = trial(8_000, differs=True)
    found = uplift.learn(columns, treated, outcome, 0.5)
    assert found.mean == pytest.approx(0.06, abs=3 * found.mean_error)
    assert found.signal
    # the best ranking has all of kind a first: area 0.12 * 0.5 * 0.25 = 0.015
    assert found.qini == pytest.approx(0.015, abs=3 * found.qini_error)
    of_a = found.effects[columns["kind"] == "a"].mean()
    assert of_a > found.effects[columns["kind"] == "b"].mean() + 0.06


def test_where_everybody_is_alike_it_says_that_there_is_no_signal():
    seen = [uplift.learn(*trial(4_000, differs=False, seed=seed), 0.5).signal for seed in range(6)]
    assert sum(seen) <= 1


def test_the_value_of_treating_some_is_told_with_its_error():
    columns, treated, outcome = trial(8_000, differs=True)
    found = uplift.learn(columns, treated, outcome, 0.5)
    value, error = found.value((columns["kind"] == "a").astype(float))
    assert value == pytest.approx(0.06, abs=3 * error)
    assert found.value(np.zeros(8_000)) == (0.0, 0.0)


def test_the_curve_begins_at_nothing_and_ends_at_the_mean():
    columns, treated, outcome = trial(2_000, differs=True)
    found = uplift.learn(columns, treated, outcome, 0.5)
    points = uplift.curve(found.effects, found.psi)
    assert points[0] == (0.0, 0.0)
    assert points[-1] == (1.0, pytest.approx(found.mean))


def test_what_cannot_be_learned_from_is_refused():
    columns, treated, outcome = trial(2_000, differs=True)
    with pytest.raises(ValueError, match="Each side needs 500 people"):
        uplift.learn(columns, np.zeros(2_000, dtype=bool), outcome, 0.5)
    with pytest.raises(ValueError, match="not between 0 and 1"):
        uplift.learn(columns, treated, outcome, 1.0)
