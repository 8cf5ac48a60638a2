"""How many people and days it takes to show an effect, from what people did lately."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.decisions.models import Metric
from campaigns.experiments import statistics
from campaigns.segments.models import Segment

PACE_DAYS = 30
LIFTS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)

BASE_SQL = """
WITH people AS (
  SELECT c.id FROM contact c WHERE c.tenant_id = %(tenant)s AND c.status = 'enabled'
    AND (%(segment)s::uuid IS NULL OR EXISTS (
      SELECT 1 FROM segment_membership m WHERE m.tenant_id = %(tenant)s AND m.contact_id = c.id
        AND m.segment_id = %(segment)s AND m.left_at IS NULL))),
did AS (
  SELECT e.contact_id, CASE %(kind)s WHEN 'conversion' THEN 1 WHEN 'count' THEN count(*)
    ELSE coalesce(sum(e.value_cents), 0) / 100.0 END AS value
  FROM event e JOIN people p ON p.id = e.contact_id
  WHERE e.tenant_id = %(tenant)s AND e.name = %(event)s AND e.at > %(since)s AND NOT e.is_machine
  GROUP BY e.contact_id),
came AS (
  SELECT count(DISTINCT e.contact_id) AS n FROM event e JOIN people p ON p.id = e.contact_id
  WHERE e.tenant_id = %(tenant)s AND e.at > %(lately)s AND NOT e.is_machine
    AND e.name <> 'Message Sent')
SELECT (SELECT count(*) FROM people), coalesce(sum(value), 0)::float8,
  coalesce(sum(value * value), 0)::float8, (SELECT n FROM came) FROM did"""


@dataclass(frozen=True, slots=True)
class Base:
    """What people do without the experiment: how many there are, how many come by in a day, the
    mean of the metric in one window, its variance."""

    people: int
    per_day: float
    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class Plan:
    """People an arm, in all, and days at today's pace (None where nobody comes by)."""

    people: int
    total: int
    days: int | None


def base_of(
    metric: Metric, *, window_days: float, now: datetime, segment: Segment | None = None
) -> Base:
    """The base of a metric within a window, among the members of a segment or everybody."""
    values: dict[str, Any] = {
        "tenant": current_tenant(), "segment": segment.pk if segment else None,
        "kind": metric.kind, "event": metric.event_name,
        "since": now - timedelta(days=window_days), "lately": now - timedelta(days=PACE_DAYS),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(BASE_SQL, values)
        people, total, squares, came = cursor.fetchone()
    if not people:
        return Base(0, 0.0, 0.0, 0.0)
    mean = total / people
    return Base(people, came / PACE_DAYS, mean, max(0.0, squares / people - mean * mean))


def plan(base: Base, *, lift: float, arms: int, explained: float = 0.0) -> Plan | None:
    """None where the base says nothing. `explained` is the share of the variance that CUPED takes
    away. Comparisons with the control share the error, as the analysis does."""
    needed = statistics.people_needed(
        base.mean, base.variance * (1 - explained), lift,
        alpha=statistics.ALPHA / max(1, arms - 1),
    )  # fmt: skip
    if needed is None:
        return None
    total = needed * arms
    days = math.ceil(total / base.per_day) if base.per_day > 0 else None
    return Plan(needed, total, days)


def curve(base: Base, *, arms: int, explained: float = 0.0) -> dict[str, Any] | None:
    """People an arm by the effect that is looked for, as the page's chart draws it."""
    found = [(lift, plan(base, lift=lift, arms=arms, explained=explained)) for lift in LIFTS]
    known = [(lift, one) for lift, one in found if one is not None]
    if not known:
        return None
    return {
        "kind": "line", "unit": say("people an arm"), "along": say("Effect"),
        "x": [f"{lift:.0%}" for lift, _ in known],
        "series": [{"name": str(say("People an arm")), "values": [one.people for _, one in known]}],
    }  # fmt: skip
