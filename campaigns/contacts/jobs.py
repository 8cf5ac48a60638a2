"""Later work of the contacts slice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, Job


@dataclass(frozen=True, slots=True)
class FoldEvents:
    """Fold whatever waits in the queue of this workspace."""


@dataclass(frozen=True, slots=True)
class RunImport:
    import_id: uuid.UUID
    dry_run: bool
    by_id: int | None = None  # who is told when it ends


FOLD_EVENTS = Job("contacts.fold_events", LIGHT, FoldEvents)
RUN_IMPORT = Job("contacts.run_import", LIGHT, RunImport)
