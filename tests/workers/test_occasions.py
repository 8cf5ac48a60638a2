"""Known days: their effect is found, taken out of the history and put into what is foretold."""

from __future__ import annotations

import numpy as np
import pytest

from workers.engines import occasions

WEEK = [1.0, 1.0, 1.0, 1.0, 1.2, 1.6, 1.4]


def shop(weeks: int = 30, noise: float = 0.08, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 100 * np.tile(WEEK, weeks) * np.exp(rng.normal(0, noise, 7 * weeks))


def test_an_occasion_that_was_seen_some_times_is_believed_and_comes_again():
    values, places = shop(), [20, 62, 104, 146, 188, 215]
    for at in places[:5]:
        values[at] *= 2.0
    (effect,) = occasions.effects(values, {"Sale": places}, 7)
    assert effect.seen == 5
    assert effect.believed
    assert 1.6 < effect.factor < 2.0  # drawn a little towards none
    clean = occasions.without(values, {"Sale": places}, [effect])
    assert clean[20] == pytest.approx(values[20] / effect.factor)
    assert clean[21] == values[21]
    ahead = occasions.factors(210, 14, {"Sale": places}, [effect])
    assert ahead[5] == effect.factor
    assert ahead.sum() == pytest.approx(13 + effect.factor)


def test_what_did_nothing_is_not_believed_and_changes_nothing():
    values, places = shop(seed=3), [20, 62, 104, 146, 188]
    (effect,) = occasions.effects(values, {"Poster": places}, 7)
    assert not effect.believed
    assert (occasions.without(values, {"Poster": places}, [effect]) == values).all()
    assert (occasions.factors(210, 7, {"Poster": [212]}, []) == 1).all()


def test_chance_is_seldom_believed():
    believed = 0
    for seed in range(60):
        values = shop(seed=seed)
        places = list(np.random.default_rng(seed).integers(30, 180, 4))
        believed += sum(e.believed for e in occasions.effects(values, {"x": places}, 7))
    assert believed <= 60 * 0.1


def test_a_closed_day_once_seen_counts_less_than_many():
    values = shop()
    values[100] = 0.0
    (once,) = occasions.effects(values, {"Closed": [100]}, 7)
    assert once.seen == 1
    assert once.factor < 0.2
    assert occasions.effects(values, {"Never": [500]}, 7) == []
