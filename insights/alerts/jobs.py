"""Later work of the alerts."""

from __future__ import annotations

from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, Job


@dataclass(frozen=True, slots=True)
class CheckWatches:
    """Look at everything that is watched, and send the digests that are due."""


CHECK_WATCHES = Job("insights.check_watches", LIGHT, CheckWatches)
