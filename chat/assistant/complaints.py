"""Whom no campaign should reach now: people who were upset in a conversation that is not over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import selectors as contacts
from campaigns.delivery import holds
from chat.conversations.models import Conversation
from tenants.models import Tenant

OPEN = (Conversation.State.PENDING, Conversation.State.OPEN, Conversation.State.SNOOZED)
FADES = timedelta(days=30)  # a conversation nobody closed is no complaint for ever


def complaining(people: Sequence[UUID] | None = None) -> set[UUID]:
    """Of these contacts (None: of all), those with a complaint that is open; also who complained
    before they said who they are."""
    rows = Conversation.objects.filter(
        state__in=OPEN, upset_at__isnull=False, contact__isnull=False,
        last_at__gte=timezone.now() - FADES,
    )  # fmt: skip
    found = set(rows.values_list("contact_id", flat=True))
    found |= contacts.known_as(found)
    return found if people is None else found & set(people)


def held(people: Sequence[UUID] | None) -> set[UUID]:
    """As `complaining`, where the workspace spares them."""
    found = complaining(people)
    if found and not Tenant.objects.get(pk=current_tenant()).spare_complaints:
        return set()
    return found


def register() -> None:
    reason = say("The contact has an open complaint: it is answered first.")
    holds.register(holds.Hold("complaint", reason, held))
