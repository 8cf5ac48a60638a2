"""Predictions are refreshed every day."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from attune.kernel import jobs
from campaigns.predictions import selectors, services

EVERY = timedelta(days=1)


def refresh_due() -> None:
    now = timezone.now()
    active = list(selectors.active())
    runs = selectors.newest_of(active)
    for row in active:
        due = row.pk not in runs or now - runs[row.pk].at > EVERY
        if due and not jobs.tried(row.job, now, EVERY):
            services.ask(row)
