"""Do two things go together more than by chance? Pure.

The lift is a relative risk: how often B occurs where A does, over how often it does elsewhere, with
Katz's interval on the log scale and half a case added to each cell (Haldane 1956). The p-value is
Fisher's exact test where a cell expects fewer than ten, else the normal one; all pairs of a page
are judged together (Benjamini and Hochberg 1995), and q is what the false discovery rate would be
if this pair were the last one believed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEAST = 3.0  # weighed texts on which a pair must stand


@dataclass(frozen=True, slots=True)
class Table:
    """Cases in which A and B occur, A does, B does, and all of them; weights may be fractions."""

    both: float
    a: float
    b: float
    every: float


@dataclass(frozen=True, slots=True)
class Link:
    """lift with its 95 % interval, p two-sided, q after correction for all that were tested."""

    lift: float
    low: float
    high: float
    p: float
    q: float


def judged(tables: Sequence[Table]) -> list[Link]:
    """Every pair, judged together; a pair on fewer than LEAST cases is not tested (p = q = 1)."""
    risks = [_risk(t) for t in tables]
    chances = [_chance(t) if t.both >= LEAST else 1.0 for t in tables]
    qs = corrected(chances, sum(t.both >= LEAST for t in tables))
    return [
        Link(*risk, p, q) for risk, p, q in zip(risks, chances, qs, strict=True)
    ]  # fmt: skip


def corrected(chances: Sequence[float], tests: int) -> list[float]:
    """q of each p among `tests` tests: the smallest of m·p/rank over all ranks from here on."""
    order = sorted(range(len(chances)), key=lambda i: chances[i])
    found = [1.0] * len(chances)
    least = 1.0
    for rank, i in reversed(list(enumerate(order, start=1))):
        if rank <= tests:
            least = min(least, chances[i] * tests / rank)
            found[i] = least
    return found


def _risk(t: Table) -> tuple[float, float, float]:
    elsewhere, without = max(0.0, t.b - t.both), max(0.0, t.every - t.a)
    a, n1, c, n2 = t.both + 0.5, t.a + 1, elsewhere + 0.5, without + 1
    lift = (a / n1) / (c / n2)
    wide = 1.96 * math.sqrt(max(0.0, 1 / a - 1 / n1 + 1 / c - 1 / n2))
    return lift, lift * math.exp(-wide), lift * math.exp(wide)


def _chance(t: Table) -> float:
    both, a, b, every = (round(v) for v in (t.both, t.a, t.b, t.every))
    a, b, every = max(a, both), max(b, both), max(every, a, b, a + b - both)
    if not a or not b or a == every or b == every:
        return 1.0
    expected = a * b / every
    if min(expected, a - expected, b - expected, every - a - b + expected) < 10:
        return _fisher(both, a, b, every)
    spread = math.sqrt(expected * (1 - a / every) * (1 - b / every) * every / (every - 1))
    return math.erfc(max(0.0, abs(both - expected) - 0.5) / spread / math.sqrt(2))


def _fisher(both: int, a: int, b: int, every: int) -> float:
    """Twice the smaller tail of the hypergeometric distribution, at most 1."""
    first, last = max(0, a + b - every), min(a, b)

    def mass(k: int) -> float:
        return math.exp(_choose(a, k) + _choose(every - a, b - k) - _choose(every, b))

    below = sum(mass(k) for k in range(first, both + 1))
    above = sum(mass(k) for k in range(both, last + 1))
    return min(1.0, 2 * min(below, above))


def _choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
