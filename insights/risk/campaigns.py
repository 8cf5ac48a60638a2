"""What earlier campaigns brought a person, beside their control groups; and what one may risk."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from attune.kernel.errors import FieldError, Invalid
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.delivery import reach
from campaigns.delivery.models import Campaign
from insights.dashboards.models import CampaignCost
from insights.risk import returns
from insights.risk.returns import Effect, Outlook, Plan

LEAST = 50  # people with a message, and without one
# Money of the events that were rewarded, each once; people whose window is over. Everybody who was
# decided for counts on both sides, whether the message left or not: who may not be written to is in
# the control group, too.
PAST_SQL = """
WITH people AS (
  SELECT c.id AS campaign, c.name, d.id, (a.revision_id IS NOT NULL) AS shown,
    (s.state = 'sent' OR c.via = 'decide') IS TRUE AS got
  FROM campaign c
  JOIN decision d ON d.tenant_id = c.tenant_id AND d.source_id = c.experiment_id
  JOIN arm a ON a.tenant_id = c.tenant_id AND a.experiment_id = c.experiment_id
    AND a.key = d.action
  LEFT JOIN send s ON s.tenant_id = c.tenant_id AND s.decision_id = d.id AND s.campaign_id = c.id
  WHERE c.tenant_id = %(tenant)s AND c.id <> %(campaign)s AND d.window_closes_at < now()),
paid AS (
  SELECT decision_id, sum(value_cents) / 100.0 AS money FROM (
    SELECT DISTINCT r.decision_id, e.id, e.value_cents FROM reward r
    JOIN people p ON p.id = r.decision_id
    JOIN event e ON e.tenant_id = r.tenant_id AND e.id = r.event_id
    WHERE r.tenant_id = %(tenant)s) once GROUP BY 1)
SELECT campaign, name, shown, count(*), avg(coalesce(money, 0)),
  coalesce(var_samp(coalesce(money, 0)), 0), count(*) FILTER (WHERE got)
FROM people LEFT JOIN paid ON paid.decision_id = people.id GROUP BY 1, 2, 3"""


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier campaign: people chosen for a message (`sent` of them got it) and for none, money
    a person of each; `effect`, of one who got it, is None without a control group that is large
    enough."""

    id: uuid.UUID
    name: str
    n: int
    sent: int
    mean: float
    control_n: int
    control_mean: float
    effect: Effect | None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: numbers that a person may change."""

    people: int
    fixed: float
    message: float
    margin: float
    gain: float | None = None
    unsure: float | None = None

    @property
    def plan(self) -> Plan:
        return Plan(self.people, self.fixed + self.message * self.people, self.margin)


def past(but: Campaign) -> list[Past]:
    """What earlier campaigns brought, the largest first."""
    with connection.cursor() as cursor:
        cursor.execute(PAST_SQL, {"tenant": current_tenant(), "campaign": but.pk})
        rows = cursor.fetchall()
    found: dict[uuid.UUID, dict[bool, tuple[int, float, float, int]]] = {}
    names = {}
    for campaign, name, shown, n, mean, variance, sent in rows:
        names[campaign] = name
        found.setdefault(campaign, {})[shown] = (n, float(mean), float(variance), sent)
    lines = [_past(pk, names[pk], by) for pk, by in found.items() if True in by]
    return sorted(lines, key=lambda line: -line.n)


def _past(pk: uuid.UUID, name: str, by: dict[bool, tuple[int, float, float, int]]) -> Past:
    n, mean, variance, sent = by[True]
    control, base, base_variance, _ = by.get(False, (0, 0.0, 0.0, 0))
    effect = None
    if min(sent, control) >= LEAST and variance + base_variance > 0:
        error = math.sqrt(variance / n + base_variance / control)
        got = sent / n  # who did not get it is taken to be as without
        spread = math.sqrt(max(variance, base_variance))
        effect = Effect((mean - base) / got, error / got, spread)
    return Past(pk, name, n, sent, mean, control, base, effect)


def usual(of: Campaign) -> Question:
    """What the workspace knows: whom it reaches, what was entered as its cost, all as margin."""
    cost = CampaignCost.objects.filter(campaign=of).first()
    return Question(
        people=reach.of(of).expected,
        fixed=cost.fixed_cents / 100 if cost else 0.0,
        message=cost.message_micros / 1_000_000 if cost else 0.0, margin=1.0,
    )  # fmt: skip


def checked(told: dict[str, Any]) -> Question:
    """From what a form told. Raises Invalid with every field that cannot be."""
    errors = [
        FieldError(name, say("Give a number that is not negative."))
        for name in ("people", "fixed", "message", "unsure") if (told[name] or 0) < 0
    ]  # fmt: skip
    if not 0 < told["margin"] <= 100:
        errors.append(FieldError("margin", say("A margin is more than 0 and at most 100 percent.")))
    if (told["gain"] is None) != (told["unsure"] is None):
        empty = "gain" if told["gain"] is None else "unsure"
        errors.append(FieldError(empty, say("Give both, the gain and how unsure it is, or none.")))
    if errors:
        raise Invalid(errors)
    return Question(told["people"], float(told["fixed"]), float(told["message"]),
                    float(told["margin"]) / 100, _perhaps(told["gain"]),
                    _perhaps(told["unsure"]))  # fmt: skip


def answer(question: Question, lines: list[Past]) -> Outlook | None:
    """What it may come to: by the gain that was entered, else by what earlier campaigns brought;
    None where neither is known."""
    effects = [line.effect for line in lines if line.effect is not None]
    spread = max((e.spread for e in effects), default=0.0)
    if question.gain is not None and question.unsure is not None:
        draws = returns.assumed(question.gain, question.unsure)
        return returns.outlook(draws, spread, question.plan)
    if not effects:
        return None
    return returns.outlook(returns.believed(effects), spread, question.plan)


def _perhaps(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
