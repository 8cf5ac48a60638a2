"""Whatever workers, deaths and people do to jobs in any order: each is done at most once, none is
lost, and the table says exactly what happened."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from attune.kernel import jobs
from attune.kernel.errors import Conflict
from attune.kernel.models import JobRow
from attune.kernel.tenancy import tenant_context
from campaigns.contacts.jobs import FOLD_EVENTS, FoldEvents
from tests import make

PICK = st.integers(0, 99)
LONG_AGO = "2020-01-01T00:00Z"
MOST = 3


@dataclass(slots=True)
class Known:
    """What must be true of one job."""

    key: str
    state: str = "pending"
    attempts: int = 0
    token: uuid.UUID | None = None
    lapsed: bool = False
    effects: int = 0


@pytest.mark.django_db(transaction=False)
def test_whatever_workers_and_people_do_each_job_is_done_at_most_once(monkeypatch):
    monkeypatch.setattr(jobs, "MAX_ATTEMPTS", MOST)
    place = make.workspace("jobs")

    class Story(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.known: dict[uuid.UUID, Known] = {}
            self.held: list[tuple[uuid.UUID, uuid.UUID]] = []  # what workers believe they hold
            with tenant_context(place.id):
                JobRow.objects.all().delete()

        def some(self, pick: int) -> tuple[uuid.UUID, Known] | None:
            rows = list(self.known.items())
            return rows[pick % len(rows)] if rows else None

        def waits(self, key: str) -> bool:
            return any(k.key == key and k.state == "pending" for k in self.known.values())

        @rule(key=st.sampled_from(["", "a", "b"]))
        def enqueue(self, key: str) -> None:
            twin = key != "" and self.waits(key)
            with tenant_context(place.id):
                row = FOLD_EVENTS.enqueue(FoldEvents(), dedupe_key=key)
            assert (row is None) == twin
            if row is not None:
                self.known[row.pk] = Known(key)

        @rule(pick=PICK)
        def claim(self, pick: int) -> None:
            if (found := self.some(pick)) is None:
                return
            pk, job = found
            free = job.state == "pending" or (job.state == "running" and job.lapsed)
            token = uuid.uuid4()
            with tenant_context(place.id):
                values = {"tenant": place.id, "id": pk, "most": MOST}
                won = jobs.execute(jobs.CLAIM_SQL, token=token, **values)
                over = 0 if won else jobs.execute(jobs.GIVE_UP_SQL, **values)
            assert bool(won) == (free and job.attempts < MOST)
            assert bool(over) == (
                job.state == "running" and job.lapsed and job.attempts >= MOST and not won
            )
            if won:
                job.state, job.token, job.lapsed = "running", token, False
                job.attempts += 1
                self.held.append((pk, token))
            elif over:
                job.state = "quarantined"

        @rule(pick=PICK, what=st.sampled_from(["beat", "finish", "finish", "fail", "fatal"]))
        def work(self, pick: int, what: str) -> None:
            """A worker that believes it holds a job says so, or ends it; it may be long dead."""
            if not self.held:
                return
            pk, token = self.held[pick % len(self.held)]
            job = self.known[pk]
            mine = job.state == "running" and job.token == token
            values = {"tenant": place.id, "id": pk, "token": token}
            with tenant_context(place.id):
                if what == "beat":
                    held = jobs.execute(jobs.HEARTBEAT_SQL, done=1, total=None, note=None,
                                        **values)  # fmt: skip
                    assert bool(held) == mine
                    job.lapsed = job.lapsed and not mine
                elif what == "finish":
                    assert bool(jobs.execute(jobs.FINISH_SQL, **values)) == mine
                    job.effects += mine
                    job.state = "done" if mine else job.state
                else:
                    jobs.fail(error="broken", fatal=what == "fatal", **values)
                    JobRow.objects.filter(pk=pk).update(run_at=LONG_AGO)
                    if mine:
                        self.failed(job, fatal=what == "fatal")

        def failed(self, job: Known, *, fatal: bool) -> None:
            if fatal or job.attempts >= MOST:
                job.state = "quarantined"
            elif job.key and self.waits(job.key):
                job.state = "cancelled"  # its twin does the work
            else:
                job.state = "pending"
            job.token = None

        @rule(pick=PICK)
        def die(self, pick: int) -> None:
            """A worker is gone: its lease runs out."""
            found = self.some(pick)
            if found is not None and found[1].state == "running":
                with tenant_context(place.id):
                    JobRow.objects.filter(pk=found[0]).update(lease_until=LONG_AGO)
                found[1].lapsed = True

        @rule(pick=PICK, wish=st.sampled_from([jobs.retry, jobs.cancel]))
        def ask(self, pick: int, wish) -> None:
            """A person retries or cancels."""
            if (found := self.some(pick)) is None:
                return
            pk, job = found
            open_to = {jobs.retry: {"quarantined"},
                       jobs.cancel: {"pending", "running", "quarantined"}}[wish]  # fmt: skip
            with tenant_context(place.id):
                row = JobRow.objects.get(pk=pk)
                if job.state not in open_to:
                    with pytest.raises(Conflict):
                        wish(row)
                    return
                wish(row)
                JobRow.objects.filter(pk=pk).update(run_at=LONG_AGO)
            if wish is jobs.retry:
                job.state, job.attempts, job.key = "pending", 0, ""
            else:
                job.state, job.token = "cancelled", None

        @invariant()
        def the_table_says_what_happened(self) -> None:
            with tenant_context(place.id):
                rows = JobRow.objects.values_list("pk", "state", "attempts", "dedupe_key")
                found = {pk: rest for pk, *rest in rows}
            assert found == {pk: [j.state, j.attempts, j.key] for pk, j in self.known.items()}
            assert all(j.effects == (j.state == "done") for j in self.known.values())

    run_state_machine_as_test(
        Story,
        settings=settings(
            max_examples=40, stateful_step_count=40, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
