"""Jobs: claimed once, finished once, retried, quarantined, cancelled; and a real worker killed."""

from __future__ import annotations

import uuid

import pytest
import redis
from django.utils import timezone

from attune.kernel import housekeeping, jobs
from attune.kernel.errors import Conflict
from attune.kernel.models import IdempotencyRecord, JobRow
from campaigns.contacts import folding
from campaigns.contacts.jobs import FOLD_EVENTS, FoldEvents
from campaigns.contacts.models import ContactChange
from campaigns.segments.jobs import REFRESH_SEGMENT, RefreshSegment
from tenants import registry
from tests import make
from workers import runner


def past(row: JobRow) -> None:
    JobRow.objects.filter(pk=row.pk).update(run_at="2020-01-01T00:00Z")


def test_a_job_runs_once_and_a_second_message_finds_it_taken(tenant):
    row = FOLD_EVENTS.enqueue(FoldEvents())
    assert runner.run_job(tenant.id, row.pk) == "done"
    assert runner.run_job(tenant.id, row.pk) == "not ours"
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("done", 1)


def test_a_dedupe_key_keeps_one_waiting_job(tenant):
    assert FOLD_EVENTS.enqueue(FoldEvents(), dedupe_key="f") is not None
    assert FOLD_EVENTS.enqueue(FoldEvents(), dedupe_key="f") is None
    assert JobRow.objects.count() == 1


def test_what_a_person_must_mend_is_quarantined_at_once_with_its_reason(tenant):
    row = REFRESH_SEGMENT.enqueue(RefreshSegment(uuid.uuid4()))
    assert runner.run_job(tenant.id, row.pk) == "quarantined"
    row.refresh_from_db()
    assert (row.state, row.error) == ("quarantined", "There is no such segment in this workspace.")
    jobs.retry(row)
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("pending", 0)


def test_a_crash_is_retried_with_a_longer_wait_and_gives_up_after_eight(tenant, monkeypatch):
    def broken(payload: object, run: runner.Run) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setitem(runner.HANDLERS, FOLD_EVENTS.name, broken)
    row = FOLD_EVENTS.enqueue(FoldEvents())
    for attempt in range(1, 9):
        past(row)
        assert runner.run_job(tenant.id, row.pk) == "failed"
        row.refresh_from_db()
        assert row.attempts == attempt
        assert (row.state == "quarantined") == (attempt == 8)
    assert "ZeroDivisionError: a bug" in row.error
    assert runner.run_job(tenant.id, row.pk) == "not ours"


def test_a_lease_that_ran_out_is_taken_over_and_the_late_worker_changes_nothing(
    tenant, monkeypatch
):
    row = FOLD_EVENTS.enqueue(FoldEvents())
    ends = []

    def slow(payload: object, run: runner.Run) -> None:
        if not ends:
            ends.append("first")
            JobRow.objects.filter(pk=row.pk).update(lease_until="2020-01-01T00:00Z")
            ends.append(runner.run_job(tenant.id, row.pk))  # another worker takes it over
            run.progress(done=1)  # raises: ours no more

    monkeypatch.setitem(runner.HANDLERS, FOLD_EVENTS.name, slow)
    assert runner.run_job(tenant.id, row.pk) == "superseded"
    assert ends == ["first", "done"]
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("done", 2)


def test_a_cancelled_job_stops_at_its_next_progress(tenant, monkeypatch):
    row = FOLD_EVENTS.enqueue(FoldEvents())

    def body(payload: object, run: runner.Run) -> None:
        jobs.cancel(row)
        run.progress(done=1)

    monkeypatch.setitem(runner.HANDLERS, FOLD_EVENTS.name, body)
    assert runner.run_job(tenant.id, row.pk) == "superseded"
    row.refresh_from_db()
    assert row.state == "cancelled"
    with pytest.raises(Conflict):
        jobs.cancel(row)


def test_the_sweeper_finds_what_the_broker_lost_and_expired_leases(tenant):
    waiting = FOLD_EVENTS.enqueue(FoldEvents())
    frozen = FOLD_EVENTS.enqueue(FoldEvents())
    later = FOLD_EVENTS.enqueue(FoldEvents(), run_at=timezone.now() + timezone.timedelta(hours=1))
    old = "2020-01-01T00:00Z"
    JobRow.objects.filter(pk=waiting.pk).update(run_at=old, created_at=old)
    JobRow.objects.filter(pk=frozen.pk).update(state="running", lease_until=old, run_at=old)
    found = {d.id for d in registry.due_jobs() if d.tenant_id == tenant.id}
    assert found == {waiting.pk, frozen.pk}
    assert not {d.id for d in registry.due_jobs()} & found  # published a moment ago
    assert later.pk not in found


def test_a_wake_up_reaches_the_broker(tenant, valkey, monkeypatch):
    monkeypatch.setattr(jobs._Silence, "until", 0.0)
    client = redis.Redis.from_url(valkey)
    client.delete("light")
    jobs.wake(tenant.id, uuid.uuid4(), "light")
    assert client.llen("light") == 1
    client.delete("light")


def test_without_a_broker_nobody_waits_twice(tenant, monkeypatch):
    calls = []

    class Gone:
        def apply_async(self, **options: object) -> None:
            calls.append(options)
            raise OSError("no broker")

    monkeypatch.setattr(jobs._Silence, "until", 0.0)
    monkeypatch.setattr(jobs, "signature", lambda *arguments, **options: Gone())
    for _ in range(5):
        jobs.wake(tenant.id, uuid.uuid4(), "light")
    assert len(calls) == 1
    monkeypatch.setattr(jobs._Silence, "until", 0.0)


def test_finished_jobs_and_old_answers_go_and_what_needs_a_person_stays(tenant):
    done, stuck, fresh = (FOLD_EVENTS.enqueue(FoldEvents()) for _ in range(3))
    old = timezone.now() - timezone.timedelta(days=8)
    JobRow.objects.filter(pk=done.pk).update(state="done", finished_at=old)
    JobRow.objects.filter(pk=stuck.pk).update(state="quarantined", finished_at=old)
    JobRow.objects.filter(pk=fresh.pk).update(state="done")
    IdempotencyRecord.objects.create(key="k", fingerprint="f")
    IdempotencyRecord.objects.filter(key="k").update(created_at=old)
    assert housekeeping.tidy() == 2
    assert set(JobRow.objects.values_list("pk", flat=True)) == {stuck.pk, fresh.pk}
    assert not IdempotencyRecord.objects.exists()


def test_a_failed_job_keeps_its_dedupe_key_and_gives_way_to_a_twin_that_waits(tenant, monkeypatch):
    def broken(payload: object, run: runner.Run) -> None:
        if len(seen) == 1:
            FOLD_EVENTS.enqueue(FoldEvents(), dedupe_key="fold")  # events came meanwhile
        seen.append(1)
        raise ZeroDivisionError("a bug")

    seen: list[int] = []
    monkeypatch.setitem(runner.HANDLERS, FOLD_EVENTS.name, broken)
    row = FOLD_EVENTS.enqueue(FoldEvents(), dedupe_key="fold")
    runner.run_job(tenant.id, row.pk)
    row.refresh_from_db()
    assert (row.state, row.dedupe_key) == ("pending", "fold")
    assert FOLD_EVENTS.enqueue(FoldEvents(), dedupe_key="fold") is None
    past(row)
    runner.run_job(tenant.id, row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("cancelled", 2)
    twin = JobRow.objects.get(state="pending")
    assert twin.pk != row.pk


def test_one_contact_that_changed_often_is_taken_off_the_queue_whole(tenant):
    one, other = make.contact("one"), make.contact("other")
    ContactChange.objects.bulk_create(ContactChange(contact=one) for _ in range(30))
    ContactChange.objects.create(contact=other)
    assert folding.take_changed(5) == [one.pk]
    assert list(ContactChange.objects.values_list("contact_id", flat=True)) == [other.pk]
