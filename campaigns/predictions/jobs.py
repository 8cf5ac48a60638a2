"""Later work of the predictions slice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import FITTING, Job


@dataclass(frozen=True, slots=True)
class RefreshPrediction:
    prediction_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class ReportUplift:
    experiment_id: uuid.UUID


REFRESH = Job("predictions.refresh", FITTING, RefreshPrediction)
REPORT_UPLIFT = Job("predictions.report_uplift", FITTING, ReportUplift)
