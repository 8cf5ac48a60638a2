"""What was known of everybody at a moment, from the events before it alone.

A row is a contact at a moment T: counts, money and recency of what they did until T, and whether
they did the goal's event in the time after it. Of traits, those that were asked for, as identify
events told them before T: what a contact's traits are now would tell the answer where the goal
changes them. Events that arrived later than T but happened before count as known; machines' opens
and clicks do not count.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db import connection

from attune.kernel.phrases import Phrase, as_is, say
from attune.kernel.tenancy import current_tenant

MOST = 50_000  # contacts of a moment that are learned from, and told of at once
NAMED = 8  # events that are counted by name, the most frequent
WINDOWS = (7, 30, 90)
LOOKS_BACK = 400  # days
TRAIT = "trait:"

_NAMES_SQL = """
SELECT name FROM event_count WHERE tenant_id = %(tenant)s AND day >= %(since)s AND day < %(until)s
  AND name <> '' GROUP BY name ORDER BY sum(n) DESC, name LIMIT %(most)s"""
_ROWS_SQL = """
WITH seen AS (
  SELECT e.contact_id, e.name, e.at, e.category, e.value_cents FROM event e
  JOIN contact c ON c.tenant_id = %(tenant)s AND c.id = e.contact_id AND c.status = 'enabled'
  WHERE e.tenant_id = %(tenant)s AND e.at >= %(since)s AND e.at < %(at)s AND NOT e.is_machine
    AND ('x' || left(md5(e.contact_id::text), 8))::bit(32)::bigint >= %(from)s * 4294967296
    AND ('x' || left(md5(e.contact_id::text), 8))::bit(32)::bigint < %(to)s * 4294967296)
SELECT contact_id, extract(epoch FROM %(at)s - max(at)) / 86400,
  extract(epoch FROM %(at)s - min(at)) / 86400,
  extract(epoch FROM %(at)s - max(at) FILTER (WHERE name = %(goal)s)) / 86400,
  count(*) FILTER (WHERE name = %(goal)s),
  coalesce(sum(value_cents) FILTER (WHERE at >= %(at)s - interval '90 days'), 0) / 100.0,
  coalesce(sum(value_cents), 0) / 100.0,
  count(DISTINCT at::date) FILTER (WHERE at >= %(at)s - interval '30 days'),
  count(DISTINCT category) FILTER (WHERE category <> ''),
  coalesce(mode() WITHIN GROUP (ORDER BY category) FILTER (WHERE category <> ''), ''),
  (array_agg(name ORDER BY at DESC))[1]
  {windows}{names},
  EXISTS (SELECT 1 FROM event g WHERE g.tenant_id = %(tenant)s AND g.contact_id = seen.contact_id
    AND g.name = %(goal)s AND g.at >= %(at)s AND g.at < %(until)s AND NOT g.is_machine)
FROM seen GROUP BY contact_id ORDER BY contact_id"""
_TRAITS_SQL = """
SELECT DISTINCT ON (e.contact_id, t.key) e.contact_id, t.key, t.value #>> '{}'
FROM event e, jsonb_each(e.properties) t(key, value)
WHERE e.tenant_id = %(tenant)s AND e.type = 'identify' AND e.at < %(at)s
  AND e.contact_id = ANY(%(people)s) AND t.key = ANY(%(names)s)
ORDER BY e.contact_id, t.key, e.at DESC, e.received_at DESC, e.id DESC"""
_NUMERIC_SQL = """
SELECT n.name, EXISTS (SELECT 1 FROM trait t WHERE t.tenant_id = %(tenant)s AND t.key = n.name)
  AND NOT EXISTS (SELECT 1 FROM trait t WHERE t.tenant_id = %(tenant)s AND t.key = n.name
    AND t.number IS NULL)
FROM unnest(%(names)s::text[]) n(name)"""
_MANY_SQL = "SELECT count(*) FROM contact WHERE tenant_id = %s AND status = 'enabled'"
_NUMBERS = ("since_event", "known_days", "since_goal", "goals", "spent_90", "spent", "days_active",
            "categories")  # fmt: skip
_KINDS = ("top_category", "last_event")
_TITLES = {
    "since_event": say("Days since the last event"), "known_days": say("Days since the first"),
    "since_goal": say("Days since they last did it"), "goals": say("How often they did it"),
    "spent_90": say("Spent in 90 days"), "spent": say("Spent in a year"),
    "days_active": say("Active days of the last 30"), "categories": say("Categories looked at"),
    "top_category": say("Favourite category"), "last_event": say("Last event"),
    "alive": say("Chance to be a customer still"), "expects": say("Purchases expected by rhythm"),
    "chance": say("Chance to buy, by rhythm"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """Everybody at `at`: ids (n,), columns {name: (n,)}, numbers as floats (NaN: never), and who
    did the goal's event afterwards (n,) 0 or 1."""

    at: datetime
    contacts: list[uuid.UUID]
    columns: dict[str, np.ndarray]
    hits: np.ndarray


def title(name: str) -> Phrase:
    """What people call a feature."""
    if name in _TITLES:
        return _TITLES[name]
    if name.startswith(TRAIT):
        return say("Trait “%(name)s”", name=name.removeprefix(TRAIT))
    kind, _, rest = name.partition(":")
    if kind == "events":
        return say("Events in %(days)s days", days=rest)
    if kind == "goals":
        return say("Did it in %(days)s days", days=rest)
    return say("“%(event)s” in 30 days", event=as_is(rest))


def names_of(until: datetime) -> list[str]:
    """The events that are counted by name: the most frequent before `until`."""
    with connection.cursor() as cursor:
        cursor.execute(_NAMES_SQL, {
            "tenant": current_tenant(), "since": (until - timedelta(days=LOOKS_BACK)).date(),
            "until": until.date(), "most": NAMED,
        })  # fmt: skip
        return [row[0] for row in cursor.fetchall()]


def numeric(names: Sequence[str]) -> dict[str, bool]:
    """Of traits, whether all the values that contacts have are numbers."""
    if not names:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_NUMERIC_SQL, {"tenant": current_tenant(), "names": list(names)})
        found = dict(cursor.fetchall())
    return {name: found[name] for name in names}


def parts(most: int = MOST) -> list[tuple[float, float]]:
    """Everybody in parts of about `most` contacts, by the share of their ids: [from, to)."""
    with connection.cursor() as cursor:
        cursor.execute(_MANY_SQL, [current_tenant()])
        many = -(-int(cursor.fetchone()[0]) // most)
    return [(n / max(1, many), (n + 1) / max(1, many)) for n in range(max(1, many))]


def at_moment(
    goal: str, names: Sequence[str], at: datetime, days: int, part: tuple[float, float] = (0, 1),
    traits: Mapping[str, bool] | None = None,
) -> Moment:  # fmt: skip
    """Everybody of a part who did anything before `at`, and whether they did `goal` in the `days`
    after; with these traits {name: whether it is a number}."""
    windows = "".join(
        f", count(*) FILTER (WHERE at >= %(at)s - interval '{w} days')"
        f", count(*) FILTER (WHERE name = %(goal)s AND at >= %(at)s - interval '{w} days')"
        for w in WINDOWS
    )
    counted = "".join(
        f", count(*) FILTER (WHERE name = %(n{i})s AND at >= %(at)s - interval '30 days')"
        for i in range(len(names))
    )
    with connection.cursor() as cursor:
        cursor.execute(_ROWS_SQL.format(windows=windows, names=counted), {
            "tenant": current_tenant(), "goal": goal, "at": at, "until": at + timedelta(days=days),
            "since": at - timedelta(days=LOOKS_BACK), "from": part[0], "to": part[1],
            **{f"n{i}": name for i, name in enumerate(names)},
        })  # fmt: skip
        rows = cursor.fetchall()
    titles = [*_NUMBERS, *_KINDS, *(f"{kind}:{w}" for w in WINDOWS for kind in ("events", "goals")),
              *(f"name:{name}" for name in names)]  # fmt: skip
    columns: dict[str, np.ndarray] = {}
    for i, name in enumerate(titles, start=1):
        told = [row[i] for row in rows]
        columns[name] = (
            np.array([str(v or "") for v in told], dtype=object) if name in _KINDS
            else np.array([np.nan if v is None else float(v) for v in told], dtype=float)
        )  # fmt: skip
    people = [row[0] for row in rows]
    columns |= _told(people, at, traits or {})
    return Moment(at, people, columns,
                  np.array([bool(row[-1]) for row in rows], dtype=float))  # fmt: skip


def _told(
    people: list[uuid.UUID], at: datetime, traits: Mapping[str, bool]
) -> dict[str, np.ndarray]:  # fmt: skip
    """Traits as the newest identify event before `at` told them; NaN or "" where none did."""
    if not traits:
        return {}
    place = {contact: i for i, contact in enumerate(people)}
    found = {
        name: np.full(len(people), np.nan) if number else np.full(len(people), "", dtype=object)
        for name, number in traits.items()
    }
    with connection.cursor() as cursor:
        cursor.execute(_TRAITS_SQL, {
            "tenant": current_tenant(), "at": at, "people": people, "names": list(traits),
        })  # fmt: skip
        for contact, name, value in cursor.fetchall():
            found[name][place[contact]] = _number(value) if traits[name] else str(value or "")[:80]
    return {TRAIT + name: column for name, column in found.items()}


def _number(value: str | None) -> float:
    try:
        return float(value) if value is not None else float("nan")
    except ValueError:
        return float("nan")


def together(moments: Sequence[Moment]) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Columns, outcomes and times (seconds) of several moments, oldest first."""
    columns = {name: np.concatenate([m.columns[name] for m in moments])
               for name in moments[0].columns}  # fmt: skip
    hits = np.concatenate([m.hits for m in moments])
    times = np.concatenate([np.full(len(m.hits), m.at.timestamp()) for m in moments])
    return columns, hits, times
