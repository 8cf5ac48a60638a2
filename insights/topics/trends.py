"""Is this real? A topic's share of what is written lately against its share before. Pure.

Shares, not counts: more texts are no trend. The share is compared by a two-sided test of two
proportions (Agresti and Caffo 2000 for the interval), and because a page tests every topic at once,
Benjamini and Hochberg's procedure (1995) keeps false alarms among what is shown below one in ten.
With a year of texts the same season of last year is the comparison, else the weeks before.
"""

from __future__ import annotations

import math
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
