"""Asking how people come to a goal, and keeping what was mined."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from attune.kernel import audit, jobs, live
from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.models import JobRow
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from campaigns.segments.models import Segment
from insights.journeys import loading
from insights.journeys.jobs import MINE_JOURNEY, MineJourney
from insights.journeys.models import Journey

LEAST_DAYS, MOST_DAYS, MOST_LOOKBACK = 7, 730, 90
AGAIN = timedelta(minutes=2)
GROWN = {"events": 200, "texts": 20}  # an event at a time is no reason to mine anew


def save(
    *, name: str, goal: str, days: int, lookback: int = 30, segment: Segment | None = None,
    journey: Journey | None = None,
) -> Journey:  # fmt: skip
    """Ask a question, or ask it otherwise; it is mined at once. Raises Invalid, Conflict."""
    name, goal = " ".join(name.split()), goal.strip()
    wrong = []
    if not 0 < len(name) <= 120:
        wrong.append(FieldError("name", say("Give it a name of at most 120 characters.")))
    if not 0 < len(goal) <= 200:
        wrong.append(FieldError("goal", say("Name the event that people should come to.")))
    if not LEAST_DAYS <= days <= MOST_DAYS:
        told = say("Choose %(least)s to %(most)s days.", least=LEAST_DAYS, most=MOST_DAYS)
        wrong.append(FieldError("days", told))
    if not 1 <= lookback <= MOST_LOOKBACK:
        told = say("Choose %(least)s to %(most)s days.", least=1, most=MOST_LOOKBACK)
        wrong.append(FieldError("lookback", told))
    if wrong:
        raise Invalid(wrong)
    row = journey or Journey()
    row.name, row.goal, row.days, row.lookback, row.segment = name, goal, days, lookback, segment
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as twin:
        raise Conflict(say("Another journey is called “%(name)s”.", name=name)) from twin
    audit.record("insights.save_journey", row, goal=goal, days=days)
    request_mining(journey=row)
    return row


def request_mining(*, journey: Journey) -> None:
    """Mine it anew; the last answer stays to be seen until then."""
    job = MINE_JOURNEY.enqueue(MineJourney(journey.pk), dedupe_key=str(journey.pk))
    values: dict[str, Any] = {"state": "waiting", "problem": say("")}
    if job is not None:
        values["job"] = job
    Journey.objects.filter(pk=journey.pk).update(**values)
    live.push(current_tenant(), "journeys")


def mine_old(*, now: datetime) -> None:
    """Journeys that were mined a day ago are mined anew, and those after whose mining half as much
    again was done or said; at most a few at a time."""
    old = Journey.objects.filter(state="mined", mined_at__lt=now - AGAIN)
    for row in old.order_by("mined_at")[:5]:
        there, was = loading.known(now - timedelta(days=row.days)), row.found.get("known", {})
        grown = any(n > 1.5 * was.get(what, 0) + GROWN[what] for what, n in there.items())
        if grown or (row.mined_at is not None and row.mined_at < now - timedelta(days=1)):
            request_mining(journey=row)


def keep(*, asked: Journey, found: dict[str, Any], at: datetime) -> None:
    """Keep the answer to what was `asked`; where the question changed meanwhile it is none."""
    same = {n: getattr(asked, n) for n in ("goal", "days", "lookback", "segment_id")}
    rows = Journey.objects.filter(pk=asked.pk, **same)
    rows.update(found=found, mined_at=at, state="mined")
    live.push(current_tenant(), "journeys")


def failed(*, journey_id: object, why: Phrase) -> None:
    Journey.objects.filter(pk=journey_id, state="waiting").update(state="failed", problem=why)
    live.push(current_tenant(), "journeys")


def close_interrupted() -> None:
    """A mining whose job gave up does not look busy for ever."""
    for row in Journey.objects.filter(state="waiting", job__state__in=JobRow.GAVE_UP):
        failed(journey_id=row.pk, why=say("Its job gave up; see Jobs."))


@jobs.on_cancel(MINE_JOURNEY)
def _cancelled(payload: MineJourney) -> None:
    failed(journey_id=payload.journey_id, why=say("Cancelled by a person."))


def remove(*, journey: Journey) -> None:
    audit.record("insights.remove_journey", journey, name=journey.name)
    Journey.objects.filter(pk=journey.pk).delete()
    live.push(current_tenant(), "journeys")
