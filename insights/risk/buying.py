"""What each customer bought until a moment: how often, when last, since when, for how much."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db import connection

from attune.kernel.tenancy import current_tenant

LOOKS_BACK = 1_100  # days
# Several events of a day are one purchase. What is given back (below 0) lowers no average.
BUYING_SQL = """
WITH days AS (
  SELECT e.contact_id, (e.at AT TIME ZONE %(zone)s)::date AS day,
    coalesce(sum(greatest(e.value_cents, 0)), 0) / 100.0 AS money
  FROM event e
  WHERE e.tenant_id = %(tenant)s AND e.name = %(goal)s AND NOT e.is_machine
    AND e.at >= %(since)s AND e.at < %(at)s AND e.contact_id = ANY(%(people)s)
  GROUP BY 1, 2),
placed AS (SELECT *, min(day) OVER (PARTITION BY contact_id) AS first FROM days)
SELECT contact_id, count(*) - 1, max(day) - min(first),
  (%(at)s AT TIME ZONE %(zone)s)::date - min(first), avg(money) FILTER (WHERE day > first),
  sum(money)
FROM placed GROUP BY contact_id"""


@dataclass(frozen=True, slots=True)
class Bought:
    """Of contacts, in the order asked (n,): repeat purchases `x`, days from the first to the last
    `t` and to the moment `seen`, money of a repeat purchase on average `mean`, and `spent` in all;
    `place` says which of those asked bought anything."""

    place: np.ndarray
    x: np.ndarray
    t: np.ndarray
    seen: np.ndarray
    mean: np.ndarray
    spent: np.ndarray


def until(at: datetime, goal: str, people: Sequence[uuid.UUID], zone: str) -> Bought:
    """What these contacts bought before `at`."""
    with connection.cursor() as cursor:
        cursor.execute(BUYING_SQL, {
            "tenant": current_tenant(), "goal": goal, "at": at, "zone": zone,
            "since": at - timedelta(days=LOOKS_BACK), "people": list(people),
        })  # fmt: skip
        found = {row[0]: row[1:] for row in cursor.fetchall()}
    place = np.array([i for i, contact in enumerate(people) if contact in found], dtype=int)
    rows = [found[people[i]] for i in place]
    x, t, seen, mean, spent = (
        np.array([float(row[k] or 0.0) for row in rows]) for k in range(5)
    )  # fmt: skip
    return Bought(place, x, t, np.maximum(seen, t), mean, spent)
