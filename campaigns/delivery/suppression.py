"""May we write to this person? One function, asked inside the transaction that sends."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from attune.kernel import audit
from attune.kernel.phrases import say, word
from campaigns.contacts import selectors as contacts
from campaigns.contacts import services as contact_services
from campaigns.contacts.models import Consent, Contact
from campaigns.delivery import holds
from campaigns.delivery.models import Send, Suppression
from campaigns.subscriptions import selectors as subscriptions
from campaigns.subscriptions.models import Topic


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether, and if not, the state the send ends in and why; `until` when it may be asked again,
    where time alone heals it."""

    allowed: bool
    state: str = ""
    reason: str = ""
    until: datetime | None = None


def address_hash(address: str) -> str:
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


def hint(address: str) -> str:
    """Enough of an address to know it by: a…@example.com."""
    name, at, domain = address.strip().partition("@")
    return f"{name[:1]}…@{domain}"[:60] if at else ""


def may_send(
    contact: Contact, *, channel: str, cap: int, days: int, now: datetime,
    topic: Topic | None = None,
) -> Permission:  # fmt: skip
    """Status, address, suppression, consent, holds and frequency cap, in this order."""
    suppressed = Send.State.SUPPRESSED
    if contact.status != Contact.Status.ENABLED:
        return Permission(
            False, suppressed, say("The contact is %(status)s.", status=word(contact.status))
        )
    if channel == "email" and not _is_plain_address(contact.email):
        return Permission(False, suppressed, say("The contact has no valid e-mail address."))
    if channel == "email":
        entry = Suppression.objects.filter(
            channel="email", address_hash=address_hash(contact.email)
        ).first()
        if entry is not None:
            return Permission(
                False,
                suppressed,
                say("The address is on the list: %(reason)s.", reason=word(entry.reason)),
            )
    if (refused := subscriptions.refusal(contact.pk, channel, topic)) is not None:
        return Permission(False, suppressed, refused)
    if (held := holds.why(contact.pk)) is not None:
        return Permission(False, suppressed, held)
    since = now - timedelta(days=days)
    Contact.objects.select_for_update(no_key=True).get(pk=contact.pk)  # two campaigns take turns
    counted = [Send.State.SENT, Send.State.SENDING, Send.State.UNCERTAIN]
    person = contacts.same_person(contact.pk)  # also what they got before they were recognised
    times = Send.objects.filter(contact_id__in=person, state__in=counted, sent_at__gte=since)
    lately = list(times.order_by("sent_at").values_list("sent_at", flat=True))
    if len(lately) >= cap:
        told = say("%(lately)s messages in %(days)s days already.", lately=len(lately), days=days)
        free = lately[len(lately) - cap] + timedelta(days=days) if cap else None
        return Permission(False, Send.State.CAPPED, told, free)
    return Permission(True)


def _is_plain_address(address: str) -> bool:
    """Only a bare address: a display name or comment would slip past the list of hashes."""
    try:
        validate_email(address)
    except ValidationError:
        return False
    return True


def suppress(*, address: str, reason: str, source: str, channel: str = "email") -> Suppression:
    """Put an address on the list; once is enough."""
    digest = address_hash(address)
    try:
        with transaction.atomic():
            row = Suppression.objects.create(
                channel=channel, address_hash=digest, reason=reason, source=source,
                hint=hint(address),
            )  # fmt: skip
    except IntegrityError:
        return Suppression.objects.get(channel=channel, address_hash=digest)
    audit.record("delivery.suppress", row, reason=reason)
    return row


def unsubscribe(*, send: Send, source: str) -> None:
    """RFC 8058: at once, without a question; the refusal is recorded as consent and as event."""
    if send.address:
        suppress(address=send.address, reason=Suppression.Reason.UNSUBSCRIBED, source=source)
    _refuse(send.contact, send.channel, source)


def unsubscribe_contact(*, contact: Contact, channel: str, source: str) -> None:
    """The same where a person asks for it without a message at hand."""
    if channel == "email" and contact.email:
        suppress(address=contact.email, reason=Suppression.Reason.UNSUBSCRIBED, source=source)
    _refuse(contact, channel, source)


def _refuse(contact: Contact, channel: str, source: str) -> None:
    contact_services.record_consent(
        contact=contact, state=Consent.State.REFUSED, channel=channel, source=source
    )
