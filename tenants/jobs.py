"""Later work of workspaces."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, Job


@dataclass(frozen=True, slots=True)
class CheckSender:
    domain: str
    selector: str


CHECK_SENDER = Job("tenants.check_sender", LIGHT, CheckSender)


@dataclass(frozen=True, slots=True)
class CopyWorkspace:
    copy_id: uuid.UUID


COPY_WORKSPACE = Job("tenants.copy_workspace", LIGHT, CopyWorkspace)
