"""Experiments that a partner's own SDK assigns: what it is told, and who saw what, taken from the
“Experiment Viewed” events that come back, into the decision log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from attune.kernel.errors import Conflict
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import selectors as contacts
from campaigns.content.services import verify
from campaigns.decisions import services as decisions
from campaigns.experiments import growthbook, services
from campaigns.experiments.growthbook import Assigned
from campaigns.experiments.models import Experiment

VIEWED = "Experiment Viewed"
KEYS = ("experimentId", "experiment_id", "experimentKey")
SHOWN = ("variationId", "variation_id", "variationKey", "variation_name")

VIEWS_SQL = """
SELECT e.contact_id, e.at, e.properties, e.user_id, e.anonymous_id FROM event e
WHERE e.tenant_id = %(tenant)s AND e.contact_id = ANY(%(people)s) AND e.name = %(viewed)s
  AND e.at >= %(since)s AND NOT e.is_machine
ORDER BY e.at, e.id"""


def assigned(experiment: Experiment) -> Assigned:
    """An experiment as the SDK gets it. One whose text may not leave any more gets no rule."""
    arms = services.arms_of(experiment)
    weights: dict[str, float] = {}
    if experiment.version:
        weights = services.allocation_of(experiment).weights
    sound = True
    for arm in arms:
        try:
            if arm.revision is not None:
                verify(arm.revision)
        except Conflict:
            sound = False
    return Assigned(
        key=experiment.key, seed=str(experiment.pk), hash_version=experiment.hash_version,
        arms=[a.key for a in arms], names=[a.name for a in arms],
        weights=[weights.get(a.key, a.weight) for a in arms],
        values=[a.revision.components if a.revision is not None and sound else None for a in arms],
        control=next(a.key for a in arms if a.is_control),
        running=sound and experiment.state == Experiment.State.RUNNING,
        kept=experiment.winner if sound else "", phase=experiment.version or 1,
    )  # fmt: skip


def by_sdk() -> list[Experiment]:
    """Experiments that an SDK knows: running, paused, or ended with something kept."""
    rows = Experiment.objects.filter(assigned_by=Experiment.By.SDK)
    return list(rows.exclude(state=Experiment.State.DRAFT).order_by("key"))


def payload() -> dict[str, Any]:
    """What `GET /api/features/…` answers."""
    experiments = by_sdk()
    return {"status": 200, "features": growthbook.features([assigned(e) for e in experiments]),
            "experiments": []}  # fmt: skip


def take(people: Sequence[UUID]) -> int:
    """Log a decision for whoever saw a variation first; who has one keeps it. How many are new."""
    experiments = {
        e.key: e for e in by_sdk() if e.state == Experiment.State.RUNNING and e.started_at
    }
    if not experiments or not people:
        return 0
    since = min(e.started_at for e in experiments.values() if e.started_at)
    with connection.cursor() as cursor:
        cursor.execute(VIEWS_SQL, {"tenant": current_tenant(), "people": list(people),
                                   "viewed": VIEWED, "since": since})  # fmt: skip
        rows = cursor.fetchall()
    told = {key: assigned(e) for key, e in experiments.items()} if rows else {}
    first: dict[tuple[UUID, UUID], decisions.Choice] = {}
    for contact_id, at, raw, user, visitor in rows:
        seen = View.of(orjson.loads(raw) if isinstance(raw, str) else raw, told)
        experiment = experiments.get(seen.key) if seen is not None else None
        if seen is None or experiment is None or at < experiment.started_at:
            continue
        place = (experiment.pk, contact_id)
        if place not in first:
            first[place] = _choice(experiment, told[seen.key], seen.arm, contact_id, at,
                                   (user, visitor))  # fmt: skip
    fresh = [c for c in first.values() if not _known(c)]
    return len(decisions.log(fresh)) if fresh else 0


TWICE_SQL = """
SELECT count(*) FILTER (WHERE arms > 1) FROM (
  SELECT e.contact_id, count(DISTINCT coalesce(e.properties ->> 'variationId',
    e.properties ->> 'variation_id', e.properties ->> 'variationKey')) AS arms
  FROM event e WHERE e.tenant_id = %(tenant)s AND e.name = %(viewed)s AND e.at >= %(since)s
    AND %(key)s IN (e.properties ->> 'experimentId', e.properties ->> 'experiment_id',
                    e.properties ->> 'experimentKey')
  GROUP BY e.contact_id) p"""


def seen_twice(experiment: Experiment) -> int:
    """People whose events say that they saw more than one variation."""
    values: dict[str, Any] = {
        "tenant": current_tenant(), "viewed": VIEWED, "since": experiment.started_at,
        "key": experiment.key,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(TWICE_SQL, values)
        return int(cursor.fetchone()[0])


def unchecked(experiment: Experiment) -> int:
    """People of whom our own hash gives another arm than their SDK told."""
    rows = decisions.Decision.objects.filter(source_id=experiment.pk, context__checked=False)
    return rows.count()


def _known(choice: decisions.Choice) -> bool:
    same = contacts.same_person(choice.contact_id)
    rows = decisions.Decision.objects.filter(source_id=choice.source_id, contact_id__in=same)
    return rows.exists()


def _choice(
    experiment: Experiment, of: Assigned, arm: str, contact_id: UUID, at: datetime,
    names: Sequence[str],
) -> decisions.Choice:  # fmt: skip
    """The decision that the SDK made. `checked` says whether our own hash gives the same arm to
    one of the names that the event carries."""
    fits = [name for name in names if name and growthbook.variation(of, name) == arm]
    value = fits[0] if fits else next((name for name in names if name), "")
    return decisions.Choice(
        source="experiment", source_id=experiment.pk, contact_id=contact_id,
        propensities=dict(zip(of.arms, of.weights, strict=True)), action=arm,
        draw=growthbook.bucket(of.seed, value, of.hash_version), at=at,
        window_closes_at=at + timedelta(hours=experiment.window_hours),
        version=experiment.version, context={"assigned_by": "sdk", "checked": bool(fits)},
        profile=contacts.snapshot(contact_id),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class View:
    """Which experiment somebody saw, and which arm of it."""

    key: str
    arm: str

    @classmethod
    def of(cls, properties: dict[str, Any], told: dict[str, Assigned]) -> View | None:
        """Read from an event as GrowthBook's, Segment's or our own clients write it: the arm by its
        key or by its number. None where nothing known is named."""
        key = next((str(properties[k]) for k in KEYS if k in properties), "")
        one = told.get(key)
        if one is None:
            return None
        for name in SHOWN:
            shown = properties.get(name)
            if isinstance(shown, str) and shown in one.arms:
                return cls(key, shown)
            number = str(shown)
            if re.fullmatch(r"[0-9]{1,3}", number) and int(number) < len(one.arms):
                return cls(key, one.arms[int(number)])
        return None
