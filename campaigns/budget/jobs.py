"""Later work of the budget slice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import FITTING, Job


@dataclass(frozen=True, slots=True)
class FitMix:
    mix_id: uuid.UUID


FIT = Job("budget.fit", FITTING, FitMix)
