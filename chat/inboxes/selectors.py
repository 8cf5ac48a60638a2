"""Reading inboxes, and who could answer now."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from chat.inboxes.models import Availability, CannedReply, Inbox, Label
from tenants import teams
from tenants.models import User
from tenants.notices import those_who_can


def inboxes() -> QuerySet[Inbox]:
    return Inbox.objects.order_by("name")


def inbox(pk: uuid.UUID | str, *, lock: bool = False) -> Inbox:
    rows = Inbox.objects.select_for_update() if lock else Inbox.objects.all()
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such inbox in this workspace."))
    return row


def labels() -> QuerySet[Label]:
    return Label.objects.order_by("name")


def canned() -> QuerySet[CannedReply]:
    return CannedReply.objects.order_by("code")


def agents() -> list[User]:
    """Members who may answer customers, by name."""
    return sorted(User.objects.filter(pk__in=those_who_can("chat.answer")), key=str)


def availability_of(user_id: int) -> Availability:
    row, _ = Availability.objects.get_or_create(user_id=user_id)
    return row


def available(team_id: uuid.UUID | None = None) -> list[Availability]:
    """Agents who take conversations now; of a team where one is named."""
    rows = Availability.objects.filter(available=True, user_id__in=those_who_can("chat.answer"))
    if team_id is not None:
        rows = rows.filter(user_id__in=teams.people(team_id))
    return list(rows.select_related("user"))
