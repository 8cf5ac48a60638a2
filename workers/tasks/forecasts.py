"""Forecasts are answered anew every day."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from attune.kernel.models import JobRow
from insights.forecasts import selectors, services

EVERY = timedelta(days=1)


def refresh_due() -> None:
    now = timezone.now()
    active = list(selectors.active())
    told = selectors.newest_of(active)
    for row in active:
        due = row.pk not in told or now - told[row.pk].at > EVERY
        busy = row.job is not None and row.job.state in {
            JobRow.State.PENDING, JobRow.State.RUNNING, *JobRow.GAVE_UP,
        }  # fmt: skip
        gave_up = busy and row.job is not None and row.job.finished_at is not None
        if due and (not busy or (gave_up and now - row.job.finished_at > EVERY)):  # type: ignore[union-attr,operator]
            services.ask(row)
