"""Later work of the risks."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import FITTING, Job


@dataclass(frozen=True, slots=True)
class RefreshRisk:
    risk_id: uuid.UUID


REFRESH_RISK = Job("insights.refresh_risk", FITTING, RefreshRisk)
