"""Later work of the forecasts."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import FITTING, Job


@dataclass(frozen=True, slots=True)
class FitSeries:
    series_id: uuid.UUID


FIT_SERIES = Job("insights.fit_series", FITTING, FitSeries)
