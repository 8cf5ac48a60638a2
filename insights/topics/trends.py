"""Is this real? A topic's share of what is written lately against its share before. Pure.

Shares, not counts: more texts are no trend. The share is compared by a two-sided test of two
proportions (Agresti and Caffo 2000 for the interval), and because a page tests every topic at once,
Benjamini and Hochberg's procedure (1995) keeps false alarms among what is shown below one in ten.
With a year of texts the same season of last year is the comparison, else the weeks before.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

LEAST = 5.0  # weighed texts on either side, below which nothing is said
FALSE_ALARMS = 0.1


@dataclass(frozen=True, slots=True)
class Count:
    """Weighed texts of a topic, and of all topics together, in two stretches of time."""

    now: float
    now_all: float
    before: float
    before_all: float


@dataclass(frozen=True, slots=True)
class Shift:
    """How a share moved: the difference in points with its 95 % interval, the p-value, and the
    verdict: rising, falling, steady, or little (too few texts to say)."""

    difference: float
    low: float
    high: float
    p: float
    verdict: str


def shifts(counts: Sequence[Count]) -> list[Shift]:
    """Of every topic of a page, judged together."""
    found = [_compared(one) for one in counts]
    tested = sorted((s.p, n) for n, s in enumerate(found) if s.verdict != "little")
    most = 0.0
    for rank, (p, _) in enumerate(tested, start=1):
        if p <= FALSE_ALARMS * rank / len(tested):
            most = p
    return [
        Shift(s.difference, s.low, s.high, s.p,
              ("rising" if s.difference > 0 else "falling") if s.p <= most else "steady")
        if s.verdict != "little" else s
        for s in found
    ]  # fmt: skip


def _compared(one: Count) -> Shift:
    if one.now_all < 1 or one.before_all < 1:
        return Shift(0.0, 0.0, 0.0, 1.0, "little")
    p1, n1 = one.now / one.now_all, one.now_all
    p2, n2 = one.before / one.before_all, one.before_all
    a, b = (one.now + 1) / (n1 + 2), (one.before + 1) / (n2 + 2)
    wide = 1.96 * math.sqrt(a * (1 - a) / (n1 + 2) + b * (1 - b) / (n2 + 2))
    difference = 100 * (p1 - p2)
    low, high = 100 * (a - b - wide), 100 * (a - b + wide)
    if one.now + one.before < LEAST:
        return Shift(difference, low, high, 1.0, "little")
    pooled = (one.now + one.before) / (n1 + n2)
    spread = math.sqrt(max(1e-12, pooled * (1 - pooled) * (1 / n1 + 1 / n2)))
    z = abs(p1 - p2) / spread
    return Shift(difference, low, high, math.erfc(z / math.sqrt(2)), "")


# -- when did it change ------------------------------------------------------------------------

LEAST_WEEKS, SHUFFLES, SURE = 4, 199, 0.01


@dataclass(frozen=True, slots=True)
class Change:
    """From this place on a share is another: the shares before and since, and the p-value."""

    at: int
    before: float
    since: float
    p: float


def change_point(weeks: Sequence[tuple[float, float]]) -> Change | None:
    """The one place where a series of (part, whole) most likely changed, or None where none is
    sure. The likelihood ratio of two binomial shares against one, at the best split with four weeks
    and LEAST texts on either side; its p-value by shuffling whole weeks, which keeps what weeks
    differ by anyhow (Good 2005, "Permutation, parametric and bootstrap tests")."""
    best, at = _best_split(weeks)
    if at is None:
        return None
    rng, beaten = random.Random(0), 1  # noqa: S311 - not for secrets
    shuffled = list(weeks)
    for _ in range(SHUFFLES):
        rng.shuffle(shuffled)
        beaten += _best_split(shuffled)[0] >= best
    p = beaten / (SHUFFLES + 1)
    if p > SURE:
        return None
    return Change(at, _rate(weeks[:at]), _rate(weeks[at:]), p)


def _rate(weeks: Sequence[tuple[float, float]]) -> float:
    return sum(part for part, _ in weeks) / max(1e-9, sum(whole for _, whole in weeks))


def _best_split(weeks: Sequence[tuple[float, float]]) -> tuple[float, int | None]:
    parts, wholes = (sum(w[i] for w in weeks) for i in (0, 1))
    one = _likelihood(parts, wholes)
    best, at = 0.0, None
    part = whole = 0.0
    for i, (a, n) in enumerate(weeks[: len(weeks) - LEAST_WEEKS], start=1):
        part, whole = part + a, whole + n
        if i < LEAST_WEEKS or min(whole, wholes - whole) < LEAST:
            continue
        ratio = _likelihood(part, whole) + _likelihood(parts - part, wholes - whole) - one
        if ratio > best:
            best, at = ratio, i
    return best, at


def _likelihood(part: float, whole: float) -> float:
    """Of a binomial share at its best."""
    if part <= 0 or part >= whole:
        return 0.0
    share = part / whole
    return part * math.log(share) + (whole - part) * math.log(1 - share)
