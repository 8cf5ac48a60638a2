"""Later work of the automations slice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, Job


@dataclass(frozen=True, slots=True)
class AdvanceJourney:
    journey_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class CatchUpJourney:
    journey_id: uuid.UUID


ADVANCE_JOURNEY = Job("automations.advance_journey", LIGHT, AdvanceJourney)
CATCH_UP_JOURNEY = Job("automations.catch_up_journey", LIGHT, CatchUpJourney)
