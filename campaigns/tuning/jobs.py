"""Later work of the tuning slice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import TRAINING, Job


@dataclass(frozen=True, slots=True)
class TrainVersion:
    version_id: uuid.UUID


TRAIN_VERSION = Job("tuning.train_version", TRAINING, TrainVersion)
