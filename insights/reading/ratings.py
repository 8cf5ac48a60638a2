"""What people rate: surveys from 0 to 10 as a net promoter score, stars from 1 to 5 and our own
CSAT as the share that is satisfied, by month; side by side, each with its interval."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.tuning.lessons import wilson

GIVEN_SQL = """
SELECT s.id, s.name, s.kind, date_trunc('month', d.at AT TIME ZONE 'UTC')::date AS month,
       count(*), sum(d.weight), max(d.rating),
       coalesce(sum(d.weight) FILTER (WHERE d.rating >= 9), 0),
       coalesce(sum(d.weight) FILTER (WHERE d.rating <= 6), 0),
       coalesce(sum(d.weight) FILTER (WHERE d.rating >= 4), 0)
FROM insight_document d JOIN insight_source s ON s.tenant_id = d.tenant_id AND s.id = d.source_id
WHERE d.tenant_id = %(tenant)s AND d.rating IS NOT NULL AND d.state <> 'aside'
GROUP BY s.id, s.name, s.kind, month ORDER BY s.name, s.id, month"""
CSAT_SQL = """
SELECT date_trunc('month', created_at AT TIME ZONE 'UTC')::date AS month, count(*),
       count(rating), count(*) FILTER (WHERE rating >= 4)
FROM csat_rating WHERE tenant_id = %(tenant)s GROUP BY month ORDER BY month"""


@dataclass(frozen=True, slots=True)
class Month:
    """value with its 95 % interval: a score from -100 to 100, or percent satisfied; n ratings."""

    month: Any
    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rated:
    """One source of ratings: `scale` nps, stars or csat; `asked` how often CSAT was asked (0: not
    known)."""

    source: uuid.UUID | None
    name: str
    scale: str
    months: list[Month]
    whole: Month
    asked: int = 0

    @property
    def id(self) -> str:
        """Of its picture on the page."""
        return f"rated-{self.source or self.scale}"


def rated() -> list[Rated]:
    """Every source with ratings, our own CSAT last."""
    with connection.cursor() as cursor:
        cursor.execute(GIVEN_SQL, {"tenant": current_tenant()})
        rows = cursor.fetchall()
        cursor.execute(CSAT_SQL, {"tenant": current_tenant()})
        asked = cursor.fetchall()
    found = []
    for source in dict.fromkeys(row[0] for row in rows):
        mine = [row for row in rows if row[0] == source]
        nps = max(row[6] for row in mine) > 5
        months = [_nps(r[3], r[4], r[5], r[7], r[8]) if nps else _share(r[3], r[4], r[9], r[5])
                  for r in mine]  # fmt: skip
        n, weight, good, bad, fine = (sum(r[i] for r in mine) for i in (4, 5, 7, 8, 9))
        whole = _nps(None, n, weight, good, bad) if nps else _share(None, n, fine, weight)
        found.append(Rated(source, mine[0][1], "nps" if nps else "stars", months, whole))
    if any(row[2] for row in asked):
        months = [_share(r[0], r[2], r[3], r[2]) for r in asked if r[2]]
        given, fine = sum(r[2] for r in asked), sum(r[3] for r in asked)
        whole = _share(None, given, fine, given)
        found.append(Rated(None, "", "csat", months, whole, sum(r[1] for r in asked)))
    return found


def _nps(month: Any, n: int, weight: float, good: float, bad: float) -> Month:
    """Promoters (9 and 10) less detractors (0 to 6), of all, in points; the interval by the
    variance of that difference, p + d - (p - d)²."""
    p, d = good / weight, bad / weight
    wide = 1.96 * math.sqrt(max(0.0, p + d - (p - d) ** 2) / max(1.0, weight))
    value = 100 * (p - d)
    return Month(month, n, value, max(-100.0, value - 100 * wide), min(100.0, value + 100 * wide))


def _share(month: Any, n: int, fine: float, weight: float) -> Month:
    low, high = wilson(round(fine), max(1, round(weight)))
    return Month(month, n, 100 * fine / weight, 100 * max(0.0, low), 100 * min(1.0, high))


def chart(of: Rated) -> dict[str, Any] | None:
    """The months as a line with its interval."""
    if len(of.months) < 2:
        return None
    name = say("net promoter score") if of.scale == "nps" else say("satisfied")
    return {
        "kind": "line", "unit": "" if of.scale == "nps" else "%", "zero": of.scale == "nps",
        "x": [m.month.strftime("%Y-%m") for m in of.months],
        "series": [{"name": name, **_lines(of.months)}],
    }  # fmt: skip


def _lines(months: Sequence[Month]) -> dict[str, list[float]]:
    return {
        "values": [round(m.value, 1) for m in months], "low": [round(m.low, 1) for m in months],
        "high": [round(m.high, 1) for m in months],
    }  # fmt: skip
