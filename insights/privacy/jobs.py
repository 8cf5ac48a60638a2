"""Later work of the privacy slice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, Job


@dataclass(frozen=True, slots=True)
class ApplyRetention:
    rule_id: uuid.UUID


APPLY_RETENTION = Job("privacy.apply_retention", LIGHT, ApplyRetention)
