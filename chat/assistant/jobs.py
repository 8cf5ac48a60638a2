"""Later work of the assistant."""

from __future__ import annotations

from dataclasses import dataclass

from attune.kernel.jobs import MODEL, Job


@dataclass(frozen=True, slots=True)
class FindGaps:
    days: int = 60


FIND_GAPS = Job("assistant.find_gaps", MODEL, FindGaps)
