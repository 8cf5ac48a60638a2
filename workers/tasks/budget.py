"""The ledger: plans whose weeks are over are closed where their spend is known."""

from __future__ import annotations

from contextlib import suppress

from django.db import transaction
from django.utils import timezone

from attune.kernel.errors import Conflict
from campaigns.budget import selectors, services


def close_due() -> None:
    today = timezone.now().date()
    for plan in selectors.due(today):
        with suppress(Conflict), transaction.atomic():  # its spend is not brought in yet
            services.close(plan, today)
