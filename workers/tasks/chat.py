"""Conversations, where no model is needed: who waits too long gets a person; snoozes end."""

from __future__ import annotations

import io
from datetime import timedelta
from itertools import islice

from django.utils import timezone

from attune.kernel.phrases import say
from chat.assistant import services as assistant
from chat.conversations import appending, handing, services
from chat.conversations.jobs import (
    WAKE_CONVERSATION,
    WATCH_CONVERSATION,
    WakeConversation,
    WatchConversation,
)
from chat.dialogue import past, taking
from chat.dialogue.jobs import TAKE_PAST, TakePast
from chat.dialogue.models import PastImport
from workers.runner import Run, handles


@handles(WATCH_CONVERSATION)
def watch(payload: WatchConversation, run: Run) -> None:
    """The model is slow, broken or gone: the customer does not wait for it in silence."""
    with run.unit():
        late = assistant.overdue(payload.conversation_id, appending.WATCH_SECONDS - 1)
        if late is not None:
            handing.hand_off(
                conversation=late, by="rule", reason="tool_failure", summary=late.last_text
            )
        elif (row := handing.unanswered(payload.conversation_id)) and row.waiting_since:
            due = row.waiting_since + timedelta(seconds=appending.WATCH_SECONDS)
            WATCH_CONVERSATION.enqueue(
                payload, dedupe_key=str(row.pk), run_at=max(due, timezone.now())
            )


@handles(WAKE_CONVERSATION)
def wake(payload: WakeConversation, run: Run) -> None:
    with run.unit():
        services.wake(conversation_id=payload.conversation_id, at=payload.at)


@handles(TAKE_PAST)
def take_past(payload: TakePast, run: Run) -> None:
    """A file of past conversations in batches; a crash resumes where it was."""
    with run.unit():
        of = PastImport.objects.get(pk=payload.import_id)
    if of.state == PastImport.State.FINISHED:
        return
    content = bytes(of.content)
    total = sum(1 for _ in past.read(io.BytesIO(content), of.format))
    rows = islice(past.read(io.BytesIO(content), of.format), of.next_row, None)
    while batch := list(islice(rows, taking.BATCH)):
        with run.unit():
            taking.take(of=of, rows=batch)
        run.progress(
            done=of.next_row, total=total,
            note=say("%(accepted)s taken, %(rejected)s not", accepted=of.accepted,
                     rejected=of.rejected),
        )  # fmt: skip
    with run.unit():
        taking.finish(of=of)
