"""Later work of the segments slice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, Job


@dataclass(frozen=True, slots=True)
class RefreshSegment:
    segment_id: uuid.UUID


REFRESH_SEGMENT = Job("segments.refresh", LIGHT, RefreshSegment)
