"""A visitor comes, says who they are, starts a conversation, writes, rates."""

from __future__ import annotations

import hashlib
import logging
import time
import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import F
from django.utils import timezone

from attune.kernel import audit
from attune.kernel.errors import AttuneError, Conflict, Forbidden, Invalid, NotFound
from attune.kernel.phrases import say
from attune.kernel.storable import as_uuid, unstorable
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import recording
from campaigns.contacts import services as contacts
from chat.conversations import appending, files, handing, wire
from chat.conversations.appending import Said
from chat.conversations.models import Attachment, Conversation, Rating, Visitor
from chat.inboxes import identity as identities
from chat.inboxes import services as inboxes
from chat.inboxes.identity import Identity, NotKnown, Pass
from chat.inboxes.models import Inbox

logger = logging.getLogger(__name__)
MOST_LETTERS = 4000
KEPT_DAYS = 30  # a resolved conversation that old is not gone on with: a new one starts


@dataclass(frozen=True, slots=True)
class Browser:
    """What a visitor's browser says of itself. Never trusted, only shown."""

    key: str = ""
    language: str = ""
    page: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """Where a visitor stands: who they are here, their token, the conversation they go on with,
    and why an identity that came along proved nothing."""

    visitor: Visitor | None
    token: str
    conversation: Conversation | None
    refused: str = ""


def session(*, inbox: Inbox, token: str, identity: str, browser: Browser) -> Session:
    """Take up where the visitor was. A wrong or expired identity is treated as none, and said."""
    known, refused = _known(inbox, identity)
    try:
        held = holder(inbox, token) if token else None
    except NotKnown:
        held = None
    if known is not None:
        row = _of_contact(inbox, known, held)
    elif inbox.identity_required:
        why = refused or str(say("This chat is for customers who are signed in."))
        raise Forbidden(why)
    else:
        row = held if held is None or not held.verified or not identity else None
    if row is None:
        return Session(None, "", None, refused)
    _meet(row, browser)
    return Session(row, _token(row), _going_on(row), refused)


def _known(inbox: Inbox, token: str) -> tuple[Identity | None, str]:
    if not token:
        return None, ""
    try:
        secret = inboxes.secret_of(inbox)
        return identities.verified(token, secret=secret, now=time.time()), ""
    except Invalid as wrong:
        return None, str(wrong.detail)


def holder(inbox: Inbox, token: str) -> Visitor:
    """The visitor whose token this is, at this inbox, now. Raises NotKnown."""
    said = identities.read(token)
    row = None
    if said.tenant_id == current_tenant() and said.inbox_id == str(inbox.pk):
        row = Visitor.objects.filter(pk=as_uuid(said.visitor_id), blocked_at=None).first()
    if row is None or row.token_version != said.version or row.inbox_id != inbox.pk:
        raise NotKnown(say("This chat is not known here any more."))
    return row


def _token(row: Visitor) -> str:
    tenant = current_tenant()
    return identities.issue(Pass(tenant, str(row.inbox_id), str(row.pk), row.token_version))


def _of_contact(inbox: Inbox, known: Identity, held: Visitor | None) -> Visitor:
    """The visitor of a customer; what the same browser wrote before it signed in comes along."""
    traits = {k: v for k, v in {"email": known.email, "name": known.name}.items() if v}
    digest = hashlib.sha256(f"{known}".encode()).hexdigest()[:32]
    contacts.record_events(
        [{"type": "identify", "userId": known.user_id, "traits": traits,
          "messageId": f"chat-{inbox.pk.hex}-{digest}"}],
        source="chat",
    )  # fmt: skip
    contact_id = recording.contact_id(user_id=known.user_id)
    row, _ = Visitor.objects.get_or_create(inbox=inbox, contact_id=contact_id)
    if row.blocked_at is not None:
        raise Forbidden(say("This chat is not open to you."))
    row.name, row.email = known.name or row.name, known.email or row.email
    row.save(update_fields=["name", "email"])
    if held is not None and not held.verified:
        for moved in Conversation.objects.filter(visitor=held):
            Conversation.objects.filter(pk=moved.pk).update(visitor=row, contact_id=contact_id)
        Visitor.objects.filter(pk=held.pk).update(token_version=F("token_version") + 1)
    return row


def _meet(row: Visitor, browser: Browser) -> None:
    row.seen_at = timezone.now()
    row.language = _clean(browser.language, 16) or row.language
    row.page = _clean(browser.page, 500) or row.page
    row.agent = _clean(browser.agent, 300) or row.agent
    row.save(update_fields=["seen_at", "language", "page", "agent"])


def _clean(text: str, most: int) -> str:
    return "" if unstorable(text) else text[:most]


def _going_on(row: Visitor) -> Conversation | None:
    """The newest conversation, unless it was over long ago."""
    found = Conversation.objects.filter(visitor=row).order_by("-id").first()
    if found is None or found.resolved_at is None:
        return found
    old = (timezone.now() - found.resolved_at).days >= KEPT_DAYS
    return None if old else found


def start(
    *, inbox: Inbox, visitor: Visitor | None, browser: Browser, client_id: str, body: str,
    person: bool = False,
) -> tuple[Session, int]:  # fmt: skip
    """Begin a conversation with its first message. Sent twice (same key, same client id) it begins
    once. `person`: the customer chose to write to a person."""
    body = checked(body)
    if inbox.state != Inbox.State.ACTIVE:
        raise Conflict(say("This chat is closed."))
    row = visitor or _anonymous(inbox, browser)
    bot = inbox.bot_enabled and not person
    conversation, made = Conversation.objects.get_or_create(
        visitor=row, start_id=client_id,
        defaults={
            "inbox": inbox, "contact_id": row.contact_id, "language": language(inbox, row),
            "state": "pending" if bot else "open", "handler": "bot" if bot else "person",
            "person_since": None if bot else timezone.now(),
        },
    )  # fmt: skip
    said = Said(body, "incoming", "visitor", client_id)
    receipt = appending.append(conversation=conversation.pk, said=said, visitor=row.pk)
    refuse(receipt.refused)
    wire.push(conversation.pk, {"type": "message", **wire.fresh(said, receipt)})
    if made:
        _record("Conversation Started", row, conversation, {"inbox": inbox.name})
        if not bot:
            handoff = handing.queue(
                conversation=conversation, by="customer", reason="customer_request", summary=body
            )
            handing.tell_customer(
                conversation, f"handoff:{handoff.pk}", handing.promise(conversation)
            )
    handing.wake_bot(receipt)
    conversation.refresh_from_db()
    return Session(row, _token(row), conversation), receipt.seq


def _anonymous(inbox: Inbox, browser: Browser) -> Visitor:
    if inbox.identity_required:
        raise Forbidden(say("This chat is for customers who are signed in."))
    if not 20 <= len(browser.key) <= 100:
        raise Invalid.one("key", say("Give a random key of 20 to 100 characters."))
    digest = hashlib.sha256(browser.key.encode()).hexdigest()
    row, _ = Visitor.objects.get_or_create(inbox=inbox, key_hash=digest)
    if row.blocked_at is not None or row.verified:
        raise NotKnown(say("This chat is not known here any more."))
    _meet(row, browser)
    return row


def language(inbox: Inbox, row: Visitor) -> str:
    """The language a conversation is held in: the inbox's, else the browser's where we speak it."""
    spoken = (inbox.language or row.language or "en").lower()
    return "zh-hans" if spoken.startswith("zh") else spoken.split("-")[0][:16]


def checked(body: Any) -> str:
    """A message's text as it is stored. Raises Invalid."""
    if not isinstance(body, str) or not body.strip():
        raise Invalid.one("body", say("Write something first."))
    if len(body) > MOST_LETTERS:
        raise Invalid.one(
            "body", say("A message has at most %(most)s characters.", most=MOST_LETTERS)
        )
    if problem := unstorable(body):
        raise Invalid.one("body", problem)
    return body.strip()


REFUSALS = {
    "unknown": NotFound(say("There is no such conversation.")),
    "closed": Conflict(say("This chat is closed.")),
    "blocked": Forbidden(say("This chat is not open to you.")),
    "owned": Conflict(say("A person answers here now.")),
}


def refuse(why: str) -> None:
    if why:
        raise REFUSALS[why]


def write(
    *, visitor: Visitor, conversation: uuid.UUID, client_id: str, body: str,
    attachments: list[str] | None = None,
) -> int:  # fmt: skip
    """A further message over HTTP; its number."""
    shown = attached(visitor, conversation, attachments or [])
    body = checked(body) if body.strip() or not shown else ""
    said = Said(body, "incoming", "visitor", client_id,
                payload={"files": shown} if shown else None)  # fmt: skip
    receipt = appending.append(conversation=conversation, said=said, visitor=visitor.pk)
    refuse(receipt.refused)
    if receipt.fresh:
        wire.push(conversation, {"type": "message", **wire.fresh(said, receipt)})
        handing.wake_bot(receipt)
    return receipt.seq


def attached(
    visitor: Visitor, conversation: uuid.UUID, ids: list[str]
) -> list[dict[str, str | int]]:
    """The files of a message, as its payload shows them."""
    known = [pk for text in ids[: files.MOST_FILES] if (pk := as_uuid(text))]
    rows = Attachment.objects.filter(
        pk__in=known, conversation_id=conversation, conversation__visitor=visitor, by_visitor=True
    ).defer("content")
    return [{"id": str(r.pk), "name": r.name, "type": r.content_type, "size": r.size} for r in rows]


def keep_file(
    *, conversation: Conversation, name: str, content: bytes, by_visitor: bool
) -> Attachment:
    """Keep a file that passed the checks (files.py)."""
    if conversation.attachments.count() >= 200:
        raise Conflict(say("This conversation has too many files already."))
    good = files.checked(name, content)
    return Attachment.objects.create(
        conversation=conversation, name=good.name, content_type=good.content_type,
        size=len(good.content), sha256=hashlib.sha256(good.content).hexdigest(),
        content=good.content, by_visitor=by_visitor,
    )  # fmt: skip


def own(visitor: Visitor, conversation: Any) -> Conversation:
    """A conversation of this visitor, or NotFound."""
    pk = as_uuid(str(conversation))
    row = Conversation.objects.filter(pk=pk, visitor=visitor).first() if pk else None
    if row is None:
        raise NotFound(say("There is no such conversation."))
    return row


def rate(*, conversation: Conversation, rating: int, comment: str = "") -> Rating:
    """The customer's answer to the newest question of how it was. It may be changed for a day."""
    row = conversation.ratings.order_by("-id").select_for_update().first()
    if row is None:
        raise Conflict(say("Nobody asked for a rating here yet."))
    if not 1 <= rating <= 5:
        raise Invalid.one("rating", say("A rating is 1 to 5."))
    if row.answered_at and (timezone.now() - row.answered_at).days >= 1:
        raise Conflict(say("This was rated already."))
    first = row.answered_at is None
    row.rating, row.comment = rating, _clean(comment, 1000)
    row.answered_at = row.answered_at or timezone.now()
    row.save()
    audit.record("conversations.rate", row, rating=rating)
    if first:
        _record(
            "Conversation Rated",
            conversation.visitor,
            conversation,
            {"rating": rating, "value": rating},
        )
    wire.push(conversation.pk, {"type": "rated", "rating": rating})
    return row


def _record(
    name: str, visitor: Visitor, conversation: Conversation, properties: dict[str, Any]
) -> None:
    """What happened in the chat is an event of the customer, where one is known."""
    if visitor.contact is None or not visitor.contact.external_id:
        return
    try:
        contacts.record_events(
            [{"type": "track", "userId": visitor.contact.external_id, "event": name,
              "messageId": f"{name}-{conversation.pk}-{conversation.reopened}",
              "properties": {"conversation": str(conversation.pk), **properties}}],
            source="chat",
        )  # fmt: skip
    except AttuneError as refused:
        logger.warning("chat event refused: %s", refused)
