"""Later work of the alerts."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, Job


@dataclass(frozen=True, slots=True)
class CheckWatches:
    """Look at everything that is watched, and send the digests that are due."""


CHECK_WATCHES = Job("insights.check_watches", LIGHT, CheckWatches)


@dataclass(frozen=True, slots=True)
class TellAlert:
    """Tell of an alert by one route."""

    alert_id: uuid.UUID
    route_id: uuid.UUID


TELL_ALERT = Job("insights.tell_alert", LIGHT, TellAlert)
