"""Claim a job, run its handler, finish it: the only code that moves a job row.

Work happens outside the claim's transaction; a heartbeat extends the lease; the end is written
only by the worker whose token still holds the row, so a job that was given to another worker
cannot be finished twice.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, connection

from attune.kernel import audit, jobs, live, tracing
from attune.kernel.errors import AttuneError
from attune.kernel.models import JobRow
from attune.kernel.phrases import Phrase
from attune.kernel.tenancy import tenant_context

logger = logging.getLogger(__name__)
PUSH_EVERY = 0.5


class Superseded(Exception):
    """The job was cancelled, or another worker holds it now; stop without a trace."""


@dataclass(slots=True)
class Run:
    """One attempt at a job, as its handler sees it."""

    row: JobRow
    token: uuid.UUID
    pushed: float = 0.0
    values: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.values = {"tenant": self.row.tenant_id, "id": self.row.pk, "token": self.token}

    @contextmanager
    def unit(self) -> Iterator[None]:
        """One unit of work: a tenant context that is a transaction."""
        with tenant_context(self.row.tenant_id):
            yield

    def progress(
        self, done: int | None = None, total: int | None = None, note: Phrase | None = None
    ) -> None:
        """Show progress and extend the lease. Raises Superseded when the job is ours no more."""
        with self.unit():
            held = jobs.execute(
                jobs.HEARTBEAT_SQL, done=done, total=total, note=note, **self.values
            )
            if not held:
                raise Superseded
        if time.monotonic() - self.pushed > PUSH_EVERY:
            self.pushed = time.monotonic()
            live.push_now(self.row.tenant_id, "jobs", str(self.row.pk))


class Heartbeat(threading.Thread):
    """Extends a long job's lease from beside its handler, on a connection of its own.

    It begins after a quarter of the lease, so a short job never starts a second connection; it
    ends with the handler, and the queue's time limit bounds a handler that hangs.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(daemon=True, name=f"heartbeat-{run.row.pk}")
        self.run_of_job, self.over = run, threading.Event()

    def run(self) -> None:
        while not self.over.wait(jobs.LEASE_SECONDS / 4):
            try:
                with tenant_context(self.run_of_job.row.tenant_id):
                    jobs.execute(
                        jobs.HEARTBEAT_SQL, done=None, total=None, note=None,
                        **self.run_of_job.values,
                    )  # fmt: skip
            except DatabaseError as away:
                logger.warning("heartbeat missed: %s", away)
            finally:
                connection.close()


Handler = Callable[[Any, Run], None]
HANDLERS: dict[str, Handler] = {}


def handles(job: jobs.Job[Any]) -> Callable[[Handler], Handler]:
    """Register the handler of a job."""

    def register(handler: Handler) -> Handler:
        if HANDLERS.setdefault(job.name, handler) is not handler:
            raise ValueError(f"{job.name} has a handler already.")
        return handler

    return register


def run_job(tenant_id: int, job_id: uuid.UUID) -> str:
    """Run one job if it is due and free; answers what became of it."""
    token = uuid.uuid4()
    with tenant_context(tenant_id):
        claimed = jobs.execute(
            jobs.CLAIM_SQL, token=token, tenant=tenant_id, id=job_id, most=jobs.MAX_ATTEMPTS
        )
        if not claimed:
            jobs.execute(jobs.GIVE_UP_SQL, tenant=tenant_id, id=job_id, most=jobs.MAX_ATTEMPTS)
        row = JobRow.objects.get(pk=job_id) if claimed else None
    if row is None:
        return "not ours"
    run = Run(row, token)
    who = audit.Actor(kind="system", id=str(row.pk), label=row.requested_by or row.kind)
    heartbeat = Heartbeat(run)
    heartbeat.start()
    try:
        with audit.acting(who), tracing.tracing(job=str(row.pk)):
            HANDLERS[row.kind](jobs.REGISTRY[row.kind].read(row), run)
        with run.unit():
            finished = jobs.execute(jobs.FINISH_SQL, **run.values)
        return "done" if finished else "superseded"
    except Superseded:
        return "superseded"
    except Exception as failure:  # noqa: BLE001 - whatever a handler raises is kept with its row
        return _failed(run, failure)
    finally:
        heartbeat.over.set()
        live.push_now(tenant_id, "jobs", str(job_id))


def _failed(run: Run, failure: Exception) -> str:
    """Retry what may heal; quarantine at once what a person must mend."""
    fatal = isinstance(failure, AttuneError)
    text = "".join(traceback.format_exception(failure))[-4000:]
    if isinstance(failure, AttuneError):
        text = failure.detail
    with run.unit(), tracing.tracing(job=str(run.row.pk)):
        logger.warning("job %s %s failed: %s", run.row.kind, run.row.pk, failure)
        jobs.fail(error=text.replace("\x00", ""), fatal=fatal, **run.values)
    return "quarantined" if fatal else "failed"
