"""Reading the decision log: sums per arm, never rows."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Max, QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import selectors as contacts
from campaigns.decisions.models import Decision, Goal, Metric

SUMS_SQL = """
WITH worth AS (
  SELECT d.action, d.version, d.id, coalesce(sum(r.value), 0) AS value
  FROM decision d LEFT JOIN reward r
    ON r.tenant_id = %(tenant)s AND r.decision_id = d.id AND r.metric_id = %(metric)s
       AND r.observed_at < %(until)s
  WHERE d.tenant_id = %(tenant)s AND d.source_id = %(source)s AND d.at < %(until)s
    AND d.mode <> 'fallback'  -- the winner after the end: no experiment any more
  GROUP BY d.action, d.version, d.id),
shaped AS (
  SELECT action, version, CASE WHEN %(binary)s THEN least(value, 1) ELSE value END AS value
  FROM worth)
SELECT action, version, count(*), sum(value)::float8, sum(value * value)::float8,
  count(*) FILTER (WHERE value <> 0)
FROM shaped GROUP BY action, version ORDER BY version, action"""


JOINT_SQL = """
WITH worth AS (
  SELECT d.action, d.version, d.id, d.contact_id, d.at, coalesce(sum(r.value), 0) AS value
  FROM decision d LEFT JOIN reward r
    ON r.tenant_id = %(tenant)s AND r.decision_id = d.id AND r.metric_id = %(metric)s
       AND r.observed_at < %(until)s
  WHERE d.tenant_id = %(tenant)s AND d.source_id = %(source)s AND d.at < %(until)s
    AND d.mode <> 'fallback'
  GROUP BY d.action, d.version, d.id, d.contact_id, d.at),
shaped AS (
  SELECT w.action, w.version,
    CASE WHEN %(binary)s THEN least(w.value, 1) ELSE w.value END::float8 AS y,
    CASE WHEN %(binary)s THEN least(b.n, 1) WHEN %(money)s THEN b.cents / 100.0 ELSE b.n END::float8
      AS x
  FROM worth w CROSS JOIN LATERAL (
    SELECT count(*) AS n, coalesce(sum(e.value_cents), 0) AS cents FROM event e
    LEFT JOIN identity_merge i ON i.tenant_id = %(tenant)s AND i.source_id = w.contact_id
      AND i.undone_at IS NULL
    WHERE e.tenant_id = %(tenant)s AND e.contact_id = coalesce(i.target_id, w.contact_id)
      AND e.name = %(event)s AND NOT e.is_machine
      AND e.at < w.at AND e.at >= w.at - %(before)s) b)
SELECT action, version, count(*), sum(y), sum(y * y), sum(x), sum(x * x), sum(x * y),
  count(*) FILTER (WHERE y <> 0)
FROM shaped GROUP BY action, version ORDER BY version, action"""

TWICE_SQL = """
WITH people AS (
  SELECT coalesce(i.target_id, d.contact_id) AS person, d.action
  FROM decision d LEFT JOIN identity_merge i ON i.tenant_id = %(tenant)s
    AND i.source_id = d.contact_id AND i.undone_at IS NULL
  WHERE d.tenant_id = %(tenant)s AND d.source_id = %(source)s AND d.mode <> 'fallback')
SELECT count(*), count(*) FILTER (WHERE arms > 1) FROM (
  SELECT person, count(DISTINCT action) AS arms FROM people GROUP BY person) p"""


@dataclass(frozen=True, slots=True)
class Sums:
    """Moments of a metric for one arm under one allocation: n, sum, sum of squares, and how many
    people have any value at all."""

    action: str
    version: int
    n: int
    total: float
    squares: float
    events: int


def metrics() -> QuerySet[Metric]:
    return Metric.objects.order_by("name")


def metric_by_key(key: str) -> Metric:
    row = Metric.objects.filter(key=key).first()
    if row is None:
        raise NotFound(say("There is no metric with the key “%(key)s”.", key=key))
    return row


def goals(source_id: uuid.UUID) -> list[Goal]:
    order = {"primary": 0, "secondary": 1, "guardrail": 2}
    rows = Goal.objects.filter(source_id=source_id).select_related("metric")
    return sorted(rows, key=lambda g: (order[g.role], g.metric.name))


def sums(source_id: uuid.UUID, metric: Metric, *, until: datetime) -> list[Sums]:
    values: dict[str, Any] = {
        "tenant": current_tenant(),
        "source": source_id,
        "metric": metric.pk,
        "until": until,
        "binary": metric.kind == Metric.Kind.CONVERSION,
    }
    with connection.cursor() as cursor:
        cursor.execute(SUMS_SQL, values)
        return [Sums(*row) for row in cursor.fetchall()]


def joint_sums(
    source_id: uuid.UUID, metric: Metric, *, until: datetime, before: timedelta
) -> list[tuple[str, int, tuple[Any, ...]]]:
    """(arm, version, (n, y, y², x, x², xy, people with any y)): y the metric after the decision, x
    the same metric in the time `before` it."""
    values: dict[str, Any] = {
        "tenant": current_tenant(), "source": source_id, "metric": metric.pk, "until": until,
        "binary": metric.kind == Metric.Kind.CONVERSION, "before": before,
        "money": metric.kind == Metric.Kind.VALUE, "event": metric.event_name,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(JOINT_SQL, values)
        return [(row[0], row[1], row[2:]) for row in cursor.fetchall()]


def exposed_twice(source_id: uuid.UUID) -> tuple[int, int]:
    """People that a source decided for, and how many of them got more than one arm: as a visitor
    one, and as the known person they turned out to be another."""
    with connection.cursor() as cursor:
        cursor.execute(TWICE_SQL, {"tenant": current_tenant(), "source": source_id})
        people, twice = cursor.fetchone()
    return int(people), int(twice)


def open_windows(source_id: uuid.UUID, *, at: datetime) -> int:
    """People whose time to convert is not over yet."""
    rows = Decision.objects.filter(source_id=source_id, at__lt=at, window_closes_at__gt=at)
    return rows.exclude(mode=Decision.Mode.FALLBACK).count()


def decisions(source_id: uuid.UUID | None = None) -> QuerySet[Decision]:
    rows = Decision.objects.select_related("contact").order_by("-id")
    return rows.filter(source_id=source_id) if source_id else rows


def decision(decision_id: uuid.UUID | str) -> Decision:
    row = Decision.objects.select_related("contact").filter(pk=decision_id).first()
    if row is None:
        raise NotFound(say("There is no such decision in this workspace."))
    return row


def decided(source_id: uuid.UUID, contact_id: uuid.UUID, slot: str = "") -> Decision | None:
    """The decision of a person in a slot, also one made while they were an anonymous visitor."""
    same = contacts.same_person(contact_id)
    rows = Decision.objects.filter(source_id=source_id, contact_id__in=same, slot=slot)
    # the first of a few is found here: ordered and limited, the planner walks the whole source
    return min(rows, key=lambda row: (row.at, row.pk), default=None)


def newest_of(
    source_id: uuid.UUID, contact_ids: Sequence[uuid.UUID], *, since: datetime
) -> dict[uuid.UUID, Decision]:
    """The newest decision of each of these people since then that somebody chose and that was done:
    no fallback. Also one made while they were an anonymous visitor."""
    person = {**contacts.merged_into(contact_ids), **{pk: pk for pk in contact_ids}}
    rows = Decision.objects.filter(source_id=source_id, contact_id__in=list(person), at__gte=since)
    rows = rows.exclude(mode=Decision.Mode.FALLBACK).filter(withdrawals=None)
    return {person[row.contact_id]: row for row in sorted(rows, key=lambda row: (row.at, row.pk))}


def done(
    source_id: uuid.UUID, contact_id: uuid.UUID, *, since: datetime, but: str
) -> tuple[int, datetime | None]:
    """How many decisions of a source since then gave a person another action than `but`, and when
    the last of them was."""
    rows = Decision.objects.filter(source_id=source_id, contact_id=contact_id, at__gte=since)
    told = (
        rows.filter(withdrawals=None).exclude(action=but).aggregate(n=Count("id"), last=Max("at"))
    )
    return told["n"], told["last"]
