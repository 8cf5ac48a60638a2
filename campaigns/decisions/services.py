"""Writing the decision log and the rewards that follow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import IntegrityError, connection, transaction

from attune.kernel import audit
from attune.kernel.errors import Invalid
from attune.kernel.models import new_id
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from campaigns.decisions.models import Decision, Goal, Metric

COLUMNS = (
    "id, source, source_id, contact_id, eligible, excluded, propensities, action, propensity, "
    "draw, version, mode, context, profile, at, window_closes_at, slot, shadow, acts_at"
)
STAGE_SQL = """
CREATE TEMP TABLE decision_stage (id uuid, source text, source_id uuid, contact_id uuid,
  eligible jsonb, excluded jsonb, propensities jsonb, action text, propensity float8, draw float8,
  version int, mode text, context jsonb, profile jsonb, at timestamptz,
  window_closes_at timestamptz, slot text, shadow jsonb, acts_at timestamptz) ON COMMIT DROP"""
LOG_SQL = f"""
INSERT INTO decision (tenant_id, {COLUMNS})
SELECT %s, {COLUMNS} FROM decision_stage ORDER BY contact_id
ON CONFLICT (tenant_id, source_id, contact_id, slot) DO NOTHING RETURNING id"""  # noqa: S608
ONE_SQL = f"""
INSERT INTO decision (tenant_id, {COLUMNS}) VALUES (%s{", %s" * 19})
ON CONFLICT (tenant_id, source_id, contact_id, slot) DO NOTHING RETURNING id"""  # noqa: S608

REWARD_SQL = """
WITH decided AS MATERIALIZED (
  SELECT d.id, d.source_id, d.slot, t.at, d.window_closes_at, p.person, CASE WHEN d.slot <> '' THEN
      lead(t.at) OVER (PARTITION BY d.source_id, p.person ORDER BY t.at, d.id) END AS next_at
  FROM decision d
  CROSS JOIN LATERAL (SELECT coalesce(d.acts_at, d.at) AS at) t  -- from when it is done
  LEFT JOIN identity_merge i ON i.tenant_id = %(tenant)s AND i.source_id = d.contact_id
    AND i.undone_at IS NULL  -- a visitor who was decided for, and then said who they are
  CROSS JOIN LATERAL (SELECT coalesce(i.target_id, d.contact_id) AS person) p
  WHERE d.tenant_id = %(tenant)s
    AND (d.contact_id = ANY(%(contacts)s) OR i.target_id = ANY(%(contacts)s)))
INSERT INTO reward (id, tenant_id, decision_id, metric_id, event_id, value, observed_at)
SELECT gen_random_uuid(), %(tenant)s, d.id, m.id, e.id,
  CASE m.kind WHEN 'value' THEN coalesce(e.value_cents, 0) / 100.0 ELSE 1 END, e.at
FROM decided d
JOIN goal g ON g.tenant_id = %(tenant)s AND g.source_id = d.source_id
JOIN metric m ON m.tenant_id = %(tenant)s AND m.id = g.metric_id
JOIN event e ON e.tenant_id = %(tenant)s AND e.contact_id = d.person
  AND e.name = m.event_name AND e.at >= d.at AND e.at < d.window_closes_at AND NOT e.is_machine
  AND (d.next_at IS NULL OR e.at < d.next_at)  -- decided again and again: the last one before it
  AND (d.slot = '' OR NOT EXISTS (  -- which stays so when a visitor turns out to be this person
    SELECT 1 FROM reward r JOIN decision o ON o.tenant_id = %(tenant)s AND o.id = r.decision_id
    WHERE r.tenant_id = %(tenant)s AND r.event_id = e.id AND r.metric_id = m.id
      AND o.source_id = d.source_id))
ON CONFLICT (tenant_id, decision_id, metric_id, event_id) DO NOTHING"""


WITHDRAW_SQL = """
WITH said AS (
  INSERT INTO withdrawal (id, tenant_id, decision_id, why)
  SELECT gen_random_uuid(), d.tenant_id, d.id, %s FROM decision d WHERE d.tenant_id = %s
    AND d.id = ANY(%s)
  ON CONFLICT (tenant_id, decision_id) DO NOTHING RETURNING decision_id)
SELECT d.action, d.at FROM decision d JOIN said ON said.decision_id = d.id
WHERE d.tenant_id = %s"""


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice about to be logged. `propensities` sum to 1 over the eligible actions."""

    source: str
    source_id: UUID
    contact_id: UUID
    propensities: dict[str, float]
    action: str
    draw: float
    at: datetime
    window_closes_at: datetime
    version: int = 1
    mode: str = Decision.Mode.EXPERIMENT
    excluded: list[dict[str, Any]] = field(default_factory=list)
    context: dict[str, Any] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)
    slot: str = ""
    shadow: dict[str, Any] = field(default_factory=dict)
    eligible: list[str] = field(default_factory=list)  # empty: whatever had a probability
    acts_at: datetime | None = None  # when it is done, where that is later
    id: UUID = field(default_factory=new_id)

    def __post_init__(self) -> None:
        total = sum(self.propensities.values())
        if abs(total - 1) > 1e-6 or not 0 < self.propensities[self.action] <= 1:
            raise ValueError(f"Propensities must sum to 1 and hold the action, got {total}.")


def log(choices: Iterable[Choice]) -> set[UUID]:
    """Append choices; a person who has a decision of the same source keeps it (sticky).

    Returns the ids that were written. One statement, whatever the number.
    """
    rows = [_row(choice) for choice in choices]
    with connection.cursor() as cursor:
        if len(rows) == 1:  # one visitor waits: no temporary table
            cursor.execute(ONE_SQL, [current_tenant(), *rows[0]])
            return {row[0] for row in cursor.fetchall()}
        cursor.execute(STAGE_SQL)
        with cursor.copy(f"COPY decision_stage ({COLUMNS}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(LOG_SQL, [current_tenant()])
        written = {row[0] for row in cursor.fetchall()}
        cursor.execute("DROP TABLE decision_stage")
    return written


def as_row(c: Choice) -> Decision:
    """The decision that `log` wrote for a choice, without asking for it again."""
    return Decision(
        id=c.id, source=c.source, source_id=c.source_id, contact_id=c.contact_id,
        eligible=c.eligible or list(c.propensities), excluded=c.excluded,
        propensities=c.propensities,
        action=c.action, propensity=c.propensities[c.action], draw=c.draw, version=c.version,
        mode=c.mode, context=c.context, profile=c.profile, at=c.at,
        window_closes_at=c.window_closes_at, slot=c.slot, shadow=c.shadow, acts_at=c.acts_at,
    )  # fmt: skip


def _row(c: Choice) -> tuple[Any, ...]:
    """A choice as COLUMNS has it; JSON encoded."""
    return (
        c.id, c.source, c.source_id, c.contact_id, _json(c.eligible or list(c.propensities)),
        _json(c.excluded),
        _json(c.propensities), c.action, c.propensities[c.action], c.draw, c.version, c.mode,
        _json(c.context), _json(c.profile), c.at, c.window_closes_at, c.slot, _json(c.shadow),
        c.acts_at,
    )  # fmt: skip


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def withdraw(decision_ids: Sequence[UUID], why: Phrase) -> list[tuple[str, datetime]]:
    """Say that these decisions were not done after all; (action, at) of those of which it was not
    said before."""
    with connection.cursor() as cursor:
        told: list[Any] = [
            json.dumps(why.stored()),
            current_tenant(),
            list(decision_ids),
            current_tenant(),
        ]
        cursor.execute(WITHDRAW_SQL, told)
        return cursor.fetchall()


def reward_contacts(contacts: list[UUID]) -> int:
    """Attribute the events of these contacts to their decisions, late ones too, each once."""
    if not contacts:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(REWARD_SQL, {"tenant": current_tenant(), "contacts": contacts})
        return cursor.rowcount


def save_metric(
    *, key: str, name: str, event_name: str, kind: str, higher_is_better: bool = True
) -> Metric:
    if kind not in Metric.Kind.values:
        raise Invalid.one(
            "kind", say("Choose one of %(names)s.", names=", ".join(Metric.Kind.values))
        )
    if not event_name.strip():
        raise Invalid.one("event_name", say("Name the event that counts."))
    try:
        with transaction.atomic():
            metric = Metric.objects.create(
                key=key, name=name or key, event_name=event_name, kind=kind,
                higher_is_better=higher_is_better,
            )  # fmt: skip
    except IntegrityError as clash:
        raise Invalid.one("key", say("A metric has the key “%(key)s” already.", key=key)) from clash
    audit.record("decisions.save_metric", metric)
    return metric


def set_goals(*, source_id: UUID, goals: dict[str, list[Metric]]) -> None:
    """What a source is judged by: {role: metrics}."""
    Goal.objects.filter(source_id=source_id).delete()
    Goal.objects.bulk_create(
        Goal(source_id=source_id, metric=metric, role=role)
        for role, metrics in goals.items()
        for metric in metrics
    )
