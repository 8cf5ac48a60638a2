"""Later work of the findings."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, MODEL, Job


@dataclass(frozen=True, slots=True)
class LookForFindings:
    """Look for findings, and measure anew what was found before."""


LOOK_FOR_FINDINGS = Job("insights.look_for_findings", LIGHT, LookForFindings)


@dataclass(frozen=True, slots=True)
class WriteReport:
    report_id: uuid.UUID


WRITE_REPORT = Job("insights.write_report", MODEL, WriteReport)
