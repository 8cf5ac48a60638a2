"""What a large installation does to its tables, on a database of its own: events in parts by
workspace, and the keys that distributed tables ask for; the house works on as before."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from pytest_django.plugin import DjangoDbBlocker

from attune.kernel import partitioning
from attune.kernel.rls import catalog_findings
from attune.kernel.tenancy import tenant_context
from campaigns.contacts.models import Event
from campaigns.delivery import allowance
from campaigns.delivery import services as delivery
from campaigns.delivery.models import Send
from tenants import caps
from tenants.models import Allowance, Tenant
from tests import databases, make


@pytest.fixture
def own(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, postgres_url: str, worker_id: str
) -> Iterator[make.Place]:
    """A workspace in a database of its own, whose tables may be changed."""
    with databases.own(postgres_url, f"attune_large_{worker_id}", django_db_blocker):
        yield make.workspace("large")


def story(place: make.Place, number: int) -> None:
    """Events in, the same again, folded, a segment, a blast, a conversion."""
    with tenant_context(place.id):
        item = make.track(f"u{number}", "Order Completed", revenue=9)
        assert make.record(item).accepted == 1
        assert make.record(item).duplicates == 1
        make.contact(f"u{number}", email=f"u{number}@example.com")
        audience = make.segment({"trait": "email", "exists": True}, name=f"all {number}")
        trial = make.experiment([make.approved()], holdout=1e-9, running=False)
        campaign = make.campaign(audience, trial)
        delivery.launch(campaign=campaign)
        make.run_jobs()
        assert {s.state for s in Send.objects.filter(campaign=campaign)} <= {"sent", "capped"}
        assert Send.objects.filter(campaign=campaign).exists()


def rows(place: make.Place) -> set[object]:
    with tenant_context(place.id):
        return set(Event.objects.values_list("pk", flat=True))


def test_events_in_parts_lose_nothing_stay_apart_and_take_more(own):
    other = make.workspace("other")
    for number, place in enumerate((own, other)):
        story(place, number)
    before = [rows(own), rows(other)]
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE 'event'::regclass IN (conrelid, confrelid) "
            "AND contype IN ('u', 'f') ORDER BY 1"
        )
        keys = cursor.fetchall()
    call_command("partition_table", "event", into=4, verbosity=0)
    assert [rows(own), rows(other)] == before
    assert catalog_findings() == []
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE 'event'::regclass IN (conrelid, confrelid) "
            "AND contype IN ('u', 'f') AND conparentid = 0 ORDER BY 1"
        )
        assert cursor.fetchall() == keys
    for number, place in enumerate((own, other), start=10):
        story(place, number)
    with tenant_context(own.id), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM event WHERE tenant_id = %s", [other.id])
        assert cursor.fetchone()[0] == 0
        cursor.execute("EXPLAIN SELECT * FROM event WHERE tenant_id = %s", [own.id])
        plan = "\n".join(line for (line,) in cursor.fetchall())
        assert sum(f"event_p{n}" in plan for n in range(4)) == 1  # of four parts one is read
    for n in range(4):
        with (
            pytest.raises(Exception, match="permission denied"),
            tenant_context(own.id),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"SELECT * FROM event_p{n}")  # noqa: S608
    with pytest.raises(CommandError, match="already"):
        call_command("partition_table", "event", into=4)


def test_many_take_from_one_allowance_and_none_beyond_it(own):
    with tenant_context(own.id):
        caps.save_own({"messages": 25})

    def take(_: int) -> bool:
        with tenant_context(own.id):
            return allowance.take(Tenant.objects.get(pk=own.id))

    with ThreadPoolExecutor(6) as many:
        taken = list(many.map(take, range(60)))
    assert sum(taken) == 25
    with tenant_context(own.id):
        assert Allowance.objects.get().n == 25


def test_who_runs_the_house_grants_caps(own):
    call_command("grant_caps", own.slug, "messages=7", "events=9")
    with tenant_context(own.id):
        tenant = Tenant.objects.get(pk=own.id)
        assert (caps.cap_of(tenant, "messages"), caps.cap_of(tenant, "events")) == (7, 9)
    for wrong, told in ((["nobody"], "no workspace"), ([own.slug, "messages"], "no cap"),
                        ([own.slug, "tokens=1"], "no cap of this name")):  # fmt: skip
        with pytest.raises(CommandError, match=told):
            call_command("grant_caps", *wrong)
    call_command("grant_caps", own.slug)
    with tenant_context(own.id):
        assert caps.cap_of(Tenant.objects.get(pk=own.id), "messages") is None


@pytest.mark.parametrize(
    ("table", "parts", "told"),
    [("nothing", 4, "no tenant table"), ("event", 1, "2 to 1024"), ("tenants_user", 4, "no tenant"),
     ('event"; DROP TABLE send; --', 4, "no tenant table")],
)  # fmt: skip
def test_what_cannot_be_cut_is_refused(own, table, parts, told):
    with pytest.raises(CommandError, match=told):
        call_command("partition_table", table, into=parts)


def test_with_the_keys_of_distributed_tables_the_house_works_on(own):
    story(own, 1)
    changed = partitioning.composite_primary_keys(connections["owner"])
    assert {"event", "contact", "send", "decision", "job"} <= set(changed)
    assert partitioning.composite_primary_keys(connections["owner"]) == []
    assert catalog_findings() == []
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_attribute a "
            "ON a.attrelid = i.indrelid AND a.attname = 'tenant_id' "
            "WHERE i.indisunique AND NOT a.attnum = ANY(i.indkey) "
            "AND i.indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = "
            "'public'::regnamespace)"
        )
        assert cursor.fetchall() == []  # every unique key holds the workspace
    story(own, 2)
