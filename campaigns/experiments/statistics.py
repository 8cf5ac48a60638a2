"""Statistics of experiments from sums (n, sum, sum of squares) that merge. Pure.

Arms are compared within each allocation version and then averaged over versions: a bandit
changes shares while the world changes too, and pooled means would mix the two (Simpson).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

ALPHA = 0.05
POWER = 0.8
Z_POWER = float(special.ndtri(POWER))
TUNED_FOR = 5_000  # people at which the always-valid interval is tightest
SRM_P = 0.001
LEAST_PEOPLE, LEAST_EVENTS = 100, 20  # below these no interval of a rate is believed
PRIOR_SD = 0.3  # prior of the relative effect: N(0, 0.3^2), so small tests are shrunk


@dataclass(frozen=True, slots=True)
class Moments:
    """n people, the sum of their values, the sum of the squares. Of a rate (values 0 and 1) `hits`
    is None; of money or counts it is the number of people with any value at all."""

    n: int
    total: float
    squares: float
    hits: int | None = None

    def __add__(self, other: Moments) -> Moments:
        hits = None
        if self.hits is not None or other.hits is not None:
            hits = (self.hits or 0) + (other.hits or 0)
        total, squares = self.total + other.total, self.squares + other.squares
        return Moments(self.n + other.n, total, squares, hits)

    @property
    def events(self) -> float:
        """People in whom something happened: what evidence is counted by."""
        return self.total if self.hits is None else self.hits

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        """Sample variance; 0 for fewer than two people."""
        if self.n < 2:
            return 0.0
        return max(0.0, (self.squares - self.total**2 / self.n) / (self.n - 1))


ZERO = Moments(0, 0.0, 0.0)
Strata = dict[int, Moments]  # allocation version -> moments


@dataclass(frozen=True, slots=True)
class Effect:
    """Treatment minus control in the metric's unit. `low`..`high` is valid at every look."""

    difference: float
    error: float
    low: float
    high: float
    fixed_low: float
    fixed_high: float
    base: float
    chance: float
    n: int

    @property
    def relative(self) -> float | None:
        return self.difference / self.base if self.base else None


def spread(arm: Strata, other: Strata) -> float:
    """Variance of one person's value in an arm, over all versions.

    An arm in which hardly anybody did anything yet is not an arm without variance. Of a rate with
    fewer than 20 people on either side it is that of (s + 1) / (n + 2) (Laplace); of money or
    counts with fewer than 20, that of both arms together, if it is larger.
    """
    whole = pooled(arm)
    if whole.hits is not None:
        few = whole.hits < LEAST_EVENTS
        return max(whole.variance, (whole + pooled(other)).variance) if few else whole.variance
    if min(whole.total, whole.n - whole.total) < LEAST_EVENTS:
        rate = (whole.total + 1) / (whole.n + 2)
        return max(whole.variance, rate * (1 - rate))
    return whole.variance


def pooled(strata: Strata) -> Moments:
    return sum(strata.values(), start=ZERO)


def effect(control: Strata, treatment: Strata, *, alpha: float = ALPHA) -> Effect | None:
    """The stratified difference of means; None while no version has two people in both arms.

    `alpha` is the error of this interval; who makes several comparisons shares ALPHA among them.

    difference = sum_v (N_v / N) (mean_tv - mean_cv), variance = sum_v (N_v / N)^2
    (s2_t / n_tv + s2_c / n_cv), N_v the people of both arms under version v, s2 from `spread`.
    """
    merged = _merge_thin([control, treatment])
    whole = sum(c.n + t.n for c, t in merged)
    if not merged or not whole:
        return None
    difference = variance = base = mean = 0.0
    spread_c, spread_t = spread(control, treatment), spread(treatment, control)
    for c, t in merged:
        share = (c.n + t.n) / whole
        difference += share * (t.mean - c.mean)
        variance += share**2 * (spread_c / c.n + spread_t / t.n)
        base += share * c.mean
        mean += share * (c + t).mean
    error = math.sqrt(variance)
    half = always_valid_half_width(error, whole, alpha=alpha)
    z = float(special.ndtri(1 - alpha / 2))
    return Effect(
        difference, error, difference - half, difference + half, difference - z * error,
        difference + z * error, base, chance_to_beat(difference, error, mean), whole,
    )  # fmt: skip


def _merge_thin(arms: list[Strata], *, least: int = 2) -> list[list[Moments]]:
    """Versions in order, each with every arm's moments; a version too thin to have a variance in
    every arm joins its neighbour, and what is left with under `least` people is dropped."""
    merged: list[list[Moments]] = []
    waiting = [ZERO] * len(arms)
    for version in sorted(set().union(*arms)):
        waiting = [w + arm.get(version, ZERO) for w, arm in zip(waiting, arms, strict=True)]
        if min(m.n for m in waiting) >= 20:
            merged.append(waiting)
            waiting = [ZERO] * len(arms)
    if merged and any(m.n for m in waiting):
        waiting = [w + m for w, m in zip(waiting, merged.pop(), strict=True)]
    if min(m.n for m in waiting) >= least:
        merged.append(waiting)
    return merged


def standardised(arms: list[Strata]) -> list[Moments]:
    """Each arm as if it had met the same mix of times, for a bandit whose shares moved.

    mean_a = sum_v (N_v / N) mean_av; n_a = 1 / sum_v ((N_v / N)^2 / n_av), the number of people
    that would know the mean as well (Kish 1965). People whose window is open count as they are:
    within a version they are as young in one arm as in the other.
    """
    merged = _merge_thin(arms, least=1)
    whole = sum(m.n for version in merged for m in version)
    if not merged:
        return [pooled(arm) for arm in arms]
    found = []
    for index in range(len(arms)):
        mean = square = thin = 0.0
        for version in merged:
            share = sum(m.n for m in version) / whole
            own = version[index]
            mean += share * own.mean
            square += share * own.squares / own.n
            thin += share**2 / own.n
        n = max(1, math.floor(1 / thin))
        found.append(Moments(n, mean * n, square * n))
    return found


def always_valid_half_width(error: float, n: int, *, alpha: float = ALPHA) -> float:
    """Half width of an asymptotic confidence sequence for a mean with standard error `error`.

    sigma * sqrt(2 (n r^2 + 1) / (n^2 r^2) * log(sqrt(n r^2 + 1) / alpha)), sigma = error sqrt(n),
    r tuned for TUNED_FOR. It may be looked at every day without raising the error rate.
    Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (2021), Time-uniform central limit
    theory and asymptotic confidence sequences, theorem 2.2 and eq. 14.
    """
    if n <= 0 or error == 0:
        return 0.0
    log_alpha = -2 * math.log(alpha)
    rho2 = (log_alpha + math.log(log_alpha + 1)) / TUNED_FOR
    k = n * rho2 + 1
    return error * math.sqrt(n) * math.sqrt(2 * k / (n * n * rho2) * math.log(math.sqrt(k) / alpha))


def chance_to_beat(difference: float, error: float, mean: float) -> float:
    """P(treatment > control) under a normal likelihood and the prior N(0, (0.3 mean)^2), `mean`
    that of both arms: a control with two conversions says too little to scale a prior."""
    if error == 0:
        return 0.5
    prior = (PRIOR_SD * abs(mean)) ** 2 if mean else math.inf
    weight = 1.0 if math.isinf(prior) else prior / (prior + error**2)
    return float(special.ndtr(weight * difference / (error * math.sqrt(weight)))) if weight else 0.5


def srm_p(observed: dict[str, int], expected: dict[str, float]) -> float | None:
    """Sample-ratio mismatch: chi-square p of the counts against the logged propensities.

    Below 0.001 people were lost, doubled or misrouted, and no effect can be believed.
    """
    arms = [arm for arm in expected if expected[arm] > 0]
    total = sum(observed.get(arm, 0) for arm in arms)
    if total < 100 or len(arms) < 2:
        return None
    scale = total / sum(expected[arm] for arm in arms)
    wanted = {arm: expected[arm] * scale for arm in arms}
    chi2 = sum((observed.get(arm, 0) - wanted[arm]) ** 2 / wanted[arm] for arm in arms)
    return float(special.chdtrc(len(arms) - 1, chi2))


def people_needed(
    base: float, variance: float, relative_lift: float, *, alpha: float = ALPHA
) -> int | None:
    """People an arm needs so that the always-valid interval leaves zero out with 80 % power.

    n = 2 variance (m(2n) + z_b)^2 / (base lift)^2, where m is the interval's half width in
    standard errors (1.96 for a single look, about 3 here); solved by iteration. None when the
    base is 0.
    """
    if base <= 0 or relative_lift <= 0 or variance <= 0:
        return None
    scale = 2 * variance / (base * relative_lift) ** 2
    n = 1e4
    for _ in range(50):
        half = always_valid_half_width(1.0, math.ceil(2 * n), alpha=alpha)
        n = max(2.0, scale * (half + Z_POWER) ** 2)
    return math.ceil(n)


def power(
    base: float, variance: float, relative_lift: float, n: int, *, alpha: float = ALPHA
) -> float | None:
    """Probability that n people an arm show a true effect of `relative_lift`: the normal
    probability that the estimate lands beyond the interval's half width. None when unknown."""
    if base <= 0 or variance <= 0 or n < 1:
        return None
    reach = base * relative_lift / math.sqrt(2 * variance / n)
    return float(special.ndtr(reach - always_valid_half_width(1.0, 2 * n, alpha=alpha)))
