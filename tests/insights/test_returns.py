"""What a campaign may lose: draws against what is known of normal distributions."""

from __future__ import annotations

import numpy as np
import pytest

from insights.risk import actions, returns
from insights.risk.returns import Effect, Plan


def test_one_guess_gives_the_normal_it_was_drawn_from():
    plan = Plan(people=1_000, cost=500.0, margin=0.5)
    found = returns.outlook(returns.assumed(1.2, 0.4), 0.0, plan)
    low, middle, high = found.between()  # net ~ normal(0.5 * 1200 - 500, 200)
    assert (low, middle, high) == pytest.approx((100 - 329, 100, 100 + 329), abs=8)
    assert found.loss == pytest.approx(0.3085, abs=0.012)
    assert found.at_risk == pytest.approx(229, abs=8)
    assert found.shortfall == pytest.approx(-(100 - 2.063 * 200), abs=12)
    assert found.roi() == pytest.approx((low / 500, middle / 500, high / 500))
    assert returns.break_even(plan) == 1.0
    x, share = found.bars()
    assert len(x) == len(share) == 30
    assert sum(share) == pytest.approx(0.99, abs=0.005)


def test_who_happens_to_buy_is_part_of_what_is_risked():
    plan = Plan(people=400, cost=0.0, margin=1.0)
    found = returns.outlook(returns.assumed(0.0, 0.0), 10.0, plan)
    assert found.net.std() == pytest.approx(10 * 20, rel=0.03)
    assert found.roi() is None


def test_the_next_campaign_differs_as_earlier_ones_did():
    alike = [Effect(2.0, 0.2, 8.0)] * 6
    apart = [Effect(m, 0.2, 8.0) for m in (-2.0, 0.0, 2.0, 4.0, 6.0, 2.0)]
    close, wide = returns.believed(alike), returns.believed(apart)
    assert close.mean() == pytest.approx(2.0, abs=0.05)
    assert wide.mean() == pytest.approx(2.0, abs=0.2)
    assert close.std() < 0.4
    assert 2.5 < wide.std() < 4.5  # the six have a deviation of 2.8, which is not known well
    assert returns.believed(alike).tolist() == close.tolist()  # the same rows, the same answer


def test_one_campaign_says_little_of_the_next():
    one = returns.believed([Effect(3.0, 0.5, 8.0)])
    assert np.median(one) == pytest.approx(3.0, abs=0.3)
    assert (one < 0).mean() > 0.1


def test_a_plan_for_nobody():
    plan = Plan(people=0, cost=100.0, margin=1.0)
    found = returns.outlook(returns.assumed(1.0, 0.5), 5.0, plan)
    assert found.between() == (-100, -100, -100)
    assert found.loss == 1.0
    assert returns.break_even(plan) is None
    assert found.bars() == ([-100.0], [1.0])


@pytest.mark.parametrize(
    ("p", "worth", "complains", "permitted", "action"),
    [
        (0.9, 0.9, False, True, "personal"), (0.9, 0.9, False, False, "personal"),
        (0.9, 0.5, False, True, "win_back"), (0.9, 0.5, False, False, "ask"),
        (0.9, 0.1, False, True, "leave"), (0.5, 0.9, False, True, "remind"),
        (0.5, 0.1, False, True, "nothing"), (0.1, 0.9, False, True, "nothing"),
        (0.1, 0.1, True, True, "answer"), (0.9, 0.9, True, True, "answer"),
    ],
)  # fmt: skip
def test_what_may_be_done(p, worth, complains, permitted, action):
    assert actions.advised(p, worth, complains=complains, permitted=permitted) == action


def test_ranks_are_the_share_left_behind():
    assert actions.ranked(np.array([5.0, 1.0, 9.0])).tolist() == [0.5, 0.0, 1.0]
    assert actions.ranked(np.array([5.0])).tolist() == [0.0]
