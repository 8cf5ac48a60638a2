"""Later work of the sources."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, MODEL, Job


@dataclass(frozen=True, slots=True)
class TakeFile:
    import_id: uuid.UUID
    by_id: int | None = None  # who is told when it ends


@dataclass(frozen=True, slots=True)
class Weigh:
    """What copies count, after some came in."""


@dataclass(frozen=True, slots=True)
class ReadTexts:
    """Read a portion of what waits; asks for the next portion itself."""


TAKE_FILE = Job("insights.take_file", LIGHT, TakeFile)
WEIGH = Job("insights.weigh", LIGHT, Weigh)
READ_TEXTS = Job("insights.read", MODEL, ReadTexts)
