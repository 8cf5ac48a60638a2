"""What comes back of messages: bounces and complaints, from a provider or a partner's own server.

A hard bounce and a complaint take the address off at once; soft bounces do when there were as many
within 30 days as the workspace's settings say. All of it comes back as events too.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from anymail.signals import AnymailTrackingEvent
from django.utils import timezone

from attune.kernel import secrets
from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant, tenant_context
from campaigns.delivery import selectors, suppression, tracking
from campaigns.delivery.models import Bounce, Send, Suppression
from tenants.models import Tenant

logger = logging.getLogger(__name__)
WINDOW = timedelta(days=30)
FOR_GOOD = {"invalid", "bounced"}  # anymail's reject reasons of an address that does not exist
OWN_WORDS = ("bounceType", "Type", "event", "severity")
PASSING = ("transient", "soft", "temporary")
PLAIN = {"delivered": "Message Delivered", "opened": "Message Opened", "clicked": "Message Clicked"}


@dataclass(frozen=True, slots=True)
class Told:
    """Whether it was new, and whether the address is written to no more since."""

    bounce: Bounce
    fresh: bool
    suppressed: bool


def take(
    *, kind: str, source: str, told_id: str, send: Send | None = None, address: str = "",
    detail: str = "",
) -> Told:  # fmt: skip
    """Keep what was told of a message or of an address, once, and do what follows from it."""
    address = address or (send.address if send is not None else "")
    if not address:
        raise NotFound(say("It is not known which address this is about."))
    bounce, fresh = Bounce.objects.get_or_create(
        source=source[:40], told_id=told_id[:200],
        defaults={
            "kind": kind, "send": send, "address_hash": suppression.address_hash(address),
            "hint": suppression.hint(address), "detail": detail[:300],
        },
    )  # fmt: skip
    if not fresh:
        listed = Suppression.objects.filter(channel="email", address_hash=bounce.address_hash)
        return Told(bounce, False, listed.exists())
    if send is not None:
        name = "Message Complained" if kind == Bounce.Kind.COMPLAINT else "Message Bounced"
        tracking.record(send, name, message_id=f"bounce-{bounce.pk}",
                        about={"kind": kind, "reason": detail[:300]})  # fmt: skip
    return Told(bounce, True, _follow(bounce, address, source))


def _follow(bounce: Bounce, address: str, source: str) -> bool:
    if bounce.kind == Bounce.Kind.SOFT and not _too_many(bounce):
        return False
    complaint = bounce.kind == Bounce.Kind.COMPLAINT
    reason = Suppression.Reason.COMPLAINT if complaint else Suppression.Reason.BOUNCED
    suppression.suppress(address=address, reason=reason, source=source)
    return True


def _too_many(bounce: Bounce) -> bool:
    most = Tenant.objects.get(pk=current_tenant()).soft_bounces
    lately = Bounce.objects.filter(
        address_hash=bounce.address_hash, kind=Bounce.Kind.SOFT,
        created_at__gt=timezone.now() - WINDOW,
    )  # fmt: skip
    return lately.count() >= most


def from_provider(event: AnymailTrackingEvent, provider: str) -> None:
    """What an e-mail provider's webhook told (anymail's normalised event). The message's own token
    says whose it is; what has none is not ours."""
    token = (event.metadata or {}).get("send", "")
    try:
        place = secrets.unsign("send", str(token))
    except NotFound:
        logger.info("%s told of a message that is not ours", provider)
        return
    with tenant_context(place["t"]):
        try:
            _take_in(event, provider, selectors.send(place["s"]))
        except NotFound as gone:  # the others of the same call are taken in all the same
            logger.warning("%s told of a message that is gone: %s", provider, gone)


def _for_good(event: AnymailTrackingEvent) -> bool:
    """Whether the address does not exist. Some providers give a full mailbox the same reason; their
    own words tell the two apart (SES bounceType, Postmark Type, Brevo event, Mailgun severity)."""
    if event.reject_reason not in FOR_GOOD:
        return False
    raw = event.esp_event if isinstance(event.esp_event, Mapping) else {}
    inner = raw.get("bounce")
    places = [raw, inner if isinstance(inner, Mapping) else {}]
    words = " ".join(str(place.get(name, "")) for place in places for name in OWN_WORDS).lower()
    return not any(passing in words for passing in PASSING)


def _take_in(event: AnymailTrackingEvent, provider: str, send: Send) -> None:
    told: dict[str, Any] = {
        "send": send, "source": provider, "detail": str(event.description or event.mta_response
                                                       or event.reject_reason or ""),
        "told_id": str(event.event_id or f"{event.event_type}-{send.pk}"),
    }  # fmt: skip
    reason = event.reject_reason
    if event.event_type in PLAIN:
        agent = str(event.user_agent or "")[:300]
        tracking.record(send, PLAIN[event.event_type], agent=agent)
    elif event.event_type == "complained":
        take(kind=Bounce.Kind.COMPLAINT, **told)
    elif event.event_type == "unsubscribed" or reason == "unsubscribed":
        suppression.unsubscribe(send=send, source=provider)
        tracking.record(send, "Unsubscribed")
    elif event.event_type in {"bounced", "rejected", "failed"}:
        kind = Bounce.Kind.HARD if _for_good(event) else Bounce.Kind.SOFT
        take(kind=kind, **told)
