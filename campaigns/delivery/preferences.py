"""What people choose for themselves, without an account: topics, nothing at all, a subscription."""

from __future__ import annotations

import hashlib
from typing import Any

from django.utils import timezone

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from campaigns.contacts import recording
from campaigns.contacts import selectors as contacts
from campaigns.contacts import services as contact_services
from campaigns.contacts.models import Consent, Contact, IdentityMerge
from campaigns.delivery import suppression
from campaigns.delivery.models import Suppression
from campaigns.subscriptions import selectors as subscriptions
from campaigns.subscriptions import services as subscribing

CENTRE, FORM, LETTER = "preference centre", "sign-up form", "confirmed by letter"


def person(contact_id: str) -> Contact:
    """Whom a link was made for, also after they were merged into a known contact."""
    merged = IdentityMerge.objects.filter(source_id=contact_id, undone_at=None).first()
    row = contacts.contact(merged.target_id if merged else contact_id)
    if row.status == Contact.Status.BLOCKLISTED:
        raise NotFound(say("This link is not valid, or it has expired."))
    return row


def choose(contact: Contact, keys: list[str], *, shown: str) -> None:
    """Save what was ticked; who wants anything again is not held by an earlier refusal of all."""
    known = {row.key for row in subscriptions.public_topics()}
    wanted = known & set(keys)
    subscribing.choose(contact=contact, wanted=wanted, source=CENTRE, wording=shown)
    if wanted:
        _let_in_again(contact)


def refuse_all(contact: Contact) -> None:
    suppression.unsubscribe_contact(contact=contact, channel="email", source=CENTRE)


def refused_all(contact: Contact) -> bool:
    newest = contacts.latest_consent(contact.pk, "email")
    return newest is not None and newest.state == Consent.State.REFUSED


def confirm(contact: Contact, keys: list[str]) -> None:
    if subscribing.confirm(contact=contact, keys=keys, source=LETTER):
        _let_in_again(contact)


def _let_in_again(contact: Contact) -> None:
    """Who asks for messages again, with the link that only they have, leaves the list of those who
    unsubscribed; bounces and complaints stay on it."""
    Suppression.objects.filter(
        channel="email", address_hash=suppression.address_hash(contact.email),
        reason=Suppression.Reason.UNSUBSCRIBED,
    ).delete()  # fmt: skip


def sign_up(values: dict[str, Any], *, wording: str) -> None:
    """Somebody filled in the form: a contact of that address, and what they asked for. A stranger
    asked for that alone: topics for everybody are not for them unless they ticked them."""
    known = contacts.contact_by_email(values["email"])
    contact = known or _new(values["email"])
    topics = subscriptions.public_topics().filter(key__in=values["topics"])
    subscribing.subscribe(
        contact=contact, topics=topics, source=FORM, wording=wording, public=True,
        known=known is not None,
    )  # fmt: skip
    if known is None:
        subscribing.leave_out(contact=contact, but=values["topics"], source=FORM, wording=wording)


def _new(address: str) -> Contact:
    """A contact for an address nobody has; twice the same address is one contact."""
    visitor = f"form-{hashlib.sha256(address.encode()).hexdigest()[:32]}"
    told = {"type": "identify", "anonymousId": visitor, "traits": {"email": address},
            "messageId": f"{visitor}-email"}  # fmt: skip
    contact_services.record_events([told], source="form", now=timezone.now())
    row = contacts.contact(recording.contact_id(anonymous_id=visitor))
    if row.email != address:  # the fold says so soon; the letter needs it now
        Contact.objects.filter(pk=row.pk).update(email=address)
        row.email = address
    return row
