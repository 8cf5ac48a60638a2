"""Reading journeys."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from insights.journeys.models import Journey


def journeys() -> QuerySet[Journey]:
    return Journey.objects.select_related("segment", "job").order_by("name")


def journey(pk: uuid.UUID | str, *, lock: bool = False) -> Journey:
    rows = journeys().select_for_update(of=("self",)) if lock else journeys()
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such journey in this workspace."))
    return row
