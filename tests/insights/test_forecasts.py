"""Forecasts: from events and files to a fan, parts that add up, a ledger that bars what fails."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import restored
from campaigns.contacts.models import Event
from insights.forecasts import ledger, periods, selectors, services, tables, values
from insights.forecasts.ledger import Covering
from insights.forecasts.models import Forecast, ForecastCheck, Occasion, Series
from tests import make
from workers.model_tasks import forecasts as task
from workers.tasks.refreshing import forecasts_due as refresh_due

assert task  # its import registers the handler


def orders(days: int = 70, *, extra: int = 0) -> None:
    """Twice as many on weekends, two of three of tea; `extra` a day of today's kind."""
    rng, person, now = random.Random(1), make.contact("buyer"), timezone.now()
    rows = []
    for back in range(days, 0, -1):
        at = (now - timedelta(days=back)).replace(hour=12)
        many = 10 + 10 * (at.weekday() >= 5) + rng.randint(-2, 2) + extra
        rows += [
            Event(message_id=f"o{back}-{n}", type="track", name="Order Completed", contact=person,
                  at=at, value_cents=1_000, category="tea" if n % 3 else "coffee",
                  context={"campaign": {"source": "ad" if n % 4 == 0 else "news"}})
            for n in range(many)
        ]  # fmt: skip
    Event.objects.bulk_create(rows)


def made(**fields: object) -> Series:
    given = {"name": "Orders", "metric": make.metric("orders", kind="count"), "grain": "day",
             "by": "", "horizon": 14, **fields}  # fmt: skip
    row = services.create(**given)
    make.run_jobs(but=())
    return selectors.one(row.pk)


def test_periods_begin_and_end_where_people_count_them():
    assert periods.start(date(2026, 12, 2), "week") == date(2026, 11, 30)
    assert periods.start(date(2026, 12, 2), "month") == date(2026, 12, 1)
    assert periods.after(date(2026, 12, 1), "month") == date(2027, 1, 1)
    assert periods.after(date(2026, 1, 1), "month", 26) == date(2028, 3, 1)
    assert periods.between(date(2026, 11, 20), date(2026, 12, 8), "week") == [
        date(2026, 11, 16), date(2026, 11, 23), date(2026, 11, 30), date(2026, 12, 7),
    ]  # fmt: skip


def test_values_are_those_of_whole_periods_and_a_day_without_is_a_zero(tenant):
    person, today = make.contact("p"), timezone.now().date()
    for back, n in ((9, 2), (7, 1), (0, 5)):
        at = timezone.now() - timedelta(days=back)
        Event.objects.bulk_create(
            Event(message_id=f"{back}-{i}", type="track", name="Order Completed", contact=person,
                  at=at, value_cents=250) for i in range(n)
        )  # fmt: skip
    row = Series(name="x", metric=make.metric("revenue", kind="value"), grain="day", by="")
    row.save()
    found = values.of(row, today)
    assert found.firsts[0] == today - timedelta(days=9)
    assert found.firsts[-1] == today - timedelta(days=1)  # today is not over
    assert found.whole.tolist() == [5.0, 0, 2.5, 0, 0, 0, 0, 0, 0]


def test_a_file_stands_in_the_place_of_events_and_makes_history(tenant):
    row = made()
    assert selectors.newest(row)[0].state == "refused"
    today = timezone.now().date()
    days = [("", today - timedelta(days=n), 20.0 + 10 * ((today - timedelta(days=n)).weekday() > 4))
            for n in range(60, 0, -1)]  # fmt: skip
    services.take(row, days)
    make.run_jobs(but=())
    told = selectors.newest(selectors.one(row.pk))[0]
    assert told.state == "done"
    assert len(told.points) == 14
    weekend = [p[1] for p in told.points if date.fromisoformat(p[0]).weekday() > 4]
    assert all(25 < value < 35 for value in weekend)


def test_from_events_to_a_fan_with_baseline_and_back_test(tenant, client):
    orders()
    row = made()
    told = selectors.newest(row)[0]
    first = date.fromisoformat(told.points[0][0])
    assert first == timezone.now().date()
    for _, mean, low, high, lower, higher, baseline in told.points:
        assert lower <= low <= mean <= high <= higher
        assert baseline > 0
    best = {t["model"]: t["mase"] for t in told.trials}
    assert best[told.model] <= best["seasonal_naive"]
    assert {"median", "naive", "seasonal_naive"} <= set(best)
    client.force_login(tenant.owner)
    page = client.get(f"/w/{tenant.slug}/forecasts/{row.pk}").content.decode()
    for words in ("Tried on its own past", "Ledger", "As a season ago (baseline)", "chosen"):
        assert words in page
    assert "Orders" in client.get(f"/w/{tenant.slug}/forecasts/").content.decode()


@pytest.mark.parametrize("by", ["category", "channel"])
def test_parts_add_up_to_the_whole(tenant, by):
    orders()
    lines = selectors.newest(made(by=by))
    assert [line.key for line in lines if not line.key] == [""]
    assert len(lines) == 3
    for h in range(14):
        assert sum(line.points[h][1] for line in lines if line.key) == pytest.approx(
            lines[0].points[h][1], abs=0.05
        )


def test_the_ledger_checks_each_period_once_and_a_model_that_fails_is_barred(tenant):
    orders()
    row = made()
    told = selectors.newest(row)[0]
    Forecast.objects.filter(pk=told.pk).update(  # as if it had been made three weeks ago, and wrong
        at=timezone.now() - timedelta(days=21),
        points=[[(date.fromisoformat(p[0]) - timedelta(days=20)).isoformat(), 1.0, 0.5, 1.5, 0.2,
                 1.8, 1.0] for p in told.points])  # fmt: skip
    services.ask(row)
    make.run_jobs(but=())
    checks = list(selectors.checks(row))
    assert len(checks) == 14
    assert not any(c.inside80 for c in checks)
    row = selectors.one(row.pk)
    assert list(row.barred) == [told.model]
    assert selectors.newest(row)[0].model != told.model
    services.ask(row)
    make.run_jobs(but=())
    assert ForecastCheck.objects.count() == 14


def test_a_model_is_barred_by_more_than_chance_and_freed_when_it_covers():
    day = date(2026, 11, 30)
    seen = [Covering("a", 14, 20, day), Covering("b", 8, 20, day), Covering("c", 0, 5, day)]
    assert ledger.barred(seen, {"c": "2026-01-01"}) == {"b": "2026-11-30", "c": "2026-01-01"}
    assert ledger.barred([Covering("b", 17, 20, day)], {"b": "2026-11-30"}) == {}


def test_too_little_is_said_with_what_helps(tenant):
    make.record(make.track("u1", "Order Completed"))
    told = selectors.newest(made())[0]
    assert told.state == "refused"
    assert "0 whole periods are known" in told.reason or "Only" in told.reason
    assert "Bring in history" in told.reason


def test_a_series_of_three_points_has_no_interval(tenant):
    row = made()
    today = timezone.now().date()
    services.take(row, [("", today - timedelta(days=n), float(n)) for n in (3, 2, 1)])
    make.run_jobs(but=())
    told = selectors.newest(row)[0]
    assert (told.state, told.model) == ("done", "naive")
    assert told.points[0][1:] == [1.0, None, None, None, None, 1.0]
    assert "Too little is known for an interval" in told.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [("when,much\n2026-01-05,1", "names the columns"),
     ("day,value\n2026-01-05,1\n2026-01-05,2", "stands twice"),
     ("day,value\n2026-01-05,12 EUR", "has a currency"), ("day,value\n2026-01-05,€12", "currency"),
     ("day,value\n2026-01-05,many", "is no number"), ("day,value\n5.13.2026,1", "is no day"),
     ('day,value\n2026-01-05,"1\n' + "2026-01-06,1\n" * 20_000, "A quote is not closed")],
)  # fmt: skip
def test_a_file_that_cannot_be_believed_is_refused_in_words(text, reason):
    told = [r for r in tables.read(text.splitlines(keepends=True))
            if isinstance(r, tables.Refused)]  # fmt: skip
    assert len(told) == 1
    assert reason in str(told[0].reason)


def test_what_is_negative_is_said_and_counts_as_zero(tenant):
    row = made()
    today = timezone.now().date()
    services.take(row, [("", today - timedelta(days=n), -5.0 if n == 4 else 9.0)
                        for n in range(20, 0, -1)])  # fmt: skip
    make.run_jobs(but=())
    told = selectors.newest(row)[0]
    assert "1 period was below 0" in str(task.values.of(selectors.one(row.pk), today).notes[0])
    assert min(v for _, v in told.history) == 0


def test_pages_take_a_file_and_refuse_a_bad_one(tenant, client):
    client.force_login(tenant.owner)
    make.metric("orders", kind="count")
    base = f"/w/{tenant.slug}/forecasts/"
    assert "No forecasts yet" in client.get(base).content.decode()
    posted = {"name": "Orders", "metric": "orders", "grain": "week", "by": "", "horizon": ""}
    page = client.post(f"{base}new", posted).headers["Location"]
    row = Series.objects.get()
    assert (row.grain, row.horizon) == ("week", 13)
    good = SimpleUploadedFile("h.csv", b"day;value\n2026-01-05;1.234,5\n")
    assert client.post(f"{page}/history", {"file": good}).status_code == 302
    bad = SimpleUploadedFile("h.csv", b"day,value\nx,1\n")
    refused = client.post(f"{page}/history", {"file": bad})
    assert refused.status_code == 422
    assert "Line 2" in refused.content.decode()
    binary = SimpleUploadedFile("h.csv", b"day,key,value\n2026-01-05,a\x00b,1\n")
    assert client.post(f"{page}/history", {"file": binary}).status_code == 422
    assert row.days.get().value == 1234.5
    with pytest.raises(Invalid, match="from 1 to 53"):
        services.create(name="Far", metric=row.metric, grain="week", by="", horizon=80)


def test_a_forecast_is_refreshed_daily_and_not_while_it_is_paused(tenant):
    orders(20)
    row = made()
    refresh_due()
    assert row.job.kind == "insights.fit_series"
    assert Forecast.objects.count() == 1
    Forecast.objects.update(at=timezone.now() - timedelta(hours=25))
    refresh_due()
    make.run_jobs(but=())
    assert Forecast.objects.count() == 2
    services.pause(selectors.one(row.pk))
    Forecast.objects.update(at=timezone.now() - timedelta(hours=50))
    refresh_due()
    with pytest.raises(Conflict, match="paused"):
        services.ask(selectors.one(row.pk))


def test_the_api_reads_questions_answers_and_ledger(tenant, client):
    orders(20)
    row = made()
    key = {"HTTP_AUTHORIZATION": f"Bearer {make.key(tenant, 'insights.view')}"}
    assert client.get(f"/v1/series/{row.pk}", **key).json()["grain"] == "day"
    found = client.get("/v1/forecasts", **key).json()["results"]
    assert found[0]["series_id"] == str(row.pk)
    assert client.get("/v1/forecast-checks", **key).json()["results"] == []
    assert datetime.fromisoformat(found[0]["at"])


def test_where_a_file_names_parts_events_of_those_days_add_none(tenant):
    orders(20)
    row = Series(name="x", metric=make.metric("orders", kind="count"), grain="day", by="category")
    row.save()
    today = timezone.now().date()
    days = [today - timedelta(days=n) for n in range(20, 0, -1)]
    rows = [
        (key, day, value) for day in days for key, value in (("", 7.0), ("tea", 5.0), ("cups", 2.0))
    ]
    services.take(row, rows)
    found = values.of(row, today)
    assert set(found.parts) == {"tea", "cups"}
    assert sum(found.parts.values()).tolist() == found.whole.tolist() == [7.0] * 20


def test_periods_that_an_occasion_falls_into():
    first = date(2026, 11, 2)
    known = [
        ("Sale", date(2026, 11, 6), date(2026, 11, 9)),
        ("Sale", date(2026, 12, 25), date(2027, 1, 2)),
    ]
    assert periods.marked(first, 10, "day", known) == {"Sale": [4, 5, 6, 7]}
    assert periods.marked(first, 9, "week", known) == {"Sale": [0, 1, 7, 8]}
    assert periods.marked(date(2026, 11, 1), 3, "month", known) == {"Sale": [0, 1, 2]}


def test_known_days_of_the_past_tell_what_the_next_one_does(tenant):
    row = made()
    today, rng = timezone.now().date(), random.Random(4)
    sales = [today - timedelta(days=n) for n in (80, 59, 31)]
    days = [("", today - timedelta(days=n), (100 + rng.randint(-6, 6))
             * (2.5 if today - timedelta(days=n) in sales else 1)) for n in range(120, 0, -1)]  # fmt: skip
    services.take(row, days)
    ahead = today + timedelta(days=5)
    for day in (*sales, ahead):
        services.add_occasion(name="Sale", first=day, last=day)
    make.run_jobs(but=())
    told = selectors.newest(selectors.one(row.pk))[0]
    by_day = {p[0]: p[1] for p in told.points}
    usual = by_day[(today + timedelta(days=4)).isoformat()]
    assert by_day[ahead.isoformat()] / usual == pytest.approx(2.0, abs=0.3)
    assert 90 < usual < 110
    assert "“Sale” multiplies a period by" in " ".join(str(restored(n)) for n in told.notes)
    with pytest.raises(Invalid, match="begins on that day already"):
        services.add_occasion(name="Sale", first=ahead, last=ahead)
    with pytest.raises(Invalid, match="ends before it begins"):
        services.add_occasion(name="Odd", first=ahead, last=today)


def test_the_page_of_known_days(tenant, client):
    base = f"/w/{tenant.slug}/forecasts/occasions"
    client.force_login(make.member(tenant, "agent"))
    assert "No known days yet" in client.get(base).content.decode()
    posted = {"name": "Black Friday", "first": "2026-11-27", "last": "2026-11-30"}
    assert client.post(base, posted).status_code == 403
    client.force_login(tenant.owner)
    assert client.post(base, posted).status_code == 302
    assert "Black Friday" in client.get(base).content.decode()
    client.post(f"{base}/{Occasion.objects.get().pk}/remove")
    assert not Occasion.objects.exists()
