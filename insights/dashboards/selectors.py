"""What campaigns came to: reached, clicked, converted, revenue, cost; by campaign, segment and
channel, and the people behind each number."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from attune.kernel.tenancy import current_tenant
from campaigns.delivery.models import Campaign
from campaigns.tuning.lessons import wilson
from insights.dashboards.models import CampaignCost

WAYS = ("campaign", "segment", "channel")
PORTION = 5_000  # people of an export at a time
WHATS = ("reached", "clicked", "converted")
# One row a person and campaign that was shown something (by a policy: each time): a message that
# was sent, or a decision asked for by POST /v1/decide. A conversion is a reward of the primary
# metric of what decided, within its window; revenue is the money of the rewarded events, each once.
REACHED_SQL = """
WITH reached AS MATERIALIZED (
  SELECT d.id, d.contact_id, c.id AS campaign_id, c.via, coalesce(s.sent_at, d.at) AS at,
         s.id AS send_id
  FROM campaign c
  JOIN decision d ON d.tenant_id = c.tenant_id AND d.source_id = c.experiment_id
  JOIN arm a ON a.tenant_id = c.tenant_id AND a.experiment_id = c.experiment_id
   AND a.key = d.action AND a.revision_id IS NOT NULL
  LEFT JOIN send s ON s.tenant_id = c.tenant_id AND s.decision_id = d.id AND s.campaign_id = c.id
  WHERE c.tenant_id = %(tenant)s AND (s.state = 'sent' OR c.via = 'decide')
    AND coalesce(s.sent_at, d.at) >= %(since)s AND coalesce(s.sent_at, d.at) < %(until)s
  UNION ALL  -- what a policy chose, again and again
  SELECT d.id, d.contact_id, c.id, c.via, s.sent_at, s.id
  FROM campaign c
  JOIN send s ON s.tenant_id = c.tenant_id AND s.campaign_id = c.id AND s.state = 'sent'
  JOIN decision d ON d.tenant_id = c.tenant_id AND d.id = s.decision_id
  WHERE c.tenant_id = %(tenant)s AND c.policy_id IS NOT NULL
    AND s.sent_at >= %(since)s AND s.sent_at < %(until)s),
clicks AS MATERIALIZED (
  SELECT DISTINCT e.properties->>'send_id' AS send_id FROM event e
  WHERE e.tenant_id = %(tenant)s AND e.name = 'Message Clicked' AND NOT e.is_machine
    AND e.at >= %(since)s),
won AS MATERIALIZED (
  SELECT r.decision_id, bool_or(g.role = 'primary' AND r.value > 0) AS converted FROM reward r
  JOIN reached x ON x.id = r.decision_id
  JOIN decision d ON d.tenant_id = r.tenant_id AND d.id = r.decision_id
  JOIN goal g ON g.tenant_id = r.tenant_id AND g.source_id = d.source_id
   AND g.metric_id = r.metric_id AND g.role <> 'guardrail'
  WHERE r.tenant_id = %(tenant)s GROUP BY r.decision_id),
paid AS MATERIALIZED (
  SELECT decision_id, sum(value_cents)::bigint AS cents FROM (
    SELECT DISTINCT r.decision_id, e.id, e.value_cents FROM reward r
    JOIN reached x ON x.id = r.decision_id
    JOIN event e ON e.tenant_id = r.tenant_id AND e.id = r.event_id AND e.value_cents > 0
    WHERE r.tenant_id = %(tenant)s) once GROUP BY decision_id),
rows AS (
  SELECT x.*, (k.send_id IS NOT NULL) AS clicked, coalesce(w.converted, false) AS converted,
         coalesce(p.cents, 0) AS cents
  FROM reached x LEFT JOIN clicks k ON k.send_id = x.send_id::text
  LEFT JOIN won w ON w.decision_id = x.id LEFT JOIN paid p ON p.decision_id = x.id)
"""
KEYS = {
    "campaign": "SELECT r.*, r.campaign_id::text AS key FROM rows r",
    "channel": "SELECT r.*, r.via AS key FROM rows r",
    "segment": """SELECT r.*, m.segment_id::text AS key FROM rows r JOIN segment_membership m
      ON m.tenant_id = %(tenant)s AND m.contact_id = r.contact_id AND m.left_at IS NULL""",
}
SUMS_SQL = """, keyed AS ({keys}), counted AS (
  SELECT key, count(*) AS n, count(*) FILTER (WHERE send_id IS NOT NULL) AS sent,
         count(*) FILTER (WHERE clicked) AS clicked,
         count(*) FILTER (WHERE converted) AS converted, sum(cents)::bigint AS cents,
         sum(coalesce(cost.message_micros, 0) * (send_id IS NOT NULL)::int
             + coalesce(cost.fixed_cents, 0) * 10000.0 / whole.n)::float8 AS micros
  FROM keyed k LEFT JOIN campaign_cost cost
    ON cost.tenant_id = %(tenant)s AND cost.campaign_id = k.campaign_id
  JOIN (SELECT campaign_id, count(*) AS n FROM rows GROUP BY campaign_id) whole
    ON whole.campaign_id = k.campaign_id
  GROUP BY key)
SELECT c.key, coalesce(p.name, s.name, c.key), c.n, c.sent, c.clicked, c.converted, c.cents,
       c.micros
FROM counted c LEFT JOIN campaign p ON p.tenant_id = %(tenant)s AND p.id::text = c.key
LEFT JOIN segment s ON s.tenant_id = %(tenant)s AND s.id::text = c.key
ORDER BY c.n DESC, 2"""
WEEKS_SQL = """
SELECT date_trunc('week', at AT TIME ZONE 'UTC')::date, count(*),
       count(*) FILTER (WHERE send_id IS NOT NULL), count(*) FILTER (WHERE clicked),
       count(*) FILTER (WHERE converted), sum(cents)::bigint FROM rows GROUP BY 1 ORDER BY 1"""
PEOPLE_SQL = """, keyed AS ({keys})
SELECT k.id, k.contact_id, coalesce(nullif(p.name, ''), nullif(p.email, ''),
         nullif(p.external_id, ''), right(p.id::text, 6)),
       c.name, k.via, k.at, k.clicked, k.converted, k.cents, k.send_id
FROM keyed k JOIN contact p ON p.tenant_id = %(tenant)s AND p.id = k.contact_id
JOIN campaign c ON c.tenant_id = %(tenant)s AND c.id = k.campaign_id
WHERE (%(key)s = '' OR k.key = %(key)s) AND (%(what)s <> 'clicked' OR k.clicked)
  AND (%(what)s <> 'converted' OR k.converted)
ORDER BY k.at DESC, k.id DESC LIMIT %(most)s OFFSET %(skip)s"""


@dataclass(frozen=True, slots=True)
class Line:
    """What one campaign, segment or channel came to. Money in whole units of the currency."""

    key: str
    name: str
    n: int
    sent: int
    clicked: int
    converted: int
    revenue: float
    cost: float

    @property
    def channel(self) -> str:
        """The name of a channel, of lines by channel."""
        return str(dict(Campaign.Via.choices).get(self.key, self.name))

    @property
    def ctr(self) -> tuple[float, float, float] | None:
        """Clicked of sent, with its 95 % interval; None where nothing was sent by us."""
        return rate_of(self.clicked, self.sent)

    @property
    def rate(self) -> tuple[float, float, float] | None:
        """Converted of reached, with its 95 % interval."""
        return rate_of(self.converted, self.n)

    @property
    def roi(self) -> float | None:
        """(revenue - cost) / cost; None where no cost is known."""
        return (self.revenue - self.cost) / self.cost if self.cost else None


@dataclass(frozen=True, slots=True)
class Person:
    """One person reached by one campaign."""

    decision_id: uuid.UUID
    contact_id: uuid.UUID
    name: str
    campaign: str
    channel: str
    at: datetime
    clicked: bool
    converted: bool
    revenue: float
    send_id: uuid.UUID | None


def rate_of(part: int, whole: int) -> tuple[float, float, float] | None:
    """A share with its 95 % interval; None of nothing."""
    if not whole:
        return None
    low, high = wilson(part, whole)
    return part / whole, max(0.0, low), min(1.0, high)


def board(by: str, since: datetime, until: datetime) -> list[Line]:
    """By campaign, segment (as people are in them now; one in several counts in each) or channel;
    the largest first."""
    sql = REACHED_SQL + SUMS_SQL.replace("{keys}", KEYS[by])
    return [
        Line(key, name, n, sent, clicked, converted, (cents or 0) / 100, (micros or 0) / 1e6)
        for key, name, n, sent, clicked, converted, cents, micros in _fetched(sql, since, until)
    ]


def weeks(since: datetime, until: datetime) -> list[tuple[Any, int, int, int, int, float]]:
    """(week, reached, sent, clicked, converted, revenue)."""
    return [
        (*row[:5], (row[5] or 0) / 100) for row in _fetched(REACHED_SQL + WEEKS_SQL, since, until)
    ]


def people(
    by: str, key: str, what: str, since: datetime, until: datetime, *, most: int = 50, skip: int = 0
) -> list[Person]:  # fmt: skip
    """The people behind a number, the newest first."""
    sql = REACHED_SQL + PEOPLE_SQL.replace("{keys}", KEYS[by])
    rows = _fetched(sql, since, until, key=key, what=what, most=most, skip=skip)
    return [_person(row) for row in rows]


def _person(row: tuple[Any, ...]) -> Person:
    return Person(*row[:8], row[8] / 100, row[9])  # type: ignore[call-arg]


def every_person(
    by: str, key: str, what: str, since: datetime, until: datetime
) -> Iterator[list[Person]]:
    """As `people`, all of them, a portion at a time: one query, read through a cursor of the
    server, inside one transaction."""
    sql = REACHED_SQL + PEOPLE_SQL.replace("{keys}", KEYS[by])
    values = {"tenant": current_tenant(), "since": since, "until": until, "key": key, "what": what,
              "most": None, "skip": 0}  # fmt: skip
    with connection.connection.cursor(name="every_person") as cursor:
        cursor.execute(sql, values)
        while rows := cursor.fetchmany(PORTION):
            yield [_person(row) for row in rows]


def _fetched(sql: str, since: datetime, until: datetime, **more: Any) -> list[tuple[Any, ...]]:
    values = {"tenant": current_tenant(), "since": since, "until": until, **more}
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def costs_of(campaign: Campaign) -> dict[str, Decimal]:
    """What a campaign cost, in units of the currency: once, and for each message."""
    known = CampaignCost.objects.filter(campaign=campaign).first()
    return {
        "fixed": Decimal(known.fixed_cents if known else 0) / 100,
        "message": Decimal(known.message_micros if known else 0) / 1_000_000,
    }
