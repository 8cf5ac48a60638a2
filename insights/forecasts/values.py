"""The values of a series: what the events say, or a file where it names the day.

A period is over when its last day is, in the workspace's time zone. A day without an event is a 0
of a count and of money: it happened that nothing happened. Days before the first that is known are
no zeros, they are not known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection
from django.db.models import QuerySet

from attune.kernel.phrases import Phrase, say, say_many
from attune.kernel.tenancy import current_tenant
from campaigns.contacts.models import Event
from campaigns.decisions.models import Metric
from insights.forecasts import periods
from insights.forecasts.models import Series, SeriesDay
from tenants.models import Tenant

MOST_PARTS, OTHERS = 8, "others"
UNEVEN = 0.005  # of the whole, by which parts may be off before it is said
LOOKS_BACK = {"day": 800, "week": 3_700, "month": 7_400}  # days of history that are read
_KEY = {
    "": "''", "category": "e.category",
    "channel": "coalesce(nullif(e.context->'campaign'->>'source', ''), 'direct')",
    "segment": "s.name", "product": "left(x.key, 100)",
}  # fmt: skip
_SEGMENT = """
JOIN segment_membership m ON m.tenant_id = e.tenant_id AND m.contact_id = e.contact_id
  AND m.left_at IS NULL  -- who is in it now, with all that they did
JOIN segment s ON s.tenant_id = e.tenant_id AND s.id = m.segment_id AND s.state <> 'archived'"""
# Products as the event names them: in `products`, or itself; money by price and quantity, and of an
# event about one product without a price, its own.
_PRODUCT = """
JOIN LATERAL (
  SELECT coalesce(nullif(p->>'name', ''), nullif(p->>'sku', ''), p->>'product_id') AS key,
    CASE WHEN (p->>'price') ~ '^[0-9]{1,12}([.][0-9]+)?$' THEN (p->>'price')::numeric * 100
      * CASE WHEN (p->>'quantity') ~ '^[0-9]{1,9}([.][0-9]+)?$' THEN (p->>'quantity')::numeric
          ELSE 1 END
      WHEN jsonb_typeof(e.properties->'products') IS DISTINCT FROM 'array' THEN e.value_cents
    END AS cents
  FROM jsonb_array_elements(
    CASE WHEN jsonb_typeof(e.properties->'products') = 'array' THEN e.properties->'products'
      ELSE jsonb_build_array(e.properties) END) p) x ON x.key IS NOT NULL"""
_JOIN = {"segment": _SEGMENT, "product": _PRODUCT}
VALUES_SQL = """
SELECT {key}, date_trunc(%(grain)s, e.at AT TIME ZONE %(zone)s)::date,
  CASE %(kind)s WHEN 'value' THEN coalesce(sum({cents}), 0) / 100.0
    WHEN 'conversion' THEN count(DISTINCT e.contact_id) ELSE {count} END
FROM event e {join}
WHERE e.tenant_id = %(tenant)s AND e.name = %(event)s AND NOT e.is_machine
  AND e.at >= %(since)s AND e.at < %(until)s
GROUP BY 1, 2"""


@dataclass(frozen=True, slots=True)
class Values:
    """Whole periods, oldest first: where they begin (T,), the whole (T,), parts {key: (T,)}, and
    what was odd about the data."""

    firsts: list[date]
    whole: np.ndarray
    parts: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[Phrase] = field(default_factory=list)


def zone() -> ZoneInfo:
    try:
        return ZoneInfo(Tenant.objects.get(pk=current_tenant()).timezone)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def of(series: Series, today: date) -> Values | None:
    """Everything that is over by `today`; None where nothing is known."""
    over = periods.start(today, series.grain)
    since = over - timedelta(days=LOOKS_BACK[series.grain])
    told = by_events(series.metric, series.grain, "", since, over)
    filed = _by_files(series, since, over)
    days = [*told.get("", {}), *filed.get("", {})]
    if not days:
        return None
    firsts = periods.between(min(days), over - timedelta(days=1), series.grain)
    whole, notes = _line(series, firsts, told.get("", {}), filed.get("", {}))
    if filed.get(""):
        notes.append(say("A file says what %(n)s of %(all)s periods came to, in the place of what "
                         "the events say.", n=len(filed[""]), all=len(firsts)))  # fmt: skip
    if series.by:
        told = by_events(series.metric, series.grain, series.by, since, over)
        keys = set(told) | (set(filed) - {""})
        named = {
            first for own in filed.values() for first in own
        }  # what a file says, it says whole
        parts = {}
        for key in keys:
            seen = {first: v for first, v in told.get(key, {}).items() if first not in named}
            parts[key] = _line(series, firsts, seen, filed.get(key, {}))[0]
        notes += _apart(series, filed)
        return Values(firsts, whole, _largest(series, whole, parts), notes)
    return Values(firsts, whole, {}, notes)


def bounds(since: date, until: date, where: ZoneInfo) -> tuple[datetime, datetime]:
    """When days begin and end: a day begins when it begins there."""
    begin, end = (datetime.combine(day, time.min, where) for day in (since, until))
    return begin, end


def counted(metric: Metric, since: date, until: date) -> QuerySet[Event]:
    """The events that `by_events` counts of these days, the newest first."""
    begin, end = bounds(since, until, zone())
    rows = Event.objects.filter(name=metric.event_name, is_machine=False, at__gte=begin,
                                at__lt=end)  # fmt: skip
    return rows.select_related("contact").order_by("-at", "-id")


def by_events(
    metric: Metric, grain: str, by: str, since: date, until: date, kind: str = ""
) -> dict[str, dict[date, float]]:  # fmt: skip
    """What events say of a metric, by part ("" is the whole) and first day of the period; `kind`
    counts them otherwise than the metric does."""
    cents, count = ("x.cents", "count(DISTINCT e.id)") if by == "product" else (
        "e.value_cents", "count(*)")  # fmt: skip
    sql = VALUES_SQL.format(key=_KEY[by], join=_JOIN.get(by, ""), cents=cents, count=count)
    where = zone()
    begin, end = bounds(since, until, where)
    with connection.cursor() as cursor:
        cursor.execute(sql, {
            "tenant": current_tenant(), "grain": grain, "zone": where.key, "since": begin,
            "until": end, "event": metric.event_name, "kind": kind or metric.kind,
        })  # fmt: skip
        found: dict[str, dict[date, float]] = {}
        for key, first, value in cursor.fetchall():
            if first < until:
                found.setdefault(key or "", {})[first] = float(value)
    return found


def _by_files(series: Series, since: date, until: date) -> dict[str, dict[date, float]]:
    """What files said, by key and period; a day's value where the day is known."""
    rows = SeriesDay.objects.filter(series=series, day__gte=since, day__lt=until)
    found: dict[str, dict[date, float]] = {}
    for key, day, value in rows.values_list("key", "day", "value"):
        first = periods.start(day, series.grain)
        own = found.setdefault(key, {})
        own[first] = own.get(first, 0.0) + value
    return found


def _line(
    series: Series, firsts: list[date], told: dict[date, float], filed: dict[date, float]
) -> tuple[np.ndarray, list[Phrase]]:
    """One value a period: the file's, else the events', else 0. What is negative is no sale: money
    that was given back is told apart, so it counts as 0 and is said."""
    values = np.array([filed.get(first, told.get(first, 0.0)) for first in firsts])
    notes = []
    if (n := int((values < 0).sum())) > 0:
        notes.append(say_many("%(n)s period was below 0 and counts as 0.",
                              "%(n)s periods were below 0 and count as 0.", n=n))  # fmt: skip
    unknown = sum(first not in told and first not in filed for first in firsts)
    if unknown > len(firsts) / 3:
        told_of = f"{unknown / len(firsts):.0%}"
        notes.append(say("Nothing happened in %(share)s of the periods: what is rare is told by "
                         "models made for it.", share=told_of))  # fmt: skip
    kinds = series.metric.kind == Metric.Kind.CONVERSION
    if kinds and series.grain != Series.Grain.DAY and filed:
        notes.append(say("Days of the file are added up; people who came on several days count "
                         "several times."))  # fmt: skip
    return np.maximum(values, 0.0), notes


def _apart(series: Series, filed: dict[str, dict[date, float]]) -> list[Phrase]:
    """Where a file's parts do not add up to what it says of the whole, in words."""
    if series.overlaps:
        return []
    whole = filed.get("", {})
    off = 0
    for first, value in whole.items():
        own = [by[first] for key, by in filed.items() if key and first in by]
        if own and abs(sum(own) - value) > UNEVEN * max(1.0, abs(value)):
            off += 1
    if not off:
        return []
    return [say_many("In %(n)s period the file's parts do not add up to its whole: the whole "
                     "counts, and what is left or too much is told as others.",
                     "In %(n)s periods the file's parts do not add up to their whole: the whole "
                     "counts, and what is left or too much is told as others.", n=off)]  # fmt: skip


def _largest(
    series: Series, whole: np.ndarray, parts: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The largest parts by name, and what is left as others, so that they add up. Segments overlap,
    and so do the products of an order: they are no parts, and nothing is left."""
    order = sorted(parts, key=lambda key: (-float(parts[key].sum()), key))
    kept = {key or "unnamed": parts[key] for key in order[:MOST_PARTS] if parts[key].any()}
    if series.overlaps:
        return kept
    rest = whole - sum(kept.values(), np.zeros(len(whole)))
    if float(np.abs(rest).sum()) > 1e-6 * max(1.0, float(whole.sum())):
        kept[OTHERS] = np.maximum(rest, 0.0)
    return kept
