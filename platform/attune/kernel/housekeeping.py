"""How long the kernel's own rows are kept; and a note of when the sweeper ran. Audit entries and
quarantined jobs stay."""

from __future__ import annotations

import contextlib
import time
from datetime import timedelta

from django.core.cache import cache
from django.db import models
from django.db.models.functions import Now
from redis.exceptions import RedisError

from attune.kernel.models import IdempotencyRecord, JobRow

IDEMPOTENCY = timedelta(hours=72)
DONE_JOBS = timedelta(days=7)
MOST = 10_000
SWEPT = "attune.swept"  # when the sweeper ran last, in seconds


def note_sweep() -> None:
    """Say that the sweeper ran, to whoever asks whether the house is ready."""
    with contextlib.suppress(RedisError, OSError):
        cache.set(SWEPT, time.time(), timeout=None)


def tidy() -> int:
    """Delete the open tenant's expired answers and finished jobs, a bounded number; rows gone."""
    ended = [JobRow.State.DONE, JobRow.State.CANCELLED]
    answers = IdempotencyRecord.objects.filter(created_at__lt=Now() - IDEMPOTENCY)
    jobs = JobRow.objects.filter(state__in=ended, finished_at__lt=Now() - DONE_JOBS)
    return _delete(answers) + _delete(jobs)


def _delete(rows: models.QuerySet) -> int:
    oldest = rows.order_by("id").values_list("id", flat=True)[:MOST]
    return int(rows.model.objects.filter(pk__in=list(oldest)).delete()[0])
