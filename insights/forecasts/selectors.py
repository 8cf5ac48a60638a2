"""Reading series, their forecasts and the ledger."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date

from django.db import connection
from django.db.models import QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.contacts.models import Event
from insights.forecasts import periods
from insights.forecasts.ledger import Covering
from insights.forecasts.models import Forecast, ForecastCheck, Occasion, Series, SeriesDay
from insights.forecasts.values import counted

NEWEST = 60  # checks of a model that are looked at
# One check a period and model: of the forecast made last before it, so that no period counts twice.
COVERING_SQL = """
WITH once AS (
  SELECT DISTINCT ON (f.model, f.key, c.period) f.model, c.period, c.inside80
  FROM forecast_check c JOIN forecast f ON f.tenant_id = c.tenant_id AND f.id = c.forecast_id
  WHERE c.tenant_id = %(tenant)s AND f.series_id = %(series)s
  ORDER BY f.model, f.key, c.period, c.ahead),
ranked AS (
  SELECT model, period, inside80, row_number() OVER (PARTITION BY model ORDER BY period DESC) AS n
  FROM once)
SELECT model, count(*) FILTER (WHERE inside80), count(*), max(period) FROM ranked
WHERE n <= %(newest)s GROUP BY model ORDER BY model"""


def series(*, q: str = "", state: str = "") -> QuerySet[Series]:
    rows = Series.objects.select_related("metric", "job").order_by("name")
    rows = rows.filter(name__icontains=q) if q else rows
    return rows.filter(state=state) if state else rows


def one(series_id: uuid.UUID | str) -> Series:
    row = series().filter(pk=series_id).first()
    if row is None:
        raise NotFound(say("There is no such forecast in this workspace."))
    return row


def active() -> QuerySet[Series]:
    return series().filter(state=Series.State.ACTIVE)


def newest(of: Series) -> list[Forecast]:
    """The newest answer: the whole first, then its parts by size; of a refusal that row alone."""
    last = Forecast.objects.filter(series=of).order_by("-at", "-id").first()
    if last is None:
        return []
    rows = list(Forecast.objects.filter(series=of, at=last.at))
    return sorted(rows, key=lambda row: (row.key != "", -sum(p[1] for p in row.points)))


def newest_of(of: Sequence[Series]) -> dict[uuid.UUID, Forecast]:
    """The newest answer of the whole of each."""
    rows = Forecast.objects.filter(series__in=list(of), key="").order_by("series_id", "-at", "-id")
    return {row.series_id: row for row in rows.distinct("series_id")}


def unchecked(of: Series) -> list[Forecast]:
    """Forecasts some of whose periods may be over and not checked yet: the newest hundred."""
    rows = Forecast.objects.filter(series=of, state=Forecast.State.DONE).order_by("-at", "-id")
    return list(rows[:100])


def covering(of: Series) -> list[Covering]:
    """How well each model covered lately."""
    with connection.cursor() as cursor:
        cursor.execute(COVERING_SQL, {
            "tenant": current_tenant(), "series": of.pk, "newest": NEWEST,
        })  # fmt: skip
        return [Covering(model, inside, n, last) for model, inside, n, last in cursor.fetchall()]


def behind(of: Series, first: date, key: str = "") -> QuerySet[Event]:
    """The events that a period of a series counted, the newest first; of a part (a category, a
    channel) its own. Parts that are more than a column of the event show the whole."""
    rows = counted(of.metric, first, periods.after(first, of.grain))
    if key and of.by == Series.By.CATEGORY:
        rows = rows.filter(category=key)
    if key and of.by == Series.By.SEGMENT:
        rows = rows.filter(contact__memberships__segment__name=key,
                           contact__memberships__left_at=None)  # fmt: skip
    return rows


def filed(of: Series, first: date) -> bool:
    """Whether a file said something of the period."""
    days = SeriesDay.objects.filter(series=of, day__gte=first)
    return days.filter(day__lt=periods.after(first, of.grain)).exists()


def occasions() -> QuerySet[Occasion]:
    return Occasion.objects.order_by("-first", "name")


def by_nearness(today: date) -> list[Occasion]:
    """Days that are known, the next one first; then those of the past, the newest first."""
    rows = list(occasions())
    coming = [row for row in rows if row.last >= today]
    return [*reversed(coming), *(row for row in rows if row.last < today)]


def occasion(occasion_id: uuid.UUID | str) -> Occasion:
    row = occasions().filter(pk=occasion_id).first()
    if row is None:
        raise NotFound(say("There is no such occasion in this workspace."))
    return row


def checks(of: Series, key: str = "") -> QuerySet[ForecastCheck]:
    """The ledger of a line, the newest period first, one step ahead before more."""
    rows = ForecastCheck.objects.filter(forecast__series=of, forecast__key=key)
    return rows.select_related("forecast").order_by("-period", "ahead")
