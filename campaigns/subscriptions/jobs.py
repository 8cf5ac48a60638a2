"""Later work of the subscriptions slice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, Job


@dataclass(frozen=True, slots=True)
class AskToConfirm:
    contact_id: uuid.UUID
    topics: list[str]


ASK_TO_CONFIRM = Job("subscriptions.ask_to_confirm", LIGHT, AskToConfirm)
