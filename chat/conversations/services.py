"""What agents do: answer, take, assign, note, snooze, resolve, sort."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import say
from attune.kernel.states import Machine, advance
from attune.kernel.storable import as_uuid
from attune.kernel.tenancy import current_tenant
from chat.conversations import appending, files, handing, visiting, wire
from chat.conversations.appending import Receipt, Said
from chat.conversations.handing import TALK, lock
from chat.conversations.jobs import WAKE_CONVERSATION, WakeConversation
from chat.conversations.models import (
    Attachment,
    Conversation,
    Labelling,
    Note,
    Rating,
    Visitor,
)
from chat.inboxes import services as inboxes
from tenants import notices
from tenants.models import Team, User

CONVERSATION = Machine(
    "conversation",
    {
        ("pending", "take"): "open",
        ("pending", "snooze"): "snoozed",
        ("open", "snooze"): "snoozed",
        ("pending", "resolve"): "resolved",
        ("open", "resolve"): "resolved",
        ("snoozed", "resolve"): "resolved",
        ("snoozed", "reopen"): "open",
        ("resolved", "reopen"): "open",
    },
)
MENTION = re.compile(r"@([\w.+-]+@[\w.-]+\w)")
LONGEST_SNOOZE = timedelta(days=366)


def take(*, conversation: Conversation, user: User) -> Conversation:
    """An agent answers here from now on; the assistant is silent."""
    row = lock(conversation)
    if row.state == Conversation.State.PENDING:
        Conversation.objects.filter(pk=row.pk).update(
            handler="person", state="open", person_since=timezone.now()
        )
        row.handler, row.state = "person", "open"
        audit.record("conversation.take", row)
        handing.tell_customer(
            row, f"taken:{row.last_seq}",
            say("%(who)s takes over from here.", who=user.name) if user.name
            else say("A colleague takes over from here."),
        )  # fmt: skip
    elif row.state in {Conversation.State.SNOOZED, Conversation.State.RESOLVED}:
        reopen(conversation=row)
        row.refresh_from_db()
    if row.assignee_id != user.pk:
        handing.assign_to(row, user)
    handing.accept(conversation=row, by_id=user.pk)
    _changed(row)
    return row


def reply(
    *, conversation: Conversation, user: User, body: str, client_id: str,
    attachments: list[str] | None = None, payload: dict[str, Any] | None = None,
) -> Receipt:  # fmt: skip
    """An agent's answer. Who answers takes over: the assistant is silent from here on."""
    shown = _files(conversation, attachments or [])
    body = visiting.checked(body) if body.strip() or not shown else ""
    row = lock(conversation)
    if row.handler == "bot" or row.state != Conversation.State.OPEN:
        row = take(conversation=row, user=user)
    elif row.assignee_id is None:
        handing.assign_to(row, user)
    handing.accept(conversation=row, by_id=user.pk)
    said = Said(
        body, "outgoing", "agent", client_id, user.pk, user.name or str(say("Agent")),
        {**(payload or {}), **({"files": shown} if shown else {})},
    )  # fmt: skip
    receipt = appending.append(conversation=row.pk, said=said)
    if receipt.fresh:
        audit.record("conversation.reply", row, seq=receipt.seq)
        wire.push(row.pk, {"type": "message", **wire.fresh(said, receipt)})
    notices.settle("conversations:conversation", row.pk)
    return receipt


def reply_from_outside(
    *, conversation: Conversation, body: str, client_id: str, author_name: str
) -> Receipt:
    """An answer that somebody gave elsewhere (a partner's desk, a ticket system): the assistant is
    silent from here on, as with an agent's."""
    row = lock(conversation)
    said = Said(visiting.checked(body), "outgoing", "agent", client_id, None, author_name)
    receipt = appending.append(conversation=row.pk, said=said)
    if receipt.fresh and row.state != Conversation.State.OPEN:
        since = row.person_since if row.handler == "person" else None
        Conversation.objects.filter(pk=row.pk).update(
            handler="person", state="open", snoozed_until=None, resolved_at=None,
            person_since=since or timezone.now(),
        )  # fmt: skip
    if receipt.fresh:
        audit.record("conversation.reply_from_outside", row, seq=receipt.seq, who=author_name)
        wire.push(row.pk, {"type": "message", **wire.fresh(said, receipt)})
        _changed(row)
    notices.settle("conversations:conversation", row.pk)
    return receipt


def _files(conversation: Conversation, ids: list[str]) -> list[dict[str, Any]]:
    known = [pk for text in ids[: files.MOST_FILES] if (pk := as_uuid(text))]
    rows = Attachment.objects.filter(pk__in=known, conversation=conversation, by_visitor=False)
    return [
        {"id": str(r.pk), "name": r.name, "type": r.content_type, "size": r.size}
        for r in rows.defer("content")
    ]


def note(*, conversation: Conversation, user: User, text: str) -> Note:
    """A private note. Colleagues who are mentioned as @name@example.com are told."""
    text = visiting.checked(text)
    named = {m.lower() for m in MENTION.findall(text)}
    able = notices.those_who_can(TALK)
    people = User.objects.filter(email__in=named, pk__in=able) if named else User.objects.none()
    mentioned = list(people.values_list("pk", flat=True))
    row = Note.objects.create(
        conversation=conversation, after_seq=conversation.last_seq, kind="note", text=text,
        author_id=user.pk, author_name=str(user)[:120], mentions=mentioned,
    )  # fmt: skip
    audit.record("conversation.note", conversation)
    told = say("%(who)s mentions you: “%(text)s”", who=str(user), text=text[:120])
    notices.tell(set(mentioned) - {user.pk}, told, "conversations:conversation", conversation.pk)
    _changed(conversation)
    return row


def assign(*, conversation: Conversation, to: User | None, team: Team | None, by_id: int) -> None:
    """Whose it is: an agent, a team, both or nobody. Who is assigned silences the assistant."""
    if to is not None and to.pk not in notices.those_who_can(TALK):
        raise Invalid.one("to", say("This member may not answer customers."))
    row = lock(conversation)
    if row.team_id != (team.pk if team else None):
        Conversation.objects.filter(pk=row.pk).update(team=team)
        if team is not None:
            handing.activity(row, say("Given to the team %(team)s.", team=team.name))
        row.team = team
    if to is None and row.assignee_id is not None:
        Conversation.objects.filter(pk=row.pk).update(assignee=None)
        handing.activity(row, say("Assigned to nobody."))
    elif to is not None and row.assignee_id != to.pk:
        if row.state == Conversation.State.PENDING:
            take(conversation=row, user=to)
        else:
            handing.assign_to(row, to)
        if to.pk != by_id:
            told = say("%(who)s is yours to answer", who=str(row.visitor))
            notices.tell({to.pk}, told, "conversations:conversation", row.pk)
    audit.record("conversation.assign", row, to=to.pk if to else None,
                 team=team.name if team else "")  # fmt: skip
    _changed(row)


def snooze(*, conversation: Conversation, until: datetime) -> None:
    """Out of sight until a moment, or until the customer writes."""
    now = timezone.now()
    if not now < until <= now + LONGEST_SNOOZE:
        raise Invalid.one("until", say("Snooze until a moment of the coming year."))
    row = lock(conversation)
    advance(CONVERSATION, row, "snooze")
    Conversation.objects.filter(pk=row.pk).update(snoozed_until=until)
    WAKE_CONVERSATION.enqueue(
        WakeConversation(row.pk, until.isoformat()), dedupe_key="", run_at=until
    )
    handing.activity(row, say("Snoozed until %(until)s.", until=_local(until)))
    _changed(row)


def _local(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"


def wake(*, conversation_id: uuid.UUID, at: str) -> None:
    """The end of a snooze, if it was not changed meanwhile."""
    row = Conversation.objects.filter(pk=conversation_id, state="snoozed").first()
    if row is None or row.snoozed_until is None or row.snoozed_until.isoformat() != at:
        return
    reopen(conversation=row)
    if row.assignee_id:
        told = say("%(who)s is back from snooze", who=str(row.visitor))
        notices.tell({row.assignee_id}, told, "conversations:conversation", row.pk)


def reopen(*, conversation: Conversation) -> None:
    row = lock(conversation)
    if row.state in {"snoozed", "resolved"}:  # an open conversation is a person's
        Conversation.objects.filter(pk=row.pk).update(
            handler="person", snoozed_until=None, resolved_at=None,
            person_since=row.person_since or timezone.now(),
        )  # fmt: skip
    advance(CONVERSATION, row, "reopen")
    handing.activity(row, say("Opened again."))
    _changed(row)


def resolve(*, conversation: Conversation, by: str, ask: bool = True) -> None:
    """It is settled. Where the inbox wants it and nobody spares them (`ask`), the customer is asked
    how it was."""
    row = lock(conversation)
    advance(CONVERSATION, row, "resolve", by=by)
    Conversation.objects.filter(pk=row.pk).update(
        resolved_at=timezone.now(), resolved_by=by, waiting_since=None, snoozed_until=None,
        upset_at=None,
    )  # fmt: skip
    handing.close(row, "resolved")
    handing.activity(row, say("Resolved."))
    notices.settle("conversations:conversation", row.pk)
    if ask and row.inbox.csat_enabled and row.incoming:
        ask_rating(row)
    else:
        over = say("This conversation was closed. Write again at any time.")
        handing.tell_customer(row, f"resolved:{row.reopened}:{row.last_seq}", over)
    _changed(row)


def ask_rating(row: Conversation) -> Rating | None:
    question = row.inbox.csat_question
    text = say("%(words)s", words=question) if question else say("How was this conversation?")
    receipt = handing.tell_customer(
        row, f"csat:{row.reopened}:{row.last_seq}", text, {"card": "csat"}
    )
    made, _ = Rating.objects.get_or_create(
        conversation=row, asked_seq=receipt.seq,
        defaults={"handler": row.handler, "agent_id": row.assignee_id},
    )  # fmt: skip
    return made


def set_priority(*, conversation: Conversation, priority: int) -> None:
    if priority not in Conversation.Priority.values:
        raise Invalid.one("priority", say("This is no priority."))
    Conversation.objects.filter(pk=conversation.pk).update(priority=priority)
    audit.record("conversation.set_priority", conversation, priority=priority)
    _changed(conversation)


def set_labels(*, conversation: Conversation, names: list[str]) -> None:
    """Exactly these labels; those that do not exist yet are made."""
    if len(names) > 20:
        raise Invalid.one("labels", say("A conversation has at most 20 labels."))
    wanted = [inboxes.save_label(name=name) for name in dict.fromkeys(names) if name.strip()]
    Labelling.objects.filter(conversation=conversation).exclude(label__in=wanted).delete()
    for label in wanted:
        Labelling.objects.get_or_create(conversation=conversation, label=label)
    audit.record("conversation.set_labels", conversation, labels=[w.name for w in wanted])
    _changed(conversation)


def typing(*, conversation: Conversation, user: User) -> None:
    """The customer sees that an agent writes. Nobody waits for it, nothing is kept."""
    if conversation.handler == Conversation.Handler.PERSON:
        who = user.name or str(say("Agent"))
        wire.push(conversation.pk, {"type": "typing", "who": who}, hint=False)


def seen(*, conversation: Conversation) -> None:
    """An agent has read it all; the customer sees that it was read."""
    row = Conversation.objects.get(pk=conversation.pk)
    if row.agent_seen_seq >= row.last_seq:
        return
    Conversation.objects.filter(pk=row.pk).update(agent_seen_seq=row.last_seq)
    wire.push(row.pk, {"type": "read", "seq": row.last_seq}, hint=False)


def block(*, visitor: Visitor) -> None:
    """Nothing of this visitor comes in any more; open sockets end."""
    if visitor.blocked_at is not None:
        raise Conflict(say("This visitor is blocked already."))
    Visitor.objects.filter(pk=visitor.pk).update(blocked_at=timezone.now())
    audit.record("conversation.block", visitor)
    for row in Conversation.objects.filter(visitor=visitor):
        wire.push(row.pk, {"type": "closed", "code": "blocked"})


def _changed(row: Conversation) -> None:
    live.push(current_tenant(), "conversations", str(row.pk))
    wire.push(row.pk, {"type": "state"}, hint=False)
