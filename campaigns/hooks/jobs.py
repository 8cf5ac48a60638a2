"""Later work of the hooks slice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, Job


@dataclass(frozen=True, slots=True)
class DeliverWebhooks:
    endpoint_id: uuid.UUID


DELIVER_WEBHOOKS = Job("hooks.deliver", LIGHT, DeliverWebhooks)
