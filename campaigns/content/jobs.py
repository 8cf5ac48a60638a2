"""Later work of the content slice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import MODEL, Job


@dataclass(frozen=True, slots=True)
class GenerateVariants:
    run_id: uuid.UUID


GENERATE_VARIANTS = Job("content.generate_variants", MODEL, GenerateVariants)
