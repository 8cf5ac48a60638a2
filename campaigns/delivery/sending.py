"""One message at a time: asked, rendered, marked, handed over, recorded.

The row goes to `sending` and commits before the provider is called. A row found in `sending`
after a crash becomes `uncertain` and is not sent again: for marketing, not sending twice beats
sending surely.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from smtplib import SMTPException
from uuid import UUID

from anymail.exceptions import AnymailError
from django.utils import timezone

from attune.kernel import audit
from attune.kernel.errors import AttuneError, NotFound
from attune.kernel.phrases import as_is, say, word
from attune.kernel.tenancy import current_tenant
from campaigns.contacts.models import Contact
from campaigns.content.models import BriefProduct
from campaigns.content.rendering import contact_values, render
from campaigns.content.services import verify
from campaigns.delivery import (
    allowance,
    email,
    endpoints,
    holding,
    letters,
    services,
    standing,
    tracking,
    turns,
    webhook,
)
from campaigns.delivery.models import Campaign, Send
from campaigns.delivery.suppression import may_send
from tenants.models import Tenant

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A send that may leave: committed as `sending`, with everything rendered."""

    send_id: UUID
    via: str
    envelope: email.Envelope
    endpoint_url: str = ""
    endpoint_secrets: tuple[str, ...] = ()
    payload: dict[str, object] | None = None


def waiting(campaign_id: UUID, first: UUID, last: UUID, now: datetime) -> list[UUID]:
    """Of a range of messages, those that wait and are not put off to a later moment."""
    rows = Send.objects.filter(
        campaign_id=campaign_id, id__gte=first, id__lte=last, state=Send.State.PENDING
    ).exclude(due_at__gt=now)
    return list(rows.order_by("id").values_list("id", flat=True))


def prepare(send_id: UUID, *, now: datetime) -> Prepared | None:
    """Claim one send; None when it may not leave (its row says why) or is someone else's."""
    if not _held(send_id):
        return None
    send = (
        Send.objects.select_for_update(of=("self",))
        .select_related(
            "campaign__endpoint",
            "campaign__policy__audience",
            "campaign__audience",
            "campaign__topic",
            "campaign__template",
            "contact",
            "decision",
            "revision__asset",
        )
        .filter(pk=send_id, state=Send.State.PENDING)
        .first()
    )
    if send is None or send.campaign.state not in {"running", "loading"}:
        return None
    if send.due_at is not None and send.due_at > now:
        return None
    if send.campaign.standing and _not_now(send, now):
        return None
    tenant = Tenant.objects.get(pk=current_tenant())
    if turns.waits(send, tenant, now) or not _may_get(send, tenant, now):
        return None
    if turns.queues(send, now) or not _has_room(send, tenant):  # who gets nothing takes no turn
        return None
    return _render(send, tenant)


def _may_get(send: Send, tenant: Tenant, now: datetime) -> bool:
    """Ask whether the person may be written to, and whether the text is approved and unaltered.
    Where not, the row waits or is closed, with the reason."""
    permission = may_send(
        send.contact, channel=send.channel, cap=tenant.frequency_cap,
        days=tenant.frequency_days, now=now, topic=send.campaign.topic,
    )  # fmt: skip
    if not permission.allowed:
        if send.campaign.standing or not turns.hopes(send, permission, tenant):
            _close(send, permission.state, permission.reason)
        return False
    try:
        verify(send.revision)
    except AttuneError as refusal:
        if not turns.for_the_new_text(send, now):
            _close(send, Send.State.ABORTED, refusal.detail)
        return False
    return True


def _has_room(send: Send, tenant: Tenant) -> bool:
    """Whether the month's cap has room; where not, the row waits or is closed."""
    if allowance.take(tenant):
        return True
    if send.campaign.standing:  # its policy decides anew, when its time comes again
        _close(send, Send.State.CAPPED, turns.of_the_month(tenant))
    else:
        turns.until_raised(send, tenant)
    return False


def _held(send_id: UUID) -> bool:
    """Lock the campaign where it has a pace, then the person, and after both the message: everybody
    who needs two of them takes them in this order. Whether the message still waits."""
    rows = Send.objects.filter(pk=send_id, state=Send.State.PENDING)
    found = rows.values_list("campaign_id", "campaign__per_hour", "contact_id").first()
    if found is None:
        return False
    campaign_id, per_hour, contact_id = found
    if per_hour:
        Campaign.objects.select_for_update(no_key=True).get(pk=campaign_id)
    Contact.objects.select_for_update(no_key=True).get(pk=contact_id)
    return True


def _not_now(send: Send, now: datetime) -> bool:
    """Whether what a policy chose may not leave now: too late, or for the quiet hours to end."""
    late = holding.over(send, now)
    if late is not None:
        _close(send, Send.State.ABORTED, late)
        return True
    return holding.put_off(send, now)


def _close(send: Send, state: str, reason: str) -> None:
    Send.objects.filter(pk=send.pk).update(state=state, reason=reason)
    standing.withdraw([send], as_is(reason))


def _render(send: Send, tenant: Tenant) -> Prepared:
    contact = send.contact
    unsubscribe = tracking.unsubscribe_url(send)
    values = contact_values(contact.name, contact.email, tenant.name, unsubscribe)
    send.components = {k: render(v, values) for k, v in send.revision.components.items()}
    send.address = contact.email if send.channel == "email" else ""
    domain = (tenant.sender_email or "attune.local").partition("@")[2] or "attune.local"
    send.message_id = f"<{send.pk}@{domain}>"
    send.state, send.sent_at = Send.State.SENDING, timezone.now()
    send.template, send.version = send.campaign.template, send.campaign.version
    send.save(update_fields=["components", "address", "message_id", "state", "sent_at", "template",
                             "version"])  # fmt: skip
    envelope = _envelope(send, tenant)
    if send.campaign.via != Campaign.Via.WEBHOOK or send.campaign.endpoint is None:
        return Prepared(send.pk, send.campaign.via, envelope)
    payload: dict[str, object] = {
        "type": "message.requested",
        "timestamp": timezone.now().isoformat(),
        "data": {
            "send_id": str(send.pk),
            "campaign": send.campaign.name,
            "channel": send.channel,
            "contact": {"id": str(contact.pk), "external_id": contact.external_id},
            "revision_id": str(send.revision_id),
            "components": send.components,
            "click_url": envelope.click_url,
            "unsubscribe_url": unsubscribe,
        },
    }
    endpoint = send.campaign.endpoint
    return Prepared(
        send.pk, send.campaign.via, envelope, endpoint.url,
        endpoints.secrets_of(endpoint, timezone.now()), payload,
    )  # fmt: skip


def _envelope(send: Send, tenant: Tenant) -> email.Envelope:
    target = target_of(send)
    plain = email.Envelope(
        to=send.address,
        sender=services.sender_of(tenant),
        components=send.components,
        message_id=send.message_id,
        unsubscribe_url=tracking.unsubscribe_url(send),
        preferences_url=tracking.preferences_url(send.contact_id),
        open_url=tracking.open_url(send) if tenant.track_opens else "",
        click_url=tracking.click_url(send, target) if target else "",
        token=tracking.token(send),
        postal_address=tenant.postal_address,
    )
    return letters.dressed(plain, send.contact, tenant, send.template, send.revision.asset.locale)


def envelope_of(send: Send) -> email.Envelope:
    """The message as it left. Raises NotFound for one that was never rendered."""
    if not send.components:
        raise NotFound(
            say("This message was not rendered: it is %(state)s.", state=word(send.state))
        )
    return _envelope(send, Tenant.objects.get(pk=current_tenant()))


def target_of(send: Send) -> str:
    """Where the button leads: the text's own link, or the first product of the brief that has an
    address."""
    if own := send.components.get("link") or send.revision.components.get("link"):
        return str(own)
    lines = BriefProduct.objects.filter(brief=send.revision.asset.brief_id).select_related(
        "product"
    )
    return next((line.product.url for line in lines.order_by("id") if line.product.url), "")


def hand_over(prepared: Prepared) -> str:
    """Call the provider, outside any transaction. The reason it failed, or an empty string.

    Refused for good reads as a reason; an unclear end (time-out) raises OSError.
    """
    if prepared.via == Campaign.Via.WEBHOOK:
        status = webhook.post(
            prepared.endpoint_url,
            secrets=prepared.endpoint_secrets,
            message_id=str(prepared.send_id),
            timestamp=int(timezone.now().timestamp()),
            payload=prepared.payload,
        )
        return (
            ""
            if 200 <= status < 300
            else say("The endpoint answered %(status)s.", status=str(status))
        )
    try:
        email.deliver(prepared.envelope)
    except (SMTPException, AnymailError, ValueError) as refusal:
        return say("The mail provider refused: %(answer)s", answer=str(refusal)[:200])
    return ""


def settle(send_id: UUID, *, failure: str, unclear: bool = False) -> None:
    """Write the end: sent (and the event that says so), failed, or uncertain. Who handed it over
    knows it better than another job that took it for a crash meanwhile."""
    state = Send.State.UNCERTAIN if unclear else Send.State.FAILED if failure else Send.State.SENT
    unsettled = (Send.State.SENDING, Send.State.UNCERTAIN)
    won = Send.objects.filter(pk=send_id, state__in=unsettled).update(
        state=state, reason=failure, sent_at=timezone.now()
    )  # an empty reason also takes away why it had waited
    if not won:
        return
    send = Send.objects.select_related("campaign__policy").get(pk=send_id)
    if state == Send.State.SENT:
        tracking.record(send, "Message Sent")
    elif state == Send.State.FAILED:
        standing.withdraw([send], as_is(failure))
        tracking.record(send, "Message Failed", about={"reason": str.__str__(failure)})


def find_uncertain(campaign_id: UUID, first: UUID, last: UUID) -> int:
    """Mark what a crash of this batch left in `sending`: shown, and sent again only by a person."""
    n = Send.objects.filter(
        campaign_id=campaign_id, id__gte=first, id__lte=last, state=Send.State.SENDING
    ).update(state=Send.State.UNCERTAIN, reason=say("The worker stopped while handing this over."))
    if n:
        audit.record("delivery.uncertain", campaign=str(campaign_id), sends=n)
    return n
