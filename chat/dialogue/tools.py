"""What the assistant can do for a customer: each tool with its arguments, whether it changes
something (then it is confirmed before), and whether it needs to know who the customer is.

Every call is kept (ToolCall) and audited; the same question never calls a tool twice.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from attune.kernel import audit
from attune.kernel.errors import AttuneError
from attune.kernel.phrases import Phrase, say
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Event
from campaigns.delivery import suppression
from chat.conversations import handing
from chat.conversations.models import Conversation
from chat.dialogue.models import ToolCall
from tenants import notices

logger = logging.getLogger(__name__)
CALLS_AN_HOUR = 30
WHO = say("For that I must know who you are; please sign in on our site, or talk to a person.")
ORDER_KEYS = ("order_id", "orderId", "order_number", "number")
STATES = {
    "Order Completed": say("was placed"), "Order Updated": say("was changed"),
    "Order Packed": say("is packed"), "Order Shipped": say("is on its way"),
    "Order Delivered": say("was delivered"), "Order Cancelled": say("was cancelled"),
    "Order Refunded": say("was refunded"),
}  # fmt: skip


class Refused(Exception):
    """The tool cannot do that, and says why to the customer."""

    def __init__(self, why: Phrase) -> None:
        super().__init__(str(why))
        self.why = why


Run = Callable[[Conversation, Mapping[str, str]], Phrase]


@dataclass(frozen=True, slots=True)
class Argument:
    """A slot that the tool needs, as it is made where the workspace has none."""

    name: str
    kind: str
    ask: Phrase


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    title: Phrase
    about: Phrase
    takes: tuple[Argument, ...]
    writes: bool
    known_only: bool
    run: Run


def order_status(conversation: Conversation, given: Mapping[str, str]) -> Phrase:
    """Where an order of this customer is, by its newest event."""
    wanted = given.get("order_number", "").strip().lstrip("#")
    person = contacts.same_person(conversation.contact_id) if conversation.contact_id else []
    rows = Event.objects.filter(contact_id__in=person, name__in=STATES)
    for row in rows.order_by("-at", "-id")[:500]:
        numbers = {str(row.properties.get(key, "")).lstrip("#").lower() for key in ORDER_KEYS}
        if wanted and wanted.lower() in numbers:
            return say("Order %(number)s %(state)s (%(day)s).", number=wanted,
                       state=STATES[row.name], day=f"{row.at:%Y-%m-%d}")  # fmt: skip
    raise Refused(say(
        "I find no order %(number)s of yours. Please look at the number in your order "
        "confirmation.", number=wanted or "–",
    ))  # fmt: skip


def unsubscribe(conversation: Conversation, given: Mapping[str, str]) -> Phrase:
    """No more marketing e-mail to this customer, at once."""
    contact = conversation.contact
    if contact is None or not contact.email:
        raise Refused(say("I do not know your e-mail address."))
    suppression.unsubscribe_contact(contact=contact, channel="email", source="chat")
    return say("Done: %(address)s gets no more newsletters from us.", address=_hint(contact.email))


def call_back(conversation: Conversation, given: Mapping[str, str]) -> Phrase:
    """A note for people, a notice to them, and a promise to the customer."""
    phone, when = given.get("phone", ""), given.get("time", "")
    if sum(c.isdigit() for c in phone) < 5:
        raise Refused(say("This does not look like a telephone number."))
    asked = ToolCall.objects.filter(
        tool="call_back", state="done", conversation__inbox=conversation.inbox,
        created_at__gte=timezone.now() - timedelta(hours=1),
    )  # fmt: skip
    if asked.filter(conversation=conversation).exists():
        raise Refused(say("You are on the list for a call already."))
    if asked.count() >= CALLS_AN_HOUR:
        raise Refused(say("Too many calls are asked for right now; please talk to a person here."))
    handing.activity(conversation, say("Wants a call back on %(phone)s: %(when)s.", phone=phone,
                                       when=when or "–"))  # fmt: skip
    told = say("%(who)s wants a call back: %(when)s", who=str(conversation.visitor),
               when=when or "–")  # fmt: skip
    people = set(notices.those_who_can(handing.TALK))
    notices.tell(people, told, "conversations:conversation", conversation.pk)
    return say("We will call %(phone)s (%(when)s).", phone=phone, when=when or "–")


TOOLS: dict[str, Tool] = {
    t.name: t for t in (
        Tool("order_status", say("Say where an order is"),
             say("Reads the customer's own order events."),
             (Argument("order_number", "number", say("What is your order number?")),),
             writes=False, known_only=True, run=order_status),
        Tool("unsubscribe", say("Unsubscribe from e-mail"),
             say("Puts the customer's address on the list of those who get no marketing e-mail."),
             (), writes=True, known_only=True, run=unsubscribe),
        Tool("call_back", say("Book a call back"),
             say("Leaves people a note with number and time, and tells them."),
             (Argument("phone", "phone", say("On which number may we call you?")),
              Argument("time", "text", say("When does it suit you?"))),
             writes=True, known_only=False, run=call_back),
    )
}  # fmt: skip


def call(
    *, conversation: Conversation, seq: int, name: str, arguments: Mapping[str, str],
    confirmed: bool,
) -> ToolCall:  # fmt: skip
    """Call a tool for the question `seq`, once; what it said or why not stands in the row."""
    given = json.dumps(dict(arguments), sort_keys=True)
    digest = hashlib.sha256(given.encode()).hexdigest()[:16]
    calls = ToolCall.objects.filter(conversation=conversation, seq=seq, tool=name, digest=digest)
    if (found := calls.first()) is not None:
        return found
    tool = TOOLS.get(name)
    row = ToolCall(conversation=conversation, seq=seq, tool=name[:40], confirmed=confirmed,
                   digest=digest, arguments=dict(arguments))  # fmt: skip
    try:
        if tool is None:
            raise Refused(say("I cannot do that any more."))
        if tool.writes and not confirmed:
            raise Refused(say("I do that only after you say yes."))
        if tool.known_only and conversation.contact_id is None:
            raise Refused(WHO)
        with transaction.atomic():
            row.result = tool.run(conversation, arguments)
        row.state = ToolCall.State.DONE
    except Refused as why:
        row.state, row.result = ToolCall.State.REFUSED, why.why
    except (AttuneError, ValueError, ArithmeticError, LookupError) as failure:
        logger.exception("tool %s failed", name)
        row.state, row.result = ToolCall.State.FAILED, say("That did not work on our side.")
        row.arguments = {**row.arguments, "failure": type(failure).__name__}
    row.save()
    audit.record("dialogue.tool", row, tool=name, state=row.state)
    return row


def _hint(address: str) -> str:
    name, _, domain = address.partition("@")
    return f"{name[:2]}…@{domain}"
