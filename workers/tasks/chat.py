"""Conversations, where no model is needed: who waits too long gets a person; snoozes end."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from chat.assistant import services as assistant
from chat.conversations import appending, handing, services
from chat.conversations.jobs import (
    WAKE_CONVERSATION,
    WATCH_CONVERSATION,
    WakeConversation,
    WatchConversation,
)
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
