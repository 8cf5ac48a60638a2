"""Later work of the delivery slice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from attune.kernel.jobs import LIGHT, Job


@dataclass(frozen=True, slots=True)
class LoadCampaign:
    campaign_id: uuid.UUID
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class SendBatch:
    campaign_id: uuid.UUID
    first: uuid.UUID
    last: uuid.UUID


@dataclass(frozen=True, slots=True)
class LaunchCampaign:
    campaign_id: uuid.UUID
    at: str  # the time it was scheduled for, ISO 8601: another time since then is another job


@dataclass(frozen=True, slots=True)
class Visit:
    """Decide for whom a campaign by a policy has to decide now: those after `after`, where an
    earlier job `seen` the others."""

    campaign_id: uuid.UUID
    after: str = ""
    seen: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SendDue:
    campaign_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class SendTest:
    revision_id: uuid.UUID
    contact_id: uuid.UUID
    template: str  # the version's id, or empty
    user_id: int


LAUNCH_CAMPAIGN = Job("delivery.launch_campaign", LIGHT, LaunchCampaign)
LOAD_CAMPAIGN = Job("delivery.load_campaign", LIGHT, LoadCampaign)
SEND_BATCH = Job("delivery.send_batch", LIGHT, SendBatch)
SEND_TEST = Job("delivery.send_test", LIGHT, SendTest)
SEND_DUE = Job("delivery.send_due", LIGHT, SendDue)
VISIT = Job("delivery.visit", LIGHT, Visit)
