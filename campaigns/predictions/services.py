"""Predictions: set up, pause, ask for a refresh, keep what it found."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.phrases import Phrase, say
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import scores as scored
from campaigns.contacts import selectors as contacts
from campaigns.decisions.models import Metric
from campaigns.experiments.models import Experiment
from campaigns.predictions.jobs import (
    REFRESH,
    REPORT_UPLIFT,
    RefreshPrediction,
    ReportUplift,
)
from campaigns.predictions.models import Prediction, PredictionRun, UpliftReport
from campaigns.segments import services as segments

MACHINE = Machine("prediction", {("active", "pause"): "paused", ("paused", "resume"): "active"})
SHORTEST, LONGEST = 1, 180


def create(
    *, name: str, goal: Metric, days: int, traits: Sequence[str] = (), key: str = ""
) -> Prediction:
    """A prediction; its first refresh is asked for. Raises Invalid with every mistake."""
    errors = []
    if not name.strip():
        errors.append(FieldError("name", say("Give the prediction a name.")))
    if not SHORTEST <= days <= LONGEST:
        errors.append(FieldError("days", say("Foretell 1 to 180 days.")))
    known = set(contacts.telling_traits())
    for name_of in traits:
        if name_of not in known:
            told = say("No contact has a trait “%(name)s” that could tell anything.", name=name_of)
            errors.append(FieldError("traits", told))
    if errors:
        raise Invalid(errors)
    key = slugify(key or name)[:60] or f"prediction-{secrets.token_hex(4)}"
    if key.startswith((scored.RISK, scored.WORTH)):
        key = f"prediction-{key}"[:60]
    try:
        with transaction.atomic():
            row = Prediction.objects.create(
                key=key, name=name.strip(), goal=goal, days=days, traits=list(traits)
            )
    except IntegrityError as clash:
        raise Invalid.one("name", say("A prediction has this name already.")) from clash
    audit.record("predictions.create", row, goal=goal.key, days=days, traits=list(traits))
    ask(row)
    return row


def ask(row: Prediction) -> None:
    """Refresh it soon; one that waits already is enough. Raises Conflict where it is paused."""
    if row.state != Prediction.State.ACTIVE:
        raise Conflict(say("The prediction is paused; resume it first."))
    job = REFRESH.enqueue(RefreshPrediction(row.pk), dedupe_key=str(row.pk))
    if job is not None:
        Prediction.objects.filter(pk=row.pk).update(job=job)
    tell(row)


def pause(row: Prediction) -> None:
    """Its scores stay as they were; nothing refreshes them."""
    advance(MACHINE, row, "pause")
    tell(row)


def resume(row: Prediction) -> None:
    advance(MACHINE, row, "resume")
    ask(row)


def refuse(row: Prediction, at: datetime, why: Phrase) -> PredictionRun:
    """There is too little to learn from; earlier scores stay."""
    run = PredictionRun.objects.create(
        prediction=row, at=at, state=PredictionRun.State.REFUSED, reason=why
    )
    tell(row)
    return run


def score(row: Prediction, at: datetime, scores: dict[str, list[Any]]) -> None:
    """The scores of some people {contacts, values, ranks, reasons}, in the place of older ones."""
    scored.write(row.key, at, scores)


def keep(
    row: Prediction, at: datetime, card: dict[str, Any], people: int, why: Phrase
) -> PredictionRun:  # fmt: skip
    """Keep a refresh whose scores are written: who is not among them has none any more. Segments
    that ask for the score are worked out anew."""
    scored.drop_older(row.key, at)
    run = PredictionRun.objects.create(
        prediction=row, at=at, state=PredictionRun.State.DONE, reason=why,
        people=people, card=card,
    )  # fmt: skip
    audit.record("predictions.refresh", row, people=run.people)
    segments.refresh_scored(row.key)
    tell(row)
    return run


def tell(row: Prediction) -> None:
    live.push(current_tenant(), "predictions", str(row.pk))


def ask_uplift(of: Experiment) -> None:
    """Find out soon whom its arms persuade."""
    if of.state == Experiment.State.DRAFT:
        raise Conflict(say("The experiment has not begun; nobody was decided for."))
    REPORT_UPLIFT.enqueue(ReportUplift(of.pk), dedupe_key=str(of.pk))
    live.push(current_tenant(), "predictions", str(of.pk))


def keep_uplift(
    of: Experiment, at: datetime, *, results: dict[str, Any], why: Phrase
) -> UpliftReport:
    row = UpliftReport.objects.create(experiment=of, at=at, results=results, reason=why)
    audit.record("predictions.report_uplift", of)
    live.push(current_tenant(), "predictions", str(of.pk))
    return row
