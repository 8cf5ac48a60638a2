"""Links in messages, and what comes back through them, as ordinary events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from attune.kernel import secrets
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import intake
from campaigns.contacts import services as contacts
from campaigns.contacts.models import Identity, IdentityMerge
from campaigns.delivery.models import Send

BY_HAND = ("Message Clicked", "Message Opened")
TOO_QUICK = timedelta(seconds=2)  # nobody reads and clicks within this; scanners do


def token(send: Send) -> str:
    return secrets.sign("send", {"t": send.tenant_id, "s": str(send.pk)})


def unsubscribe_url(send: Send) -> str:
    return settings.PUBLIC_URL + reverse("delivery:unsubscribe", args=[token(send)])


def preferences_url(contact_id: UUID) -> str:
    """Where this person chooses what they get; it holds as long as the letters are kept."""
    signed = secrets.sign("preferences", {"t": current_tenant(), "c": str(contact_id)})
    return settings.PUBLIC_URL + reverse("delivery:preferences", args=[signed])


def open_url(send: Send) -> str:
    signed = secrets.sign("open", {"t": send.tenant_id, "s": str(send.pk)})
    return settings.PUBLIC_URL + reverse("delivery:opened", args=[signed])


def click_url(send: Send, target: str) -> str:
    signed = secrets.sign("click", {"t": send.tenant_id, "s": str(send.pk), "u": target})
    return settings.PUBLIC_URL + reverse("delivery:click", args=[signed])


def _identity(contact_id: UUID) -> Identity | None:
    """A name of the person, also after they were merged into a known contact."""
    merged = IdentityMerge.objects.filter(source_id=contact_id, undone_at=None).first()
    person = merged.target_id if merged else contact_id
    return Identity.objects.filter(contact_id=person).order_by("-kind").first()


def record(
    send: Send, name: str, *, agent: str = "", message_id: str = "",
    about: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Record that something happened to a message, once per `message_id`.

    A user agent that calls itself a machine, or a click quicker than a person, is kept and
    marked; metrics leave it out.
    """
    identity = _identity(send.contact_id)
    if identity is None:
        return
    context: dict[str, Any] = {"userAgent": agent} if agent else {}
    now = timezone.now()
    if send.sent_at and now - send.sent_at < TOO_QUICK and name in BY_HAND:
        context["userAgent"] = f"scanner (too quick) {agent}"
    machine = intake.is_machine(context)  # a scanner's click does not use up the person's
    field = "userId" if identity.kind == Identity.Kind.USER else "anonymousId"
    item = {
        "type": "track",
        "event": name,
        field: identity.value,
        "messageId": message_id or f"{name}-{send.pk}{'-machine' if machine else ''}",
        "context": context,
        "properties": {
            "campaign": send.campaign.name,
            "campaign_id": str(send.campaign_id),
            "send_id": str(send.pk),
            "revision_id": str(send.revision_id),
            **(about or {}),
        },
    }
    contacts.record_events([item], source="delivery", now=now)
