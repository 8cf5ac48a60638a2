"""Reading conversations: the list, the thread, the clocks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Prefetch, Q, QuerySet
from django.utils import timezone

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from chat.conversations.models import Attachment, Conversation, Message, Note, Rating
from chat.inboxes import hours
from chat.inboxes.models import Inbox, Label

VIEWS = {
    "mine": say("Mine"), "unassigned": say("Unassigned"), "open": say("All with people"),
    "pending": say("With the assistant"), "snoozed": say("Snoozed"), "resolved": say("Resolved"),
    "all": say("All"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clock:
    """A promise of the inbox: until when, and whether it is kept."""

    name: str
    due: datetime
    late: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the thread as agents see it: a message, or what only they see."""

    at: datetime
    message: Message | None = None
    note: Note | None = None
    rating: Rating | None = None  # the answer to a message that asks for one


def conversations(
    *, view: str, user_id: int, q: str = "", inbox: str = "", label: str = "", team: str = "",
    who: str = "",
) -> QuerySet[Conversation]:  # fmt: skip
    """What a view of the inbox shows, who waits longest first, then the newest."""
    rows = Conversation.objects.select_related("inbox", "visitor", "assignee", "contact", "team")
    rows = rows.prefetch_related(Prefetch("labels", Label.objects.order_by("name")))
    rows = _viewed(rows, view, user_id)
    if q:
        rows = rows.filter(
            Q(visitor__name__icontains=q) | Q(visitor__email__icontains=q)
            | Q(messages__body__icontains=q)
        ).distinct()  # fmt: skip
    if who:
        rows = rows.filter(Q(visitor__name__icontains=who) | Q(visitor__email__istartswith=who))
    if inbox:
        rows = rows.filter(inbox__name=inbox)
    if label:
        rows = rows.filter(labels__name=label)
    if team:
        rows = rows.filter(team__name=team)
    if view in {"resolved", "all", "snoozed"}:
        return rows.order_by(F("last_at").desc(nulls_last=True), "-id")
    return rows.order_by("-priority", F("waiting_since").asc(nulls_last=True), "-last_at", "-id")


def _viewed(rows: QuerySet[Conversation], view: str, user_id: int) -> QuerySet[Conversation]:
    if view == "mine":
        return rows.filter(state="open", assignee_id=user_id)
    if view == "unassigned":
        return rows.filter(state="open", assignee=None)
    if view == "all":
        return rows
    return rows.filter(state=view)


def counts(user_id: int) -> dict[str, int]:
    """How many conversations each view holds."""
    rows = Conversation.objects.aggregate(
        mine=Count("pk", filter=Q(state="open", assignee_id=user_id)),
        unassigned=Count("pk", filter=Q(state="open", assignee=None)),
        open=Count("pk", filter=Q(state="open")),
        pending=Count("pk", filter=Q(state="pending")),
        snoozed=Count("pk", filter=Q(state="snoozed")),
    )
    return dict(rows)


def waiting() -> QuerySet[Conversation]:
    """Where a customer waits for a person."""
    return Conversation.objects.filter(state="open", waiting_since__isnull=False)


def conversation(pk: uuid.UUID | str) -> Conversation:
    row = (
        Conversation.objects.select_related("inbox", "visitor", "assignee", "contact", "team")
        .prefetch_related(Prefetch("labels", Label.objects.order_by("name")))
        .filter(pk=pk)
        .first()
    )
    if row is None:
        raise NotFound(say("There is no such conversation in this workspace."))
    return row


def messages(conversation_id: uuid.UUID, *, after: int = 0, most: int = 200) -> list[Message]:
    """Messages from a number on, in order."""
    rows = Message.objects.filter(conversation_id=conversation_id, seq__gt=after)
    return list(rows.order_by("seq")[:most])


def thread(conversation_id: uuid.UUID, most: int = 300) -> list[Line]:
    """The newest messages and notes, each note after the message it followed."""
    said = Message.objects.filter(conversation_id=conversation_id).order_by("-seq")[:most]
    notes = Note.objects.filter(conversation_id=conversation_id).order_by("-id")[:most]
    rated = {r.asked_seq: r for r in Rating.objects.filter(conversation_id=conversation_id)}
    keyed: list[tuple[tuple[int, int, str], Line]] = [
        ((m.seq, 0, ""), Line(m.created_at, message=m, rating=rated.get(m.seq))) for m in said
    ]
    keyed += [((n.after_seq, 1, str(n.pk)), Line(n.created_at, note=n)) for n in notes]
    return [line for _, line in sorted(keyed, key=lambda pair: pair[0])]


def clocks(row: Conversation, now: datetime | None = None) -> list[Clock]:
    """What was promised and is still to be kept, in open hours of the inbox."""
    now, inbox = now or timezone.now(), row.inbox
    found = []
    if row.handler == "person" and row.waiting_since and inbox.first_response_minutes:
        begin = max(filter(None, [row.waiting_since, row.person_since]))
        found.append(_clock(inbox, "answer", begin, inbox.first_response_minutes, now))
    if row.handler == "person" and row.resolved_at is None and inbox.resolution_minutes:
        begin = row.person_since or row.created_at
        found.append(_clock(inbox, "resolve", begin, inbox.resolution_minutes, now))
    return found


def _clock(inbox: Inbox, name: str, begin: datetime, minutes: int, now: datetime) -> Clock:
    due = hours.due_at(inbox.hours, inbox.timezone, begin, minutes)
    return Clock(name, due, now > due)


def marked(rows: Iterable[Conversation]) -> list[Conversation]:
    """Rows with their nearest promise as `.clock`."""
    now, found = timezone.now(), list(rows)
    for row in found:
        row.clock = min(clocks(row, now), key=lambda c: c.due, default=None)  # type: ignore[attr-defined]
    return found


def attachment(pk: uuid.UUID) -> Attachment:
    row = Attachment.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such file in this workspace."))
    return row


def earlier(row: Conversation, most: int = 5) -> Sequence[Conversation]:
    """Other conversations of the same customer, the newest first."""
    same: dict[str, Any] = (
        {"contact_id": row.contact_id} if row.contact_id else {"visitor_id": row.visitor_id}
    )
    return list(Conversation.objects.filter(**same).exclude(pk=row.pk).order_by("-id")[:most])
