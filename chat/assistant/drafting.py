"""Answers proposed to agents: asked for, written by the model, and used, changed or thrown away."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from attune.kernel.errors import Conflict, NotFound
from attune.kernel.phrases import say
from attune.kernel.states import Machine, advance
from attune.kernel.storable import as_uuid
from chat.assistant import services
from chat.assistant.jobs import WRITE_DRAFT, WriteDraft
from chat.assistant.models import Draft
from chat.assistant.services import Question
from chat.conversations import handing, wire
from chat.conversations.models import Conversation

PATIENCE = 60
NOT_USED = (Draft.State.OPEN, Draft.State.EMPTY)
DRAFT = Machine(
    "draft",
    {
        ("waiting", "write"): "open",
        ("waiting", "give_up"): "empty",
        ("open", "accept"): "accepted",
        ("open", "edit"): "edited",
        ("open", "discard"): "discarded",
        ("empty", "discard"): "discarded",
        ("open", "renew"): "waiting",
        ("empty", "renew"): "waiting",
        ("discarded", "renew"): "waiting",
    },
)


def ask(*, conversation: Conversation, by_id: int | None) -> Draft:
    """Let the model propose an answer to what the customer wrote last; once a question."""
    question = services.question_of(conversation)
    if question is None:
        raise Conflict(say("Everything the customer wrote is answered."))
    row, fresh = Draft.objects.get_or_create(
        conversation=conversation, seq=question.seq,
        defaults={"question": question.text[:4000], "by_id": by_id},
    )  # fmt: skip
    renewed = not fresh and (row.state, "renew") in DRAFT.moves
    if renewed:
        advance(DRAFT, row, "renew")
        Draft.objects.filter(pk=row.pk).update(text="", citations=[])
    again = renewed or (not fresh and late(row))
    if fresh or again:
        WRITE_DRAFT.enqueue(WriteDraft(row.pk), dedupe_key=str(row.pk))
    return row


def late(row: Draft) -> bool:
    """Whether a proposal should have been there by now: its job failed, or the model is busy."""
    waits = row.state == Draft.State.WAITING
    return waits and timezone.now() - row.created_at > timedelta(seconds=PATIENCE)


def waiting(draft_id: UUID) -> tuple[Draft, Question] | None:
    """A draft that is to be written, with its question; None where it is settled already."""
    row = Draft.objects.filter(pk=draft_id, state="waiting").first()
    if row is None:
        return None
    whole = Conversation.objects.select_related("inbox", "visitor", "assignee")
    question = services.question_of(whole.get(pk=row.conversation_id))
    return (row, question) if question is not None and question.seq == row.seq else None


def written(*, row: Draft, text: str, citations: list[dict[str, Any]], model: str) -> None:
    held = Draft.objects.select_for_update().filter(pk=row.pk, state="waiting").first()
    if held is None:  # another run wrote it
        return
    advance(DRAFT, held, "write" if text else "give_up")
    Draft.objects.filter(pk=row.pk).update(text=text, citations=citations, model=model[:200])
    wire.push(row.conversation_id, {"type": "state"}, hint=False)


def proposed(conversation: Conversation) -> Draft | None:
    """The draft for what waits now, to be shown beside the answer's field."""
    row = Draft.objects.filter(conversation=conversation).order_by("-seq").first()
    open_ones = {Draft.State.WAITING, *NOT_USED}
    if row is None or row.state not in open_ones:
        return None
    question = services.question_of(conversation)
    return row if question is not None and question.seq == row.seq else None


def settle(*, draft_id: str, conversation: Conversation, sent: str) -> None:
    """An agent's answer was made from this draft: as it was, or changed."""
    pk = as_uuid(draft_id)
    row = Draft.objects.filter(pk=pk, conversation=conversation, state="open").first()
    if row is None:
        return
    same = " ".join(sent.split()) == " ".join(row.text.split())
    advance(DRAFT, row, "accept" if same else "edit")
    Draft.objects.filter(pk=row.pk).update(final=sent)


def discard(*, draft_id: str, conversation: Conversation) -> None:
    pk = as_uuid(draft_id)
    row = Draft.objects.filter(pk=pk, conversation=conversation).first()
    if row is None:
        raise NotFound(say("There is no such proposal."))
    handing.lock(conversation)
    if row.state in NOT_USED:  # else it is settled already
        advance(DRAFT, row, "discard")
