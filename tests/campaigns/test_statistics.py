"""Exact values of the experiment statistics, by hand or by an independent formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from campaigns.experiments import advice, bandits, guardrails, statistics
from campaigns.experiments.advice import Reading
from campaigns.experiments.statistics import Moments


def bernoulli(n: int, successes: int) -> Moments:
    return Moments(n, successes, successes)


def test_moments_merge_and_have_the_sample_variance():
    merged = Moments(2, 3.0, 5.0) + Moments(3, 6.0, 14.0)
    assert merged == Moments(5, 9.0, 19.0)
    assert merged.mean == 1.8
    assert merged.variance == pytest.approx(np.var([1, 2, 1, 2, 3], ddof=1))


def test_effect_of_one_version_is_the_difference_of_means():
    effect = statistics.effect({1: bernoulli(1000, 100)}, {1: bernoulli(1000, 130)})
    assert effect.difference == pytest.approx(0.03)
    assert effect.error == pytest.approx(math.sqrt((0.09 + 0.1131) / 999), rel=1e-9)
    assert effect.base == pytest.approx(0.1)
    assert effect.fixed_low == pytest.approx(0.03 - 1.959964 * effect.error, abs=1e-6)
    assert effect.low < effect.fixed_low < effect.high


def test_effect_is_stratified_so_that_a_changing_split_does_not_mislead():
    """Simpson: within each version the arms are equal; pooled, the treatment looks better."""
    control = {1: bernoulli(900, 90), 2: bernoulli(100, 50)}
    treatment = {1: bernoulli(100, 10), 2: bernoulli(900, 450)}
    effect = statistics.effect(control, treatment)
    assert effect.difference == pytest.approx(0.0, abs=1e-12)
    naive = statistics.pooled(treatment).mean - statistics.pooled(control).mean
    assert naive == pytest.approx(0.32)


def test_thin_versions_join_their_neighbour():
    effect = statistics.effect(
        {1: bernoulli(5, 1), 2: bernoulli(100, 10)}, {1: bernoulli(3, 0), 2: bernoulli(100, 20)}
    )
    assert effect.difference == pytest.approx(20 / 103 - 11 / 105)


def test_effect_is_unknown_without_two_people_in_both_arms():
    assert statistics.effect({1: bernoulli(1, 0)}, {1: bernoulli(50, 3)}) is None
    assert statistics.effect({}, {}) is None


def test_always_valid_half_width_is_the_published_formula():
    rho2 = (-2 * math.log(0.05) + math.log(-2 * math.log(0.05) + 1)) / 5000
    n, error = 5000, 0.01
    sigma2 = error**2 * n
    want = math.sqrt(
        sigma2 * 2 * (n * rho2 + 1) / (n**2 * rho2) * math.log(math.sqrt(n * rho2 + 1) / 0.05)
    )
    assert statistics.always_valid_half_width(error, n) == pytest.approx(want, rel=1e-12)


def test_looking_every_day_errs_at_most_as_often_as_promised():
    """No effect, 40 looks: the always-valid interval excludes zero in under 5 % of the runs,
    the fixed one far more often."""
    rng = np.random.default_rng(0)
    runs, looks, step = 400, 40, 100
    wrong_valid = wrong_fixed = 0
    for _ in range(runs):
        a = np.cumsum(rng.binomial(step, 0.1, looks))
        b = np.cumsum(rng.binomial(step, 0.1, looks))
        effects = [
            statistics.effect({1: bernoulli(n, int(x))}, {1: bernoulli(n, int(y))})
            for n, x, y in zip(range(step, step * (looks + 1), step), a, b, strict=True)
        ]
        wrong_valid += any(e.low > 0 or e.high < 0 for e in effects)
        wrong_fixed += any(e.fixed_low > 0 or e.fixed_high < 0 for e in effects)
    assert wrong_valid / runs <= 0.05
    assert wrong_fixed / runs > 0.15


def test_sample_ratio_p_is_the_chi_square_of_the_logged_shares():
    p = statistics.srm_p({"a": 5200, "b": 4800}, {"a": 5000.0, "b": 5000.0})
    assert p == pytest.approx(stats.chisquare([5200, 4800]).pvalue)
    assert p < statistics.SRM_P
    assert statistics.srm_p({"a": 30, "b": 20}, {"a": 25.0, "b": 25.0}) is None


def test_people_needed_gives_the_power_it_promises_for_the_interval_that_is_used():
    """At n people an arm the effect is m(2n) + z_b standard errors away from zero; a single look
    would need 76,920 people for a 10 % lift on 2 %, the always-valid interval needs more."""
    variance = 0.02 * 0.98
    for lift, want in ((0.1, 186522), (0.5, 6017)):
        n = statistics.people_needed(0.02, variance, lift)
        assert n == want
        error = math.sqrt(2 * variance / n)
        reach = statistics.always_valid_half_width(1.0, 2 * n) + stats.norm.ppf(0.8)
        assert 0.02 * lift / error == pytest.approx(reach, rel=1e-3)
    assert statistics.people_needed(0.0, 0.0, 0.1) is None


def reading(control: Moments, treatment: Moments, **more: object) -> Reading:
    effect = statistics.effect({1: control}, {1: treatment})
    sides = {"control_n": control.n, "control_events": control.total}
    return Reading("b", "B", effect, n=treatment.n, events=treatment.total, **sides, **more)


def advise(one: Reading, **changes: object) -> advice.Recommendation:
    values = {"control_name": "A", "srm": 0.5, "needed": 5000, "per_day": 100.0, **changes}
    return advice.recommend([one], **values)


def test_ship_rollback_and_not_yet_are_told_apart():
    assert advise(reading(bernoulli(5000, 500), bernoulli(5000, 700))).kind == "ship"
    assert advise(reading(bernoulli(5000, 700), bernoulli(5000, 500))).kind == "rollback"
    waiting = advise(reading(bernoulli(500, 50), bernoulli(500, 55)))
    assert waiting.kind == "not_yet"
    assert waiting.people_missing == 4500
    assert "about 45 days" in waiting.sentence


def test_a_wrong_sample_ratio_comes_before_everything():
    found = advise(reading(bernoulli(5000, 500), bernoulli(5000, 700)), srm=1e-6)
    assert found.kind == "invalid"


def test_a_harmed_guardrail_rolls_a_winner_back():
    one = reading(bernoulli(5000, 500), bernoulli(5000, 700), harmed=("Unsubscribed",))
    assert advise(one).kind == "rollback"
    harm = statistics.effect({1: bernoulli(5000, 10)}, {1: bernoulli(5000, 200)})
    assert guardrails.harmed(harm, higher_is_better=False)
    assert not guardrails.harmed(harm, higher_is_better=True)


def test_few_conversions_are_not_believed_however_they_look():
    assert advise(reading(bernoulli(300, 0), bernoulli(300, 12))).kind == "not_yet"


def test_probability_best_agrees_with_two_arm_closed_form():
    """P(B > A) for Beta(2, 3) and Beta(4, 2): sum over the integer formula (Miller 2015)."""
    a1, b1, a2, b2 = 2, 3, 4, 2

    def beta(x: float, y: float) -> float:
        return math.gamma(x) * math.gamma(y) / math.gamma(x + y)

    want = sum(
        beta(a1 + i, b1 + b2) / ((b2 + i) * beta(1 + i, b2) * beta(a1, b1)) for i in range(a2)
    )
    found = bandits.probability_best([a1 - 1, a2 - 1], [a1 + b1 - 2, a2 + b2 - 2])
    assert found[1] == pytest.approx(want, abs=1e-5)
    assert sum(found) == pytest.approx(1)


def test_equal_arms_share_equally_and_a_clear_winner_takes_nearly_all():
    assert bandits.probability_best([10, 10, 10], [100, 100, 100]) == pytest.approx([1 / 3] * 3)
    assert bandits.probability_best([100, 200], [1000, 1000])[1] > 0.9999
    assert bandits.probability_best_normal([0.0, 0.0], [1.0, 1.0]) == pytest.approx([0.5, 0.5])


def test_more_successes_than_people_is_an_error():
    with pytest.raises(ValueError, match="more successes"):
        bandits.probability_best([5], [3])


def test_the_floor_holds_and_the_shares_sum_to_one():
    shares = bandits.with_floor({"a": 0.0, "b": 0.1, "c": 0.9}, 0.05)
    assert shares == pytest.approx({"a": 0.05, "b": 0.135, "c": 0.815})
    assert bandits.with_floor({"a": 1.0, "b": 0.0}, 0.7) == {"a": 0.5, "b": 0.5}


def test_choice_follows_the_slices_and_never_takes_a_zero():
    weights = {"a": 0.25, "b": 0.0, "c": 0.75}
    assert [bandits.choose(weights, d) for d in (0.0, 0.2499, 0.25, 0.9999999)] == list("aacc")
    with pytest.raises(ValueError, match="positive"):
        bandits.choose({"a": 0.0}, 0.5)


def test_draws_are_uniform_and_repeatable():
    draws = [bandits.draw_of("salt", str(n)) for n in range(5000)]
    assert draws[7] == bandits.draw_of("salt", "7")
    assert bandits.draw_of("salt", "7") != bandits.draw_of("other", "7")
    assert stats.kstest(draws, "uniform").pvalue > 0.01


def test_standardised_arms_have_met_the_same_mix_of_times():
    """Both arms convert alike within each version; pooled, the favoured one looks better."""
    first = {1: bernoulli(900, 90), 2: bernoulli(100, 50)}
    second = {1: bernoulli(100, 10), 2: bernoulli(900, 450)}
    a, b = statistics.standardised([first, second])
    assert (a.mean, b.mean) == (pytest.approx(0.3), pytest.approx(0.3))
    assert a.n == b.n == math.floor(1 / (0.25 / 900 + 0.25 / 100))  # far fewer than 1,000
    assert bandits.probability_best([a.total, b.total], [a.n, b.n]) == pytest.approx([0.5, 0.5])


def test_standardised_under_one_version_is_the_arm_itself_and_nobody_is_no_error():
    assert statistics.standardised([{1: bernoulli(50, 5)}, {1: bernoulli(30, 3)}]) == [
        bernoulli(50, 5), bernoulli(30, 3),
    ]  # fmt: skip
    assert statistics.standardised([{}, {1: bernoulli(3, 1)}]) == [
        Moments(0, 0.0, 0.0), bernoulli(3, 1),
    ]  # fmt: skip


def test_three_comparisons_share_the_error_of_one():
    """No effect in any of three arms, 40 looks: some interval excludes zero in under 5 % of runs."""
    rng = np.random.default_rng(1)
    runs, looks, step, wrong = 200, 40, 100, 0
    for _ in range(runs):
        arms = np.cumsum(rng.binomial(step, 0.1, (4, looks)), axis=1)
        wrong += any(
            e.low > 0 or e.high < 0
            for arm in arms[1:]
            for n, x, y in zip(range(step, step * (looks + 1), step), arms[0], arm, strict=True)
            for e in [
                statistics.effect(
                    {1: bernoulli(n, int(x))}, {1: bernoulli(n, int(y))}, alpha=0.05 / 3
                )
            ]
        )
    assert wrong / runs <= 0.05
    one = statistics.effect({1: bernoulli(500, 50)}, {1: bernoulli(500, 60)})
    three = statistics.effect({1: bernoulli(500, 50)}, {1: bernoulli(500, 60)}, alpha=0.05 / 3)
    assert three.high - three.low > one.high - one.low


def test_the_quadrature_agrees_with_scipys_distributions():
    a, b = stats.beta(31, 71), stats.beta(26, 76)
    x = np.linspace(0, 1, 20_001)
    want = np.trapezoid(a.pdf(x) * b.cdf(x), x)
    assert bandits.probability_best([30, 25], [100, 100])[0] == pytest.approx(want, abs=1e-6)
    want = stats.norm.cdf(0.3 / math.hypot(0.2, 0.1))
    found = bandits.probability_best_normal([0.3, 0.0], [0.2, 0.1])[0]
    assert found == pytest.approx(want, abs=1e-6)


def test_power_is_four_fifths_at_the_size_that_is_asked_for():
    variance = 0.02 * 0.98
    n = statistics.people_needed(0.02, variance, 0.5)
    assert statistics.power(0.02, variance, 0.5, n) == pytest.approx(0.8, abs=1e-3)
    assert statistics.power(0.02, variance, 0.5, 100) < 0.01
    assert statistics.power(0.0, 0.0, 0.5, 100) is None


def test_a_control_in_which_hardly_anybody_converted_is_not_one_without_variance():
    """As a shop saw it: 1 of 66 against 32 of 339. It looks like +1,051 %; it is not known."""
    one = reading(bernoulli(66, 1), bernoulli(339, 32))
    rate = 2 / 68
    want = math.sqrt(
        rate * (1 - rate) / 66 + statistics.pooled({1: bernoulli(339, 32)}).variance / 339
    )
    assert one.primary.error == pytest.approx(want)
    assert one.primary.low < 0
    assert advise(one).kind == "not_yet"


def test_the_sentence_names_the_effect_and_its_share_only_of_a_known_control():
    assert (
        "by 4.00 points (about 40 %),"
        in advise(reading(bernoulli(5000, 500), bernoulli(5000, 700))).sentence
    )
    few = advise(reading(bernoulli(5000, 10), bernoulli(5000, 300)))
    assert "by 5.80 points," in few.sentence


def test_a_bandit_without_a_better_arm_is_seldom_told_to_ship():
    """Equal arms, a holdout of a tenth, shares that follow P(best), 25 looks: under 5 % ship."""
    rng = np.random.default_rng(2)
    runs, looks, step, shipped = 100, 25, 80, 0
    for _ in range(runs):
        strata: dict[str, dict[int, Moments]] = {arm: {} for arm in ("held", "a", "b", "c")}
        shares = {"a": 0.3, "b": 0.3, "c": 0.3}
        for look in range(looks):
            counts = rng.multinomial(step, [0.1, *shares.values()])
            for arm, n in zip(strata, counts, strict=True):
                strata[arm][look] = bernoulli(int(n), int(rng.binomial(n, 0.05)))
            known = statistics.standardised([strata[arm] for arm in shares])
            if all(m.n for m in known):
                best = bandits.probability_best([m.total for m in known], [m.n for m in known])
                floored = bandits.with_floor(dict(zip(shares, best, strict=True)), 0.05)
                shares = {arm: share * 0.9 for arm, share in floored.items()}
            held = statistics.pooled(strata["held"])
            readings = [
                Reading(arm, arm, statistics.effect(strata["held"], strata[arm], alpha=0.05 / 3),
                        n=whole.n, events=whole.total, control_n=held.n, control_events=held.total)
                for arm in shares for whole in [statistics.pooled(strata[arm])]
            ]  # fmt: skip
            told = advice.recommend(readings, control_name="held", srm=0.5, needed=5000, per_day=10)
            if told.kind == "ship":
                shipped += 1
                break
    assert shipped / runs <= 0.05


def test_equal_money_is_seldom_told_to_ship_however_few_bought_so_far():
    """1.2 % buy for 50 in both arms, 150 against 1,000 people: it errs in under 5 % of looks."""
    rng = np.random.default_rng(3)
    shipped = 0
    for _ in range(400):
        sums = [rng.binomial(n, 0.012) for n in (150, 1000)]
        arms = [
            Moments(n, 50.0 * k, 2500.0 * k, int(k)) for n, k in zip((150, 1000), sums, strict=True)
        ]
        found = statistics.effect({1: arms[0]}, {1: arms[1]})
        one = Reading(
            "b", "B", found, n=1000, events=sums[1], control_n=150, control_events=sums[0]
        )
        shipped += advise(one, rate=False).kind == "ship"
    assert shipped <= 20


def test_counts_and_money_are_told_in_their_own_unit():
    a, b = Moments(4000, 4800.0, 9000.0, 2000), Moments(4000, 6000.0, 12000.0, 2400)
    found = statistics.effect({1: a}, {1: b})
    one = Reading("b", "B", found, n=4000, events=2400, control_n=4000, control_events=2000)
    assert "by 0.30 a person (about 25 %)," in advise(one, rate=False).sentence


def test_money_of_an_arm_that_sold_nothing_has_the_variance_of_both_arms():
    nothing, some = Moments(100, 0.0, 0.0, 0), Moments(100, 500.0, 25000.0, 10)
    assert statistics.spread({1: nothing}, {1: some}) == (nothing + some).variance
    assert statistics.spread({1: some}, {1: nothing}) == some.variance
