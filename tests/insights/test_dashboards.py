"""Results of campaigns, the people behind them, exports, and the read-only SQL of one workspace."""

from __future__ import annotations

import csv
import io
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import psycopg
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attune.kernel.errors import Invalid
from campaigns.delivery import services as delivery
from campaigns.delivery import tracking
from campaigns.delivery.models import Campaign, Send
from insights.dashboards import access, selectors, services, tables
from tests import make


@pytest.fixture
def sent(tenant) -> Campaign:
    """Eight people get a mail, three click, two of those buy for 20, one buys for 5 without."""
    make.metric()
    for i in range(8):
        make.record(make.identify(f"u{i}", email=f"u{i}@example.com", plan="pro"))
    audience = make.segment({"trait": "plan", "is": "pro"}, name="Pro")
    make.run_jobs()
    campaign = make.campaign(
        audience, make.experiment([make.approved(), make.approved()], running=False)
    )
    delivery.launch(campaign=campaign)
    make.run_jobs()
    sends = {s.contact.external_id: s for s in Send.objects.select_related("contact")}
    Send.objects.update(sent_at=timezone.now() - timedelta(minutes=5))
    for name in ("u0", "u1", "u2"):
        send = sends[name]
        send.refresh_from_db()
        tracking.record(send, "Message Clicked", agent="Firefox")
    make.record(make.track("u0", "Order Completed", revenue=20), make.track("u1", "Order Completed", revenue=20),
                make.track("u7", "Order Completed", revenue=5))  # fmt: skip
    make.run_jobs()
    return campaign


def span():
    now = timezone.now() + timedelta(seconds=1)
    return now - timedelta(days=7), now


def test_each_number_counts_its_people(sent):
    (line,) = selectors.board("campaign", *span())
    assert (line.name, line.n, line.sent, line.clicked, line.converted) == (sent.name, 8, 8, 3, 3)
    assert line.revenue == 45.0
    assert line.ctr[0] == 3 / 8
    assert line.rate[0] == 3 / 8
    assert line.roi is None
    for what, n in (("reached", 8), ("clicked", 3), ("converted", 3)):
        assert len(selectors.people("campaign", str(sent.pk), what, *span())) == n
    assert selectors.people("campaign", "other", "reached", *span()) == []


def test_by_segment_and_channel(sent):
    assert [(r.name, r.n, r.converted) for r in selectors.board("segment", *span())] == [
        ("Pro", 8, 3)
    ]
    assert [(r.name, r.n) for r in selectors.board("channel", *span())] == [("email", 8)]
    weeks = selectors.weeks(*span())
    assert [sum(row[i] for row in weeks) for i in (1, 2, 3, 4)] == [8, 8, 3, 3]


def test_costs_make_a_return(sent):
    services.set_cost(campaign=sent, fixed=Decimal("10"), message=Decimal("0.625"))
    (line,) = selectors.board("campaign", *span())
    assert line.cost == pytest.approx(15.0)
    assert line.roi == pytest.approx(2.0)
    (segment,) = selectors.board("segment", *span())
    assert segment.cost == pytest.approx(15.0)
    with pytest.raises(Invalid):
        services.set_cost(campaign=sent, fixed=Decimal(-1), message=Decimal(0))


def test_pages_and_exports_show_the_same(sent, tenant):
    client, at = Client(), [tenant.slug]
    client.force_login(tenant.owner)
    page = client.get(reverse("dashboards:board", args=at)).content.decode()
    assert sent.name in page
    assert "37.5" in page
    answer = client.get(reverse("dashboards:export", args=at))
    rows = list(csv.DictReader(io.StringIO(make.body(answer).decode())))
    assert (rows[0]["name"], rows[0]["converted"], rows[0]["revenue"]) == (sent.name, "3", "45.0")
    answer = client.get(reverse("dashboards:export-people", args=at), {"what": "converted", "format": "parquet"})  # fmt: skip
    table = pq.read_table(io.BytesIO(make.body(answer)))
    assert sorted(table["revenue"].to_pylist()) == [5.0, 20.0, 20.0]
    assert client.get(reverse("dashboards:export", args=at), {"format": "xls"}).status_code == 422
    cost = reverse("dashboards:cost", args=[tenant.slug, sent.pk])
    base = client.get(cost).context["editing"].base
    client.post(cost, {"fixed": "9", "message": "0", "base": base})
    assert selectors.board("campaign", *span())[0].roi == 4.0


def test_who_may_not_see_personal_data_sees_no_names(sent, tenant):
    client, at = Client(), [tenant.slug]
    client.force_login(make.member(tenant, "analyst"))
    for page in ("dashboards:people", "dashboards:export-people"):
        answer = client.get(reverse(page, args=at))
        told = (make.body(answer) if answer.streaming else answer.content).decode()
        assert "Visitor " in told
        assert not re.search(r"u\d@example", told)


def test_a_formula_in_a_name_is_only_text():
    lines = list(tables.csv_rows(["name", "n"], [[["=1+1", -3], ["＝1+1", "-3.5"]]]))
    assert lines[1] == "'=1+1,-3\r\n'＝1+1,-3.5\r\n"


# -- read-only SQL -----------------------------------------------------------------------------


@contextmanager
def committed(*tenants: int) -> Iterator[None]:
    """Contacts that other logins see, too: the n-th workspace has n of them."""
    with access._owner() as cursor:
        for n, tenant_id in enumerate(tenants, start=1):
            rows = [(uuid.uuid4(), tenant_id, f"c{i}", f"secret{i}@example.com") for i in range(n)]
            cursor.executemany(INSERT_SQL, rows)
    try:
        yield
    finally:
        with access._owner() as cursor:
            cursor.execute("DELETE FROM contact WHERE tenant_id = ANY(%s)", [list(tenants)])


INSERT_SQL = """INSERT INTO contact (id, tenant_id, external_id, email, phone, name, locale, timezone,
  traits, status) VALUES (%s, %s, %s, %s, '', '', '', '', '{}', 'enabled')"""
ONE, OTHER = 990_001, 990_002
REFUSED = (
    "SELECT * FROM public.contact", f"SELECT * FROM attune_read_{OTHER}.contacts",  # noqa: S608
    "SELECT public.attune_enter(1)", "CREATE TEMP TABLE t (x int)", "SET ROLE attune_owner",
    "SELECT * FROM public.attune_near_texts(null, 1)",
)  # fmt: skip


def reader(password: str) -> psycopg.Connection:
    login = connections["owner"].get_connection_params()
    return psycopg.connect(host=login.get("host"), port=login.get("port"), dbname=login["dbname"],
                           user=access.name_of(ONE), password=password, autocommit=True)  # fmt: skip


def test_sql_reads_one_workspace_and_nothing_else(db):
    with committed(OTHER, ONE):
        password = access.open_access(ONE)
        access.open_access(OTHER)
        try:
            with reader(password) as sql:
                assert sql.execute("SELECT count(*) FROM contacts").fetchone() == (2,)
                shown = sql.execute("SELECT * FROM contacts").description
                assert {"name", "email"}.isdisjoint(c.name for c in shown)
                for view in access.VIEWS:  # nothing but contacts was put in
                    n = 2 if view == "contacts" else 0
                    assert sql.execute(f"SELECT count(*) FROM {view}").fetchone() == (n,)  # noqa: S608
                for sentence in REFUSED:
                    with pytest.raises(psycopg.Error):
                        sql.execute(sentence)
                sql.execute("SET default_transaction_read_only = off")
                with pytest.raises(psycopg.Error):
                    sql.execute("DELETE FROM contacts")
                sql.execute(f"SET attune.tenant_id = '{OTHER}'")
                assert sql.execute("SELECT count(*) FROM contacts").fetchone() == (2,)
            assert access.open_access(ONE) != password
        finally:
            access.close_access(ONE)
            access.close_access(OTHER)
        with pytest.raises(psycopg.OperationalError):
            reader(password)
    assert not access.is_open(ONE)


def test_the_command_prints_an_address_once_and_closes(db, capsys):
    place = make.workspace("acme")  # no context is open, as for who runs the server
    call_command("sql_access", place.slug)
    told = capsys.readouterr().out
    assert f"postgresql://attune_read_{place.id}:" in told
    assert access.is_open(place.id)
    call_command("sql_access", place.slug, "--close")
    assert not access.is_open(place.id)
    with pytest.raises(CommandError, match="no workspace"):
        call_command("sql_access", "nobody")
