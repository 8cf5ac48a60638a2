"""Requests of people about their data: asked by themselves, settled by somebody in charge."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, Invalid, NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.contacts.models import Contact
from insights.privacy import erasing
from insights.privacy.models import PrivacyRequest
from tenants import notices


def ask(*, contact: Contact, kind: str) -> PrivacyRequest:
    """A person asks, by the link that only they have; asking twice is asking once."""
    if kind not in PrivacyRequest.Kind.values:
        raise Invalid.one("kind", say("Ask for a copy or for erasing."))
    row, fresh = PrivacyRequest.objects.get_or_create(contact=contact, kind=kind, state="open")
    if fresh:
        audit.record("privacy.ask", row, kind=kind)
        told = say("A person asks for their data: %(kind)s", kind=row.get_kind_display())
        notices.tell(notices.those_who_can("privacy.manage"), told, "privacy:requests")
        live.push(current_tenant(), "notices")
    return row


def request(pk: UUID | str) -> PrivacyRequest:
    row = PrivacyRequest.objects.select_related("contact").filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such request in this workspace."))
    return row


@transaction.atomic
def settle(*, row: PrivacyRequest, refuse: str = "") -> None:
    """Do what was asked, or refuse it with the reason that the person is told."""
    won = PrivacyRequest.objects.filter(pk=row.pk, state="open").update(
        state="refused" if refuse else "done", note=refuse[:300], settled_at=timezone.now()
    )
    if not won:
        raise Conflict(say("This request was settled already."))
    if row.kind == PrivacyRequest.Kind.ERASE and not refuse:
        erasing.erase(row.contact)
    audit.record("privacy.settle", row, refused=bool(refuse))
