"""Later work of the assistant."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import CHAT, MODEL, Job


@dataclass(frozen=True, slots=True)
class FindGaps:
    days: int = 60


FIND_GAPS = Job("assistant.find_gaps", MODEL, FindGaps)


@dataclass(frozen=True, slots=True)
class WriteDraft:
    draft_id: uuid.UUID


WRITE_DRAFT = Job("assistant.write_draft", CHAT, WriteDraft)
