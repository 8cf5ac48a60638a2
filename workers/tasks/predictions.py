"""Predictions are refreshed every day."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from attune.kernel.models import JobRow
from campaigns.predictions import selectors, services

EVERY = timedelta(days=1)


def refresh_due() -> None:
    now = timezone.now()
    active = list(selectors.active())
    runs = selectors.newest_of(active)
    for row in active:
        due = row.pk not in runs or now - runs[row.pk].at > EVERY
        if due and not _tried(row.job, now):
            services.ask(row)


def _tried(job: JobRow | None, now: datetime) -> bool:
    """Whether a refresh is under way, or one gave up so lately that another would too."""
    if job is None:
        return False
    if job.state in {JobRow.State.PENDING, JobRow.State.RUNNING}:
        return True
    gave_up = job.state in JobRow.GAVE_UP
    return gave_up and job.finished_at is not None and now - job.finished_at < EVERY
