"""Alerts on metrics by day: what is expected, what moved, from where, and who is told."""

from __future__ import annotations

import contextvars
import random
import uuid
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.core import mail
from django.utils import timezone

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from campaigns.contacts.models import Contact, Event
from campaigns.delivery import endpoints, webhook
from insights.alerts import checking, daily, metrics, selectors, services, telling
from insights.alerts.models import Alert, AlertRoute, Watch
from insights.forecasts import services as forecasts
from insights.forecasts import values
from tenants.models import Membership, Notice, Tenant
from tests import make
from workers import runner

WEEK = np.array([60, 60, 60, 60, 60, 30, 0], dtype=float)


def steady(days: int = 120, seed: int = 0) -> np.ndarray:
    """Counts with a shape of the week, by chance alone."""
    rng = np.random.default_rng(seed)
    return np.array([float(rng.poisson(WEEK[k % 7])) for k in range(days)])


def judge(line, counts, known=(), least=10.0):
    """The last day or week, with what was to be expected worked out from the line."""
    told, told_counts = daily.told(line, known), daily.told(counts, known)
    return daily.judged(line, counts, told, told_counts, known, least)


def test_what_is_expected_follows_the_week_and_the_level():
    line = np.tile(WEEK, 20)
    told = daily.told(line)
    assert told.day[-14:].tolist() == pytest.approx(WEEK.tolist() * 2)
    assert told.week[-1] == pytest.approx(WEEK.sum())
    assert np.isnan(told.day[20])  # too few days before it
    doubled = np.concatenate([line, 2 * np.tile(WEEK, 2)])
    assert daily.told(doubled).day[-7:].tolist() == pytest.approx((2 * WEEK).tolist(), rel=0.3)


@pytest.mark.parametrize(("factor", "moved"), [(0.3, "down"), (1.0, ""), (2.5, "up")])
def test_a_day_far_from_what_was_expected_has_moved(factor, moved):
    line = steady(124)  # the last is a Friday
    line[-1] = round(60 * factor)
    found = judge(line, line)
    assert (found.moved, found.value) == (moved, round(60 * factor))
    assert found.usual == pytest.approx(60, rel=0.15)
    assert found.low < 60 < found.high


def test_a_week_that_is_too_low_is_seen_where_no_day_is():
    line = steady(126)
    line[-7:] = np.round(line[-7:] * 0.7)
    alone = [judge(line[:k], line[:k]) for k in range(120, 126)]
    assert sum(bool(v.moved) and v.days == 1 for v in alone if v) <= 1
    found = judge(line, line)
    assert (found.moved, found.days) == ("down", 7)


def test_known_days_are_neither_judged_nor_learned_from():
    line = steady(124)
    line[100:107] = 0  # closed
    line[-1] = 0
    known = {*range(100, 107), 123}
    assert judge(line, line, known) is None
    assert daily.told(line, known).day[109] == pytest.approx(60, rel=0.2)
    assert judge(line, line, set(range(100, 107))).moved == "down"


def test_little_says_nothing():
    line = steady(30)
    assert judge(line, line) is None  # four weeks are too few
    rare = np.array([1.0, 0.0] * 60)
    rare[-1] = 6
    assert judge(rare, rare, least=10) is None
    assert judge(rare, rare, least=3) is not None


def test_a_share_of_a_whole_that_itself_moves():
    whole = np.array([200.0, 400.0] * 60)
    part = np.round(whole * 0.2)
    part[-1] = 24.0  # 6 % of 400
    told = daily.shares(part, whole)
    assert told.day[-1] == pytest.approx(80)
    assert daily.judged(part, whole, told, daily.told(whole)).moved == "down"
    part[-1] = 80.0
    assert daily.judged(part, whole, told, daily.told(whole)).moved == ""


def orders(last: dict[str, int], days: int = 60) -> date:
    """Each day 20 orders of tea and 20 of coffee, on the day before today as many as `last`; the
    day before today."""
    rng = random.Random(0)
    person = Contact.objects.create(external_id="buyer")
    today = timezone.now().date()
    rows = []
    for back in range(days, 0, -1):
        noon = datetime.combine(today - timedelta(days=back), datetime.min.time(),
                                tzinfo=timezone.get_current_timezone()) + timedelta(hours=12)  # fmt: skip
        for key in ("tea", "coffee"):
            n = last[key] if back == 1 else 20 + rng.randint(-3, 3)
            rows += [
                Event(message_id=f"{back}{key}{k}", type="track", name="Order Completed",
                      contact=person, at=noon, category=key, value_cents=1_000)
                for k in range(n)
            ]  # fmt: skip
    Event.objects.bulk_create(rows)
    return today - timedelta(days=1)


def watched(tenant, kind: str = "count", **more) -> Watch:
    metric = make.metric("orders", kind=kind)
    return services.watch(figure="metric", about_id=metric.pk, direction="both",
                          by=tenant.owner, **more)  # fmt: skip


def test_a_drop_is_said_once_with_where_it_comes_from(tenant):
    day = orders({"tea": 3, "coffee": 20})
    row = watched(tenant)
    (alert,) = checking.check(now=timezone.now())
    assert (alert.day, alert.days, alert.moved, alert.value, alert.n) == (day, 1, "down", 23, 23)
    assert alert.usual == pytest.approx(40, abs=3)
    by, key, value, usual, share = alert.slices[0]
    assert (by, key, value) == ("category", "tea", 3)
    assert usual == pytest.approx(20, abs=2)
    assert 0.8 < share < 1.2
    assert str(alert.told).startswith(f"“{row.label}” on {day}: 23, usually ")
    assert checking.check(now=timezone.now()) == []  # of that day nothing more
    assert Notice.objects.filter(url__endswith=str(alert.pk)).exists()
    row.refresh_from_db()
    assert row.seen["value"] == 23
    services.explain(alert=alert, note="The tea shelf was empty", by="Ada")
    assert metrics._known(row, day - timedelta(days=10), 11) == {10}
    with pytest.raises(Invalid, match="few words"):
        services.explain(alert=Alert.objects.get(), note=" ", by="Ada")


def test_money_is_judged_by_money_and_floored_by_counts(tenant):
    orders({"tea": 45, "coffee": 45})
    watched(tenant, kind="value", least=500)
    assert checking.check(now=timezone.now()) == []  # 90 orders are below the floor
    Watch.objects.update(least=10)
    (alert,) = checking.check(now=timezone.now())
    assert (alert.moved, alert.value, alert.n) == ("up", 900, 90)


def test_muted_or_the_other_way_says_nothing(tenant):
    orders({"tea": 3, "coffee": 3})
    row = watched(tenant)
    services.mute(row=row, until=timezone.now() + timedelta(days=1))
    assert checking.check(now=timezone.now()) == []
    services.mute(row=row, until=None)
    Watch.objects.update(direction="up")
    assert checking.check(now=timezone.now()) == []
    Watch.objects.update(direction="down")
    assert len(checking.check(now=timezone.now())) == 1


def test_a_day_that_is_known_is_not_judged(tenant):
    day = orders({"tea": 0, "coffee": 0})
    watched(tenant)
    forecasts.add_occasion(name="Closed", first=day, last=day)
    assert checking.check(now=timezone.now()) == []


def test_one_metric_for_each_of_another(tenant):
    orders({"tea": 20, "coffee": 20})
    person = Contact.objects.get()
    today = timezone.now().date()
    visits = [
        Event(message_id=f"v{back}-{k}", type="track", name="Visit", contact=person,
              at=Event.objects.filter(message_id__startswith=f"{back}tea").first().at)
        for back in range(60, 0, -1) for k in range(80 if back > 1 else 400)
    ]  # fmt: skip
    Event.objects.bulk_create(visits)
    count = make.metric("orders", kind="count")
    other = make.metric("visits", event="Visit", kind="count")
    row = services.watch(figure="metric", about_id=count.pk, of_id=other.pk, direction="both",
                         by=tenant.owner)  # fmt: skip
    assert row.figure == "ratio"
    (alert,) = checking.check(now=timezone.now())
    assert (alert.moved, alert.value) == ("down", pytest.approx(0.1))
    assert alert.usual == pytest.approx(0.5, abs=0.05)
    assert alert.n == 40
    assert "10.0%" in str(alert.told)
    money = make.metric("revenue", kind="value")
    with pytest.raises(Invalid, match="do not sum money"):
        services.watch(
            figure="metric", about_id=money.pk, of_id=other.pk, direction="both", by=None
        )
    with pytest.raises(Invalid, match="another metric"):
        services.watch(figure="metric", about_id=count.pk, of_id=count.pk, direction="up", by=None)
    with pytest.raises(Invalid, match="1 to 1,000,000"):
        services.watch(figure="metric", about_id=count.pk, direction="up", by=None, least=0)
    with pytest.raises(Conflict, match="already"):
        services.watch(figure="metric", about_id=count.pk, of_id=other.pk, direction="up", by=None)
    assert metrics.line(row, today).last == today - timedelta(days=1)


def alone(tenant_id: int, job: uuid.UUID) -> str:
    """As a worker runs it: no workspace is open but where the job opens one."""
    return contextvars.Context().run(runner.run_job, tenant_id, job)


def test_members_and_endpoints_are_told_and_a_failure_is_tried_again(tenant, monkeypatch):
    orders({"tea": 3, "coffee": 3})
    watched(tenant)
    endpoint, _ = endpoints.create(name="Ops", url="https://203.0.113.5/hook")
    services.route_to_me(user=tenant.owner, wanted=True)
    services.route_to_me(user=tenant.owner, wanted=True)  # once is enough
    services.route_to_endpoint(endpoint=endpoint, wanted=True)
    assert AlertRoute.objects.count() == 2
    called: list[dict] = []
    answers = iter([500, 204])

    def post(url: str, **told: object) -> int:
        called.append({"url": url, **told})
        return next(answers)

    monkeypatch.setattr(webhook, "post", post)
    (alert,) = checking.check(now=timezone.now())
    waiting = JobRow.objects.filter(kind="insights.tell_alert", state="pending").order_by("id")
    ids = list(waiting.values_list("pk", flat=True))
    ended = [alone(tenant.id, pk) for pk in ids]
    assert sorted(ended) == ["done", "failed"]
    (letter,) = [m for m in mail.outbox if m.to == [tenant.owner.email]]
    assert str(alert.told) in letter.subject
    assert f"/alerts/{alert.pk}" in letter.body
    assert "tea: 3, usually" in letter.body
    failed = JobRow.objects.get(kind="insights.tell_alert", state="pending")
    assert "answered 500" in failed.error
    JobRow.objects.filter(pk=failed.pk).update(run_at=timezone.now() - timedelta(seconds=1))
    make.run_jobs(but=())
    assert [c["message_id"] for c in called] == [called[0]["message_id"]] * 2
    assert called[1]["payload"]["data"]["moved"] == "down"
    assert called[1]["payload"]["data"]["slices"][0]["by"] == "category"
    Membership.objects.filter(user=tenant.owner).delete()
    route = AlertRoute.objects.get(user=tenant.owner)
    assert telling.prepared(selectors.alert(alert.pk), route) is None  # who left is told nothing


def test_pages_of_the_inbox(tenant, client):
    client.force_login(tenant.owner)
    orders({"tea": 3, "coffee": 20})
    metric = make.metric("orders", kind="count")
    base = f"/w/{tenant.slug}/alerts/"
    assert client.post(f"{base}watch", {"figure": f"metric:{metric.pk}", "direction": "both",
                                        "least": "5"}).status_code == 302  # fmt: skip
    assert client.post(f"{base}watch", {"figure": f"metric:{metric.pk}", "direction": "both",
                                        "least": "many"}).status_code == 422  # fmt: skip
    (alert,) = checking.check(now=timezone.now())
    listed = client.get(base).content.decode()
    assert f"{base}{alert.pk}" in listed
    page = client.get(f"{base}{alert.pk}").content.decode()
    assert "Where it comes from" in page
    assert page.count("Order Completed") == 23
    posted = client.post(f"{base}{alert.pk}/explain", {"note": "The shelf was empty"})
    assert posted.status_code == 302
    assert "The shelf was empty" in client.get(f"{base}{alert.pk}").content.decode()
    assert client.post(f"{base}{alert.pk}/see").status_code == 409
    assert "The shelf" not in client.get(f"{base}?state=open").content.decode()
    assert client.post(f"{base}mail", {"wanted": "yes"}).status_code == 302
    assert "Stop e-mails to me" in client.get(base).content.decode()


def test_by_product_money_is_price_times_quantity(tenant):
    person = make.contact()
    at = timezone.now() - timedelta(days=2)
    Event.objects.create(
        message_id="p1", type="track", name="Order Completed", contact=person, at=at,
        value_cents=5_000, properties={"products": [
            {"name": "Tea", "price": "12.50", "quantity": 2}, {"sku": "C-1", "price": 20},
            {"product_id": "9", "price": "many", "quantity": "x"}, {"price": 3},
        ]},
    )  # fmt: skip
    Event.objects.create(message_id="p2", type="track", name="Order Completed", contact=person,
                         at=at, value_cents=700, properties={"name": "Tea"})  # fmt: skip
    metric = make.metric("revenue", kind="value")
    day = at.date()
    told = values.by_events(metric, "day", "product", day, day + timedelta(days=1))
    assert told == {"Tea": {day: 32.0}, "C-1": {day: 20.0}, "9": {day: 0.0}}
    counted = values.by_events(metric, "day", "product", day, day + timedelta(days=1), "count")
    assert counted["Tea"] == {day: 2}


@pytest.mark.parametrize("where", ["America/Los_Angeles", "Pacific/Auckland", "UTC"])
def test_a_day_begins_and_ends_where_the_workspace_is(tenant, where):
    Tenant.objects.filter(pk=tenant.id).update(timezone=where)
    zone, person = ZoneInfo(where), make.contact()
    day = date(2026, 11, 16)
    hours = [datetime(2026, 11, 16, hour, 30, tzinfo=zone) for hour in range(24)]
    hours += [
        datetime(2026, 11, 15, 23, 59, tzinfo=zone),
        datetime(2026, 11, 17, 0, 0, tzinfo=zone),
    ]
    Event.objects.bulk_create([
        Event(message_id=f"z{n}", type="track", name="Order Completed", contact=person, at=at)
        for n, at in enumerate(hours)
    ])  # fmt: skip
    metric = make.metric("orders", kind="count")
    told = values.by_events(metric, "day", "", day, day + timedelta(days=1))
    assert told == {"": {day: 24.0}}
    row = Watch.objects.create(figure="metric", about={"metric": str(metric.pk)}, label="x")
    alert = Alert.objects.create(watch=row, at=timezone.now(), day=day, days=1, value=24, usual=1,
                                 low=0, high=2, n=24)  # fmt: skip
    assert len(selectors.events_behind(alert)) == 24


def test_a_day_that_turns_out_otherwise_stops_nothing(tenant):
    """Data that was missing comes later: the day has its alert, and other watches are looked at."""
    day = orders({"tea": 2, "coffee": 2})
    watched(tenant)
    assert len(checking.check(now=timezone.now())) == 1
    person = Contact.objects.get()
    at = Event.objects.filter(message_id__startswith="1tea").first().at
    Event.objects.bulk_create([
        Event(message_id=f"late{k}", type="track", name="Order Completed", contact=person, at=at)
        for k in range(200)
    ])  # fmt: skip
    assert checking.check(now=timezone.now()) == []
    assert Alert.objects.get().day == day
    assert Watch.objects.get().seen["value"] == 204


def test_what_is_open_comes_first(tenant):
    row = Watch.objects.create(figure="volume", label="x")
    for state in ("explained", "open", "seen"):
        Alert.objects.create(watch=row, at=timezone.now(), state=state, value=1, usual=1, low=0,
                             high=2, n=1)  # fmt: skip
    assert [a.state for a in selectors.alerts()] == ["open", "seen", "explained"]
