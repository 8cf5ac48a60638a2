"""Reading predictions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db.models import QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.models import JobRow
from attune.kernel.phrases import say
from campaigns.contacts.models import Score
from campaigns.experiments.models import Experiment
from campaigns.predictions.jobs import REPORT_UPLIFT
from campaigns.predictions.models import Prediction, PredictionRun, UpliftReport


def predictions(*, q: str = "", state: str = "") -> QuerySet[Prediction]:
    rows = Prediction.objects.select_related("goal", "job").order_by("name")
    rows = rows.filter(name__icontains=q) if q else rows
    return rows.filter(state=state) if state else rows


def prediction(prediction_id: uuid.UUID | str) -> Prediction:
    row = predictions().filter(pk=prediction_id).first()
    if row is None:
        raise NotFound(say("There is no such prediction in this workspace."))
    return row


def active() -> QuerySet[Prediction]:
    return predictions().filter(state=Prediction.State.ACTIVE)


def runs(of: Prediction) -> QuerySet[PredictionRun]:
    return PredictionRun.objects.filter(prediction=of).order_by("-at", "-id")


def newest(of: Prediction) -> PredictionRun | None:
    """The last refresh that scored anybody."""
    return runs(of).filter(state=PredictionRun.State.DONE).first()


def newest_of(of: Sequence[Prediction]) -> dict[uuid.UUID, PredictionRun]:
    """The last refresh of each, refused ones too."""
    rows = PredictionRun.objects.filter(prediction__in=list(of))
    rows = rows.order_by("prediction_id", "-at", "-id").distinct("prediction_id")
    return {row.prediction_id: row for row in rows}


def scores(of: Prediction) -> QuerySet[Score]:
    """Who was foretold, the likeliest first."""
    return Score.objects.filter(key=of.key).select_related("contact").order_by("-value", "id")


def uplift(of: Experiment) -> UpliftReport | None:
    """The newest report on whom an experiment's arms persuade."""
    return UpliftReport.objects.filter(experiment=of).order_by("-at", "-id").first()


def uplift_job(of: Experiment) -> JobRow | None:
    """The work on it, while it lasts or where it failed."""
    rows = JobRow.objects.filter(kind=REPORT_UPLIFT.name, dedupe_key=str(of.pk))
    return rows.exclude(state="done").order_by("-id").first()
