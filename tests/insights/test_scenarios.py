"""If we spend otherwise; public holidays as known days; files that do not add up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from django.utils import timezone

from attune.kernel.errors import Invalid
from campaigns.budget.curves import Curves
from campaigns.budget.models import Mix, MixFit
from campaigns.contacts.models import Event
from insights.forecasts import calendars, scenarios, selectors, services
from insights.forecasts import values as reading
from insights.forecasts.models import Forecast, Occasion, Series
from tests import make


def believed(metric, **more) -> MixFit:
    """Two channels, known exactly but for the second's effect: with u a week they bring 100 u /
    (100 + u) and 0 or 200 u / (100 + u)."""
    mix = Mix.objects.create(name="Shop", outcome=metric)
    curves = Curves(("Radio", "Search"), np.full((200, 2), 100.0),
                    np.stack([np.full(200, 100.0), np.tile([0.0, 200.0], 100)], 1))  # fmt: skip
    channels = [{"name": name, "now": 100.0, "largest": 200.0} for name in curves.channels]
    return MixFit.objects.create(mix=mix, at=timezone.now(), state="done", curves=curves.stored(),
                                 results={"channels": channels}, **more)  # fmt: skip


def foretold(metric, grain: str = "day") -> Forecast:
    row = Series.objects.create(name=f"By {grain}", metric=metric, grain=grain, horizon=2)
    points = [["2026-02-01", 50.0, 40.0, 60.0, 30.0, 70.0, 50.0],
              ["2026-02-02", 50.0, 40.0, 60.0, 30.0, 70.0, 50.0]]  # fmt: skip
    if grain == "month":
        points[1][0] = "2026-03-01"
    return Forecast.objects.create(series=row, at=timezone.now(), state="done", points=points,
                                   history=[["2026-01-31", 48.0]])  # fmt: skip


def test_other_money_moves_a_forecast_by_its_share_of_a_week(tenant):
    metric = make.metric("revenue", kind="value")
    believed(metric)
    told = foretold(metric)
    by = scenarios.money(told.series)
    same = scenarios.outlook(told, by, [100, 100], "day")
    assert [p[:3] for p in same.points] == [p[:3] for p in told.points]
    assert (same.more.value, same.cost, same.sure) == (0, 0, 0)
    radio = scenarios.outlook(told, by, [300, 100], "day")  # 75 in the place of 50 a week
    assert radio.points[0][1] == pytest.approx(50 + 25 / 7)
    assert radio.points[0][2] == pytest.approx(40 + 25 / 7)  # nothing is unsure about it
    assert radio.more.value == pytest.approx(25 * 2 / 7)
    assert (radio.cost, radio.sure) == (pytest.approx(200 * 2 / 7), 1.0)
    search = scenarios.outlook(told, by, [100, 300], "day")  # 0 or 50 more a week
    assert search.points[0][1] == pytest.approx(50 + 25 / 7)
    wide = np.hypot(10, scenarios.Z80 * 25 / 7)
    assert search.points[0][2] == pytest.approx(50 + 25 / 7 - wide)
    assert search.sure == 0.5
    months = scenarios.outlook(foretold(metric, "month"), by, [300, 100], "month")
    assert months.points[0][1] == pytest.approx(50 + 25 * 28 / 7)
    assert months.points[1][1] == pytest.approx(50 + 25 * 31 / 7)


def test_the_page_asks_a_budget_that_may_be_believed(tenant, client):
    client.force_login(tenant.owner)
    metric = make.metric("revenue", kind="value")
    told = foretold(metric)
    page = f"/w/{tenant.slug}/forecasts/{told.series_id}/scenario"
    assert "No budget tells what money does" in client.get(page).content.decode()
    believed(metric, findings=[{"level": "hold", "channel": "Search", "key": "x", "told": "x"}])
    form = client.get(page).content.decode()
    assert "Held: its curve is not known well enough." in form
    moved = client.get(page, {"spend-0": "300", "spend-1": "900"}).content.decode()
    assert "+7 EUR in the time foretold" in moved  # the held one stays as it is
    assert "-50 EUR after it" in moved
    alone = client.get(page, {"spend-0": "300"}).content.decode()  # a browser sends no held field
    assert "+7 EUR in the time foretold" in alone
    same = client.get(page, {"spend-0": "100"}).content.decode()
    assert "Nothing changes" in same
    wrong = client.get(page, {"spend-0": "-1"})
    assert wrong.status_code == 422
    MixFit.objects.update(state="refused")
    assert "No budget tells" in client.get(page).content.decode()


def test_public_holidays_become_known_days(tenant, client):
    today = date(2026, 11, 30)
    n = services.add_holidays(country="DE", today=today)
    assert n == Occasion.objects.count() > 45
    assert Occasion.objects.filter(first=date(2025, 12, 25)).count() == 1
    years = {day.year for day in Occasion.objects.values_list("first", flat=True)}
    assert years == {2023, 2024, 2025, 2026, 2027, 2028}
    assert services.add_holidays(country="DE", today=today) == 0  # none twice
    near = selectors.by_nearness(today)
    assert [o.first for o in near[:1]] == [date(2026, 12, 25)]
    assert near[-1].first.year == 2023
    with pytest.raises(Invalid, match="country of the list"):
        services.add_holidays(country="XX", today=today)
    assert dict(calendars.countries())["DE"] == "Germany (DE)"
    client.force_login(tenant.owner)
    base = f"/w/{tenant.slug}/forecasts/occasions"
    assert "Germany (DE)" in client.get(base).content.decode()
    assert client.post(f"{base}/holidays", {"country": "GB"}).status_code == 302
    assert client.post(f"{base}/holidays", {"country": "nowhere"}).status_code == 422


def test_a_file_whose_parts_do_not_add_up_is_said(tenant):
    metric = make.metric("revenue", kind="value")
    row = Series.objects.create(name="Parts", metric=metric, grain="day", by="category")
    today = timezone.now().date()
    days = [today - timedelta(days=n) for n in range(12, 0, -1)]
    rows = [(key, day, value) for n, day in enumerate(days)
            for key, value in (("", 10.0), ("tea", 6.0), ("cups", 9.0 if n < 2 else 4.0))]  # fmt: skip
    services.take(row, rows)
    notes = [str(note) for note in reading.of(row, today).notes]
    assert next(n for n in notes if "do not add up" in n).startswith("In 2 periods")
    services.take(row, [("cups", day, 4.0) for day in days])
    assert not [n for n in reading.of(row, today).notes if "add up" in str(n)]


def test_each_number_opens_the_events_behind_it(tenant, client):
    client.force_login(tenant.owner)
    person = make.contact("u1", email="ada@example.com")
    metric = make.metric("orders", kind="count")
    row = Series.objects.create(name="By week", metric=metric, grain="week", by="category")
    monday = date(2026, 11, 16)
    for n, (day, key) in enumerate([(16, "tea"), (22, "tea"), (18, "cups"), (23, "tea")]):
        Event.objects.create(message_id=f"b{n}", type="track", name="Order Completed",
                             contact=person, category=key, value_cents=100 * n,
                             at=datetime(2026, 11, day, 12, tzinfo=UTC))  # fmt: skip
    assert selectors.behind(row, monday).count() == 3
    assert selectors.behind(row, monday, "tea").count() == 2
    page = f"/w/{tenant.slug}/forecasts/{row.pk}/behind"
    told = client.get(f"{page}?day=2026-11-19&part=tea").content.decode()  # any day of the week
    assert told.count("Order Completed") == 2
    assert "2026-11-16 – 2026-11-22" in told
    assert "ada@example.com" in told or str(person) in told
    assert client.get(f"{page}?day=nonsense").status_code == 422
    assert client.get(f"{page}?day=9999-12-31").status_code == 422
    assert client.get(page).status_code == 200
    services.take(row, [("", monday, 9.0)])
    assert (
        "A file says what this period came to"
        in client.get(f"{page}?day=2026-11-16").content.decode()
    )
