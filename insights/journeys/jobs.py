"""Later work of the journeys."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, Job


@dataclass(frozen=True, slots=True)
class MineJourney:
    journey_id: uuid.UUID


MINE_JOURNEY = Job("insights.mine_journey", LIGHT, MineJourney)
