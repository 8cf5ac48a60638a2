"""Later work, declared by the app that wants it and done by a worker.

`Job.enqueue` inserts a row in the caller's transaction. The Celery message after commit is only a
wake-up hint; the sweeper finds every row that the broker lost (docs/adr/0003).
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, get_type_hints

from celery import signature
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError
from psycopg.types.json import Jsonb

from attune.kernel import audit
from attune.kernel.errors import AttuneError, Conflict, NotFound
from attune.kernel.models import JobRow
from attune.kernel.phrases import Phrase, as_is, say, word
from attune.kernel.storable import as_uuid

logger = logging.getLogger(__name__)
P = TypeVar("P")
REGISTRY: dict[str, Job[Any]] = {}
LIGHT, MODEL, TRAINING = "light", "model", "training"  # who trains lets nobody wait who writes
FITTING = "fitting"  # and no forecast, prediction or budget waits for a language model to be tuned
CHAT = "chat"  # and who writes copy lets no customer wait
MAX_ATTEMPTS = 8
LEASE_SECONDS = 24
SILENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Job(Generic[P]):
    """A kind of later work: its name, its queue and the frozen dataclass of its payload."""

    name: str
    queue: str
    payload: type[P]

    def __post_init__(self) -> None:
        if REGISTRY.setdefault(self.name, self) is not self:
            raise ValueError(f"The job name {self.name!r} is taken.")

    def enqueue(
        self, payload: P, *, dedupe_key: str = "", run_at: datetime | None = None
    ) -> JobRow | None:
        """Insert the job row; with a dedupe key that already waits, insert nothing.

        The waiting twin is locked until our commit: a worker that wants it then sees what we
        wrote. A twin that was claimed in between does not count, and a new row is inserted.
        """
        row = JobRow(
            kind=self.name,
            queue=self.queue,
            payload=_plain(payload),
            dedupe_key=dedupe_key,
            requested_by=audit.actor().label[:120],
        )
        if not dedupe_key:
            if run_at is not None:
                row.run_at = run_at
            row.save(force_insert=True)
        elif not _insert_once(row, run_at):
            return None
        if run_at is None:
            transaction.on_commit(lambda: wake(row.tenant_id, row.id, self.queue))
        return row

    def read(self, row: JobRow) -> P:
        """The typed payload of a row; ids come back as UUID."""
        hints = get_type_hints(self.payload)
        values = {
            f.name: uuid.UUID(row.payload[f.name])
            if hints[f.name] is uuid.UUID
            else row.payload[f.name]
            for f in fields(self.payload)  # type: ignore[arg-type]
            if f.name in row.payload
        }
        return self.payload(**values)


def _insert_once(row: JobRow, run_at: datetime | None) -> bool:
    """Insert unless a twin with the dedupe key waits; that one is locked by the update that changes
    nothing. A row that this statement inserted has no xmax, one that it locked has ours."""
    with connection.cursor() as cursor:
        cursor.execute(
            ONCE_SQL,
            [row.pk, row.tenant_id, row.kind, row.queue, json.dumps(row.payload), run_at,
             row.dedupe_key, row.requested_by],
        )  # fmt: skip
        inserted: bool = cursor.fetchone()[0]
    if inserted:
        row.refresh_from_db()
    return inserted


def _plain(payload: Any) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, uuid.UUID) else v for k, v in asdict(payload).items()}


ONCE_SQL = """
INSERT INTO job (id, tenant_id, kind, queue, payload, run_at, dedupe_key, requested_by, state,
                 attempts, done, total, note, error, result)
VALUES (%s, %s, %s, %s, %s, coalesce(%s, now()), %s, %s, 'pending', 0, 0, 0,
        '{"text": ""}', '', '{}')
ON CONFLICT (tenant_id, kind, dedupe_key) WHERE state = 'pending' AND NOT (dedupe_key = '')
DO UPDATE SET dedupe_key = excluded.dedupe_key RETURNING xmax = 0"""


class _Silence:
    """After the broker failed to answer, nobody waits for it again for a few seconds."""

    until = 0.0


def wake(tenant_id: int, job_id: uuid.UUID, queue: str) -> None:
    """Hint to the workers that a job waits. Losing it costs seconds, never the job."""
    if time.monotonic() < _Silence.until:
        return
    task = signature("attune.run_job", args=(tenant_id, str(job_id)))
    try:
        task.apply_async(queue=queue, retry=False, ignore_result=True)
    except (OperationalError, OSError) as unreachable:
        _Silence.until = time.monotonic() + SILENCE_SECONDS
        logger.warning("broker unreachable, the sweeper will publish: %s", unreachable)


def wake_later(tenant_id: int, job_id: uuid.UUID, queue: str) -> None:
    """The hint for a row that a database function inserted, once this transaction commits."""
    transaction.on_commit(lambda: wake(tenant_id, job_id, queue))


# -- the worker's side -------------------------------------------------------------------------

CLAIM_SQL = """
UPDATE job SET state = 'running', token = %(token)s, attempts = attempts + 1,
       lease_until = clock_timestamp() + %(lease)s, started_at = clock_timestamp(), error = ''
WHERE tenant_id = %(tenant)s AND id = %(id)s AND run_at <= clock_timestamp()
  AND attempts < %(most)s
  AND (state = 'pending' OR (state = 'running' AND lease_until < clock_timestamp()))
RETURNING id"""
GIVE_UP_SQL = """
UPDATE job SET state = 'quarantined', finished_at = clock_timestamp(), lease_until = NULL,
       error = 'The worker stopped each time this job ran; it may need more memory or time.'
WHERE tenant_id = %(tenant)s AND id = %(id)s AND attempts >= %(most)s
  AND state = 'running' AND lease_until < clock_timestamp()"""
HEARTBEAT_SQL = """
UPDATE job SET lease_until = clock_timestamp() + %(lease)s,
       done = coalesce(%(done)s, done), total = coalesce(%(total)s, total),
       note = coalesce(%(note)s::jsonb, note)
WHERE tenant_id = %(tenant)s AND id = %(id)s AND token = %(token)s AND state = 'running'"""
FINISH_SQL = """
UPDATE job SET state = 'done', finished_at = clock_timestamp(), lease_until = NULL
WHERE tenant_id = %(tenant)s AND id = %(id)s AND token = %(token)s AND state = 'running'"""
FAIL_SQL = """
UPDATE job SET state = CASE WHEN attempts >= %(most)s OR %(fatal)s THEN 'quarantined'
                            ELSE 'pending' END,
       error = %(error)s, lease_until = NULL, published_at = NULL, token = NULL,
       finished_at = CASE WHEN attempts >= %(most)s OR %(fatal)s THEN clock_timestamp() END,
       run_at = clock_timestamp() + least(power(2, attempts), 300) * interval '1 second'
WHERE tenant_id = %(tenant)s AND id = %(id)s AND token = %(token)s AND state = 'running'"""


SUPERSEDE_SQL = """
UPDATE job SET state = 'cancelled', finished_at = clock_timestamp(), lease_until = NULL,
       token = NULL, error = %(error)s, note = %(superseded)s::jsonb
WHERE tenant_id = %(tenant)s AND id = %(id)s AND token = %(token)s AND state = 'running'"""
SUPERSEDED = say("It failed; the next of its kind does its work.")


def fail(*, error: str, fatal: bool, **values: Any) -> None:
    """Give a failed job back, or quarantine it. One whose twin (same dedupe key) waits already is
    closed instead: the twin will do the same."""
    try:
        with transaction.atomic():
            execute(FAIL_SQL, error=error, fatal=fatal, most=MAX_ATTEMPTS, **values)
    except IntegrityError as clash:
        if "one_waiting_job_per_dedupe_key" not in str(clash):
            raise
        execute(SUPERSEDE_SQL, error=error, superseded=SUPERSEDED, **values)


def execute(sql: str, **values: Any) -> int:
    """Run one of the statements above inside the open tenant context; rows touched."""
    values.setdefault("lease", timedelta(seconds=LEASE_SECONDS))
    values = {k: Jsonb(v.stored()) if isinstance(v, Phrase) else v for k, v in values.items()}
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)


def tried(row: JobRow | None, now: datetime, within: timedelta) -> bool:
    """Whether a job waits or runs, or gave up so lately that another of its kind would too."""
    if row is None:
        return False
    if row.state in {JobRow.State.PENDING, JobRow.State.RUNNING}:
        return True
    if row.state not in JobRow.GAVE_UP or row.finished_at is None:
        return False
    return now - row.finished_at < within


def retry(row: JobRow) -> None:
    """Put a quarantined job back to work, by a person's wish."""
    won = JobRow.objects.filter(pk=row.pk, state=JobRow.State.QUARANTINED).update(
        state=JobRow.State.PENDING, attempts=0, published_at=None, finished_at=None, dedupe_key=""
    )
    if not won:
        raise Conflict(
            say(
                "Only a quarantined job can be retried; this one is %(state)s.",
                state=word(row.state),
            )
        )
    audit.record("job.retry", row)
    transaction.on_commit(lambda: wake(row.tenant_id, row.id, row.queue))


def cancel(row: JobRow) -> None:
    """Cancel a job that waits or runs; a running body stops at its next heartbeat."""
    waiting = [JobRow.State.PENDING, JobRow.State.RUNNING, JobRow.State.QUARANTINED]
    won = JobRow.objects.filter(pk=row.pk, state__in=waiting).update(
        state=JobRow.State.CANCELLED, token=None, finished_at=Now()
    )
    if not won:
        raise Conflict(say("This job is already %(state)s.", state=word(row.state)))
    audit.record("job.cancel", row)
    if row.kind in CANCELLED:
        CANCELLED[row.kind](REGISTRY[row.kind].read(row))


CANCELLED: dict[str, Callable[[Any], None]] = {}


def on_cancel(job: Job[P]) -> Callable[[Callable[[P], None]], Callable[[P], None]]:
    """What else closes when a person cancels such a job, in the same transaction: what it was to
    make must not look busy for ever."""

    def register(close: Callable[[P], None]) -> Callable[[P], None]:
        CANCELLED[job.name] = close
        return close

    return register


def change_many(
    *, job_ids: list[str], change: Callable[[JobRow], None]
) -> tuple[int, list[Phrase]]:
    """`retry` or `cancel` for several jobs, at most 100: how many took it, and why the others did
    not, each sentence once."""
    done, refused = 0, {}
    for text in job_ids[:100]:
        try:
            with transaction.atomic():
                change(get(text))
            done += 1
        except AttuneError as refusal:
            refused[refusal.detail] = as_is(refusal.detail)
    return done, list(refused.values())


def get(job_id: uuid.UUID | str) -> JobRow:
    """The job of this workspace, or NotFound."""
    known = as_uuid(str(job_id))
    row: JobRow | None = JobRow.objects.filter(pk=known).first() if known else None
    if row is None:
        raise NotFound(say("There is no such job in this workspace."))
    return row
