"""Later work of the dialogue slice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, TRAINING, Job


@dataclass(frozen=True, slots=True)
class TakePast:
    import_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class TrainDialogue:
    version_id: uuid.UUID


TAKE_PAST = Job("dialogue.take_past", LIGHT, TakePast)
TRAIN_DIALOGUE = Job("dialogue.train", TRAINING, TrainDialogue)
