"""Who buys again: the published figures of CDNOW, and customers simulated from known parameters."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from workers.engines import btyd
from workers.engines.btyd import Buying, History, Spending

CDNOW = Path(__file__).resolve().parents[2].parent / "shared/data/cdnow"


def simulated(n: int, truth: Buying, seen: float, ahead: float) -> tuple[History, np.ndarray]:
    """Customers until `seen`, and how often each buys in the time ahead."""
    rng = np.random.default_rng(0)
    rate, drop = rng.gamma(truth.r, 1 / truth.alpha, n), rng.beta(truth.a, truth.b, n)
    x, t, later = np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n):
        at = 0.0
        while True:
            at += rng.exponential(1 / rate[i])
            if at > seen + ahead:
                break
            if at <= seen:
                x[i], t[i] = x[i] + 1, at
            else:
                later[i] += 1
            if rng.random() < drop[i]:
                break
    return History(x, t, np.full(n, seen)), later


@pytest.mark.skipif(not CDNOW.exists(), reason="needs ../shared/data/cdnow")
def test_it_finds_the_published_parameters_of_cdnow():
    with (CDNOW / "cdnow_sample_calibration.csv").open() as file:
        rows = list(csv.DictReader(file))
    x, t, seen = (np.array([float(r[k]) for r in rows]) for k in ("frequency", "recency", "T"))
    found = btyd.fit_buying(History(x, t, seen))
    assert (found.r, found.alpha) == pytest.approx((0.243, 4.414), abs=0.002)
    assert (found.a, found.b) == pytest.approx((0.793, 2.426), abs=0.006)
    assert found.loss == pytest.approx(9582.4, abs=0.1)
    days = btyd.fit_buying(History(x, t * 7, seen * 7))  # in any unit of time
    assert days.alpha == pytest.approx(7 * found.alpha, rel=0.005)


def test_what_it_expects_is_what_comes():
    truth = Buying(0.8, 6.0, 0.9, 2.5, 0.0)
    history, later = simulated(6_000, truth, 40.0, 20.0)
    found = btyd.fit_buying(history)
    assert found.expected(history, 20.0).sum() == pytest.approx(later.sum(), rel=0.08)
    chance = found.buys(history, 20.0)
    assert chance.mean() == pytest.approx((later > 0).mean(), abs=0.015)
    top = np.argsort(-chance)[:600]
    assert later[top].sum() > 3 * later.sum() / 10
    alive = found.alive(
        History(np.array([5.0, 5.0, 0.0]), np.array([39.0, 5.0, 0.0]), np.full(3, 40.0))
    )
    assert alive[0] > 0.8 > alive[1]
    assert alive[2] == 1  # who never bought again cannot have left after a purchase


def test_spending_is_drawn_to_the_mean_the_less_is_known():
    rng = np.random.default_rng(1)
    truth = Spending(6.0, 4.0, 15.0)
    level = truth.v / rng.gamma(truth.q, 1, 4_000)  # 1 / nu
    x = rng.integers(1, 8, 4_000)
    mean = np.array([rng.gamma(truth.p, lv, k).mean() for lv, k in zip(level, x, strict=True)])
    found = btyd.fit_spending(x, mean)
    usual = float(found.expected(np.zeros(1), np.zeros(1))[0])
    assert usual == pytest.approx(truth.p * truth.v / (truth.q - 1), rel=0.1)
    once, often = found.expected(np.array([1, 20]), np.array([90.0, 90.0]))
    assert usual < once < often < 90


def test_too_few_and_impossible_customers_are_refused():
    few = History(np.zeros(50), np.zeros(50), np.full(50, 9.0))
    with pytest.raises(btyd.TooLittle, match="0 of 50 customers bought again"):
        btyd.fit_buying(few)
    with pytest.raises(ValueError, match="at most T"):
        History(np.array([1.0]), np.array([9.0]), np.array([5.0]))
