"""Later work of conversations. The first two are put in the job table by attune_chat_append."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import CHAT, LIGHT, Job
from chat.conversations import appending


@dataclass(frozen=True, slots=True)
class AnswerMessage:
    conversation_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class WatchConversation:
    conversation_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class WakeConversation:
    conversation_id: uuid.UUID
    at: str  # the moment it was snoozed until, ISO 8601: snoozed anew, this job does nothing


ANSWER_MESSAGE = Job(appending.ANSWER, CHAT, AnswerMessage)
WATCH_CONVERSATION = Job(appending.WATCH, LIGHT, WatchConversation)
WAKE_CONVERSATION = Job("chat.wake", LIGHT, WakeConversation)
