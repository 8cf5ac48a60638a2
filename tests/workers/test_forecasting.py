"""The forecasting engine on series whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from workers.engines import forecasting


def season(n: int = 60, noise: float = 0.02, seed: int = 0) -> np.ndarray:
    t = np.arange(n)
    rng = np.random.default_rng(seed)
    return (100 + t) * (1 + 0.3 * np.sin(2 * np.pi * t / 12)) * np.exp(rng.normal(0, noise, n))


def test_a_season_with_a_trend_is_foretold_better_than_by_the_baseline():
    whole = season(72)
    told = forecasting.forecast(whole[:60], 12, 12)
    assert np.abs(told.mean / whole[60:] - 1).mean() < 0.05
    assert np.abs(told.baseline - whole[60:]).mean() > 2 * np.abs(told.mean - whole[60:]).mean()
    by = {t.model: t for t in told.trials}
    assert by[told.model].mase < by["seasonal_naive"].mase
    assert by["median"].n == by["naive"].n > 0


def test_intervals_hold_about_as_often_as_they_say():
    inside = np.zeros(2)
    for seed in range(16):  # a shop's days
        rng = np.random.default_rng(seed)
        week = np.tile([1.0, 1.0, 0.9, 1.1, 1.2, 1.6, 1.5], 20)
        whole = 100 * week * np.exp(rng.normal(0, 0.1, 140))
        told = forecasting.forecast(whole[:126], 14, 7, most=0)
        inside += ((told.low <= whole[126:]) & (whole[126:] <= told.high)).mean(1)
    assert 0.7 <= inside[0] / 16 <= 0.92
    assert inside[1] / 16 >= 0.9


def test_intervals_widen_and_never_go_below_zero():
    rng = np.random.default_rng(1)
    walk = np.exp(np.cumsum(rng.normal(0, 0.2, 80)))
    told = forecasting.forecast(walk, 12, 1, most=0)
    wide = np.log(told.high[0] / told.low[0])
    assert wide[-1] > 1.5 * wide[0]
    counts = rng.poisson(0.4, 90).astype(float)
    rare = forecasting.forecast(counts, 14, 7, most=0)
    assert (rare.low >= 0).all()
    assert set(forecasting.members(counts)) == {"croston", "adida"}


def test_the_median_is_kept_unless_another_is_better_by_more_than_chance():
    near = np.tile([1.0, -1.0], (6, 6))
    errors = {"median": near, "a": near * 0.99, "seasonal_naive": near * 2}
    errors["a"][0] *= 4  # once much worse
    assert forecasting.chosen(errors) == "median"
    errors["b"] = near * np.linspace(0.4, 0.6, 6)[:, None]
    assert forecasting.chosen(errors) == "b"
    assert forecasting.chosen(errors, ["b", "median"]) == "a"


def test_few_points_have_no_interval_and_the_same_values_no_error():
    told = forecasting.forecast(np.array([3.0, 4.0, 5.0]), 4, 7)
    assert told.mean.tolist() == [5.0] * 4
    assert np.isnan(told.low).all()
    flat = forecasting.forecast(np.full(40, 7.0), 5, 7)
    assert flat.mean == pytest.approx(7.0, abs=0.01)


def test_what_is_unsure_moves_most_until_parts_add_up():
    total, parts = np.array([100.0]), np.array([[60.0], [50.0]])
    whole, moved = forecasting.reconciled(total, parts, np.array([1.0]), np.array([[1.0], [2.0]]))
    assert moved.sum(0) == pytest.approx(whole)
    assert 60 - moved[0, 0] == pytest.approx((50 - moved[1, 0]) / 4)
    assert 100 < whole[0] < 110


def test_a_sale_that_was_rare_and_is_not_any_more():
    """The models of now are tried on what was, so that the one chosen is there."""
    rng = np.random.default_rng(0)
    early = np.where(rng.random(60) < 0.7, 0.0, 5.0)
    late = 20 + rng.poisson(3.0, 120).astype(float)
    for values in (np.concatenate([early, late]), np.concatenate([late, early])):
        found = forecasting.forecast(values, 14, 7)
        assert np.isfinite(found.mean).all()
        assert found.model in {t.model for t in found.trials}
        assert len({t.n for t in found.trials}) == 1  # each at the same origins
