"""What is learned anew every day: predictions, forecasts, risks."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from attune.kernel import jobs
from campaigns.predictions import selectors as predictions
from campaigns.predictions import services as predicting
from insights.forecasts import selectors as forecasts
from insights.forecasts import services as forecasting
from insights.risk import selectors as risks
from insights.risk import services as risking

EVERY = timedelta(days=1)


def predictions_due() -> None:
    active = list(predictions.active())
    _ask(active, predictions.newest_of(active), predicting.ask)


def forecasts_due() -> None:
    active = list(forecasts.active())
    _ask(active, forecasts.newest_of(active), forecasting.ask)


def risks_due() -> None:
    active = list(risks.active())
    _ask(active, risks.newest_of(active), risking.ask)


def _ask(rows: Iterable[Any], told: Mapping[uuid.UUID, Any], ask: Callable[[Any], None]) -> None:
    """Ask for those whose newest answer is a day old and which were not tried since."""
    now = timezone.now()
    for row in rows:
        due = row.pk not in told or now - told[row.pk].at > EVERY
        if due and not jobs.tried(row.job, now, EVERY):
            ask(row)
