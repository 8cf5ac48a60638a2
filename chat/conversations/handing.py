"""From the assistant to a person and back. A hand-off is a step with a reason, a summary and a
sentence to the customer; it reaches an agent who is available, or says when somebody will be."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.utils import timezone, translation
from django.utils.formats import date_format

from attune.kernel import audit, jobs, live
from attune.kernel.errors import Conflict
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from chat.conversations import appending, wire
from chat.conversations.appending import Receipt, Said
from chat.conversations.jobs import (
    ANSWER_MESSAGE,
    WATCH_CONVERSATION,
    AnswerMessage,
    WatchConversation,
)
from chat.conversations.models import Conversation, Handoff, Note
from chat.inboxes import hours
from chat.inboxes import selectors as inboxes
from chat.inboxes.models import Inbox
from tenants import notices
from tenants.models import User

logger = logging.getLogger(__name__)
OPEN = (Handoff.State.QUEUED, Handoff.State.ACCEPTED)
TALK = "chat.answer"


def wake_bot(receipt: Receipt) -> None:
    """Hint to the model worker that a customer waits, after this transaction commits."""
    if receipt.job is None:
        return
    tenant, job = current_tenant(), receipt.job
    jobs.wake_later(tenant, job, jobs.CHAT)


def lock(conversation: Conversation) -> Conversation:
    """The conversation as it is now, held until the end of this unit of work."""
    return (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("inbox", "visitor", "assignee")
        .get(pk=conversation.pk)
    )


def hand_off(
    *, conversation: Conversation, by: str, reason: str, summary: str = "",
    slots: dict[str, Any] | None = None, priority: int | None = None,
) -> Handoff:  # fmt: skip
    """Give a conversation to people: state, who answers, the customer's notice, in one step."""
    row = lock(conversation)
    if row.handler == Conversation.Handler.PERSON:
        found = row.handoffs.filter(state__in=OPEN).first()
        if found is not None:
            return found
    row.handler, row.state = "person", "open"
    row.person_since = timezone.now()
    if priority is not None:
        row.priority = max(row.priority, priority)
    row.save(update_fields=["handler", "state", "person_since", "priority"])
    made = queue(conversation=row, by=by, reason=reason, summary=summary, slots=slots)
    tell_customer(row, f"handoff:{made.pk}", promise(row))
    wire.push(row.pk, {"type": "state"}, hint=False)
    return made


def queue(
    *, conversation: Conversation, by: str, reason: str, summary: str = "",
    slots: dict[str, Any] | None = None,
) -> Handoff:  # fmt: skip
    """The hand-off's row, the agent who gets it, and the word to them."""
    made = Handoff.objects.create(
        conversation=conversation, requested_by=by, reason=reason, summary=summary[:4000],
        slots=slots or {},
    )  # fmt: skip
    audit.record("conversations.hand_off", conversation, reason=reason, by=by)
    activity(conversation, say("Handed to people: %(reason)s.", reason=made.get_reason_display()))
    chosen = conversation.assignee or choose(conversation)
    if chosen is not None:
        assign_to(conversation, chosen)
    told = say("%(who)s waits for a person: %(reason)s", who=str(conversation.visitor),
               reason=made.get_reason_display())  # fmt: skip
    people = {chosen.pk} if chosen else set(notices.those_who_can(TALK))
    notices.tell(people, told, "conversations:conversation", conversation.pk)
    live.push(current_tenant(), "conversations", str(conversation.pk))
    return made


def choose(conversation: Conversation) -> User | None:
    """The available agent with the fewest open conversations who has room for one more."""
    able = {a.user_id: a for a in inboxes.available(conversation.team_id)}
    busy = dict(
        Conversation.objects.filter(assignee__in=list(able), state="open")
        .values_list("assignee")
        .annotate(n=Count("pk"))
    )
    room = [(busy.get(pk, 0), pk) for pk, a in able.items() if busy.get(pk, 0) < a.capacity]
    return able[min(room)[1]].user if room else None


def assign_to(conversation: Conversation, user: User) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(assignee=user)
    conversation.assignee = user
    activity(conversation, say("Assigned to %(who)s.", who=str(user)))


def accept(*, conversation: Conversation, by_id: int) -> None:
    """An agent answers, or takes it: the waiting hand-off is accepted."""
    Handoff.objects.filter(conversation=conversation, state="queued").update(
        state="accepted", accepted_by=by_id, accepted_at=timezone.now()
    )


def close(conversation: Conversation, state: str) -> None:
    """End the open hand-off: returned to the assistant, or resolved."""
    Handoff.objects.filter(conversation=conversation, state__in=OPEN).update(
        state=state, closed_at=timezone.now()
    )


def hand_back(*, conversation: Conversation) -> None:
    """The assistant answers again; it is told what was settled by the messages themselves."""
    row = lock(conversation)
    if row.handler == "bot":
        raise Conflict(say("The assistant answers here already."))
    if not row.inbox.bot_enabled:
        raise Conflict(say("This inbox has no assistant."))
    if row.state == Conversation.State.RESOLVED:
        raise Conflict(say("This conversation is resolved; reopen it first."))
    row.handler, row.state, row.assignee = "bot", "pending", None
    row.save(update_fields=["handler", "state", "assignee"])
    close(row, "returned")
    audit.record("conversations.hand_back", row)
    activity(row, say("Given back to the assistant."))
    if row.waiting_since is not None:  # what nobody answered yet, it does
        ANSWER_MESSAGE.enqueue(AnswerMessage(row.pk), dedupe_key=str(row.pk))
        late = timezone.now() + timedelta(seconds=appending.WATCH_SECONDS)
        WATCH_CONVERSATION.enqueue(WatchConversation(row.pk), dedupe_key=str(row.pk), run_at=late)
    tell_customer(
        row, f"back:{row.last_seq}",
        say("%(bot)s, our AI assistant, answers you again.", bot=row.inbox.bot_name),
    )  # fmt: skip
    wire.push(row.pk, {"type": "state"}, hint=False)


def activity(conversation: Conversation, text: Phrase) -> Note:
    """What happened, for agents; the customer does not see it."""
    who = audit.actor()
    return Note.objects.create(
        conversation=conversation, after_seq=conversation.last_seq, kind="activity", text=text,
        author_name=who.label[:120] if who.kind == "user" else "",
    )  # fmt: skip


def tell_customer(
    conversation: Conversation, client_id: str, text: Phrase,
    payload: dict[str, Any] | None = None,
) -> Receipt:  # fmt: skip
    """A notice in the conversation, in the customer's language."""
    with translation.override(conversation.language or "en"):
        body = str(text)
    said = Said(body, "notice", "system", client_id, payload=payload)
    receipt = appending.append(conversation=conversation.pk, said=said)
    conversation.last_seq = max(conversation.last_seq, receipt.seq)
    wire.push(conversation.pk, {"type": "message", **wire.fresh(said, receipt)})
    return receipt


def promise(row: Conversation) -> Phrase:
    """What the customer may expect: a name, a queue, or the hour somebody is there again."""
    opens = opening(row.inbox)
    if opens is not None:
        if row.inbox.away_message:
            return say("%(words)s", words=row.inbox.away_message)
        return say(
            "Nobody is here right now. A person answers from %(when)s; your message is kept.",
            when=opens,
        )
    if row.assignee is not None:
        name = row.assignee.name
        if name:
            return say("%(who)s takes over from here.", who=name)
        return say("A colleague takes over from here.")
    return say("A person takes over; you are in the queue. You need not stay on this page.")


def opening(inbox: Inbox) -> str | None:
    """When somebody is there again, in the inbox's own time; None while somebody is."""
    at = hours.opens_next(inbox.hours, inbox.timezone, timezone.now())
    if at is None:
        return None
    return date_format(at, "Y-m-d H:i")


def unanswered(conversation_id: UUID) -> Conversation | None:
    """A conversation in which a customer waits for the assistant, held; None when they do not."""
    return (
        Conversation.objects.select_for_update(of=("self",))
        .filter(pk=conversation_id, handler="bot", waiting_since__isnull=False)
        .select_related("inbox", "visitor", "assignee")
        .first()
    )
