"""Forecasts: ask a question, bring in history, keep what was foretold, check it, bar what fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.phrases import Phrase, say
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from campaigns.decisions.models import Metric
from insights.forecasts import calendars, ledger, selectors
from insights.forecasts.jobs import FIT_SERIES, FitSeries
from insights.forecasts.models import Forecast, ForecastCheck, Occasion, Series
from insights.forecasts.values import Values

MACHINE = Machine("series", {("active", "pause"): "paused", ("paused", "resume"): "active"})
MOST_AHEAD = {"day": 92, "week": 53, "month": 24}
LONGEST = 60  # days of an occasion
USUAL_AHEAD = {"day": 28, "week": 13, "month": 12}
DAY_SQL = """
INSERT INTO series_day (id, tenant_id, series_id, key, day, value)
SELECT gen_random_uuid(), %(tenant)s, %(series)s, n.key, n.day, n.value
FROM unnest(%(keys)s::text[], %(days)s::date[], %(values)s::float8[]) AS n(key, day, value)
ON CONFLICT (tenant_id, series_id, key, day) DO UPDATE SET value = EXCLUDED.value"""


@dataclass(frozen=True, slots=True)
class Told:
    """A forecast as an engine made it, for `keep`: points are (first day, mean, four bounds,
    baseline)."""

    key: str
    label: str
    model: str
    points: list[list[Any]]
    trials: list[dict[str, Any]]
    history: list[list[Any]]


def create(*, name: str, metric: Metric, grain: str, by: str, horizon: int | None) -> Series:
    """A question; it is answered soon. Raises Invalid with every mistake."""
    errors = []
    if not name.strip():
        errors.append(FieldError("name", say("Give the forecast a name.")))
    if grain not in Series.Grain.values:
        errors.append(FieldError("grain", say("Choose day, week or month.")))
    if by not in Series.By.values:
        errors.append(FieldError("by", say("Choose one of the parts.")))
    most = MOST_AHEAD.get(grain, 0)
    ahead = horizon or USUAL_AHEAD.get(grain, 1)
    if not errors and not 1 <= ahead <= most:
        told = say("Give a whole number from %(low)s to %(high)s.", low=1, high=most)
        errors.append(FieldError("horizon", told))
    if errors:
        raise Invalid(errors)
    try:
        with transaction.atomic():
            row = Series.objects.create(
                name=name.strip()[:120], metric=metric, grain=grain, by=by, horizon=ahead
            )
    except IntegrityError as clash:
        raise Invalid.one("name", say("A forecast has this name already.")) from clash
    audit.record("forecasts.create", row, metric=metric.key, grain=grain, by=by)
    ask(row)
    return row


def ask(row: Series) -> None:
    """Answer it anew soon. Raises Conflict where it is paused."""
    if row.state != Series.State.ACTIVE:
        raise Conflict(say("The forecast is paused; resume it first."))
    job = FIT_SERIES.enqueue(FitSeries(row.pk), dedupe_key=str(row.pk))
    if job is not None:
        Series.objects.filter(pk=row.pk).update(job=job)
    tell(row)


def pause(row: Series) -> None:
    advance(MACHINE, row, "pause")
    tell(row)


def resume(row: Series) -> None:
    advance(MACHINE, row, "resume")
    ask(row)


def take(row: Series, days: Sequence[tuple[str, date, float]]) -> int:
    """History (key, day, value); a day that is there already gets the new value. Then the question
    is answered anew."""
    kept = {(key, day): float(value) for key, day, value in days}
    if not kept:
        raise Invalid.one("file", say("The file holds no value."))
    with connection.cursor() as cursor:
        cursor.execute(DAY_SQL, {
            "tenant": current_tenant(), "series": row.pk, "keys": [k for k, _ in kept],
            "days": [d for _, d in kept], "values": list(kept.values()),
        })  # fmt: skip
    audit.record("forecasts.bring_in", row, days=len(kept))
    ask(row)
    return len(kept)


def add_occasion(*, name: str, first: date, last: date) -> Occasion:
    """Days known before; every forecast is told anew with them. Raises Invalid with every
    mistake."""
    errors = []
    if not name.strip():
        errors.append(FieldError("name", say("Give the occasion a name.")))
    if last < first:
        errors.append(FieldError("last", say("It ends before it begins.")))
    elif (last - first).days > LONGEST:
        errors.append(FieldError("last", say("An occasion lasts up to %(n)s days.", n=LONGEST)))
    if errors:
        raise Invalid(errors)
    try:
        with transaction.atomic():
            row = Occasion.objects.create(name=name.strip()[:80], first=first, last=last)
    except IntegrityError as clash:
        told = say("“%(name)s” begins on that day already.", name=name.strip())
        raise Invalid.one("first", told) from clash
    audit.record("forecasts.add_occasion", row, first=str(first), last=str(last))
    _ask_all()
    return row


def add_holidays(*, country: str, today: date) -> int:
    """The public holidays of a country as known days, of three years back and two ahead; days
    that are known already stay as they are. How many are new."""
    try:
        found = calendars.days(country, today)
    except ValueError as unknown:
        raise Invalid.one("country", say("Choose a country of the list.")) from unknown
    if not found:
        raise Invalid.one("country", say("No public holidays are known of this country."))
    spans = list(Occasion.objects.values_list("first", "last"))
    rows = [
        Occasion(name=name, first=day, last=day) for day, name in sorted(found.items())
        if not any(first <= day <= last for first, last in spans)
    ]  # fmt: skip
    Occasion.objects.bulk_create(rows, ignore_conflicts=True)
    made = len(rows)
    audit.record("forecasts.add_holidays", None, country=country, days=made)
    _ask_all()
    return made


def remove_occasion(row: Occasion) -> None:
    audit.record("forecasts.remove_occasion", row, name=row.name)
    row.delete()
    _ask_all()


def _ask_all() -> None:
    for series in selectors.active():
        ask(series)


def refuse(row: Series, now: datetime, why: Phrase) -> None:
    Forecast.objects.create(series=row, at=now, state=Forecast.State.REFUSED, reason=why)
    tell(row)


def keep(
    row: Series, now: datetime, told: Sequence[Told], notes: Sequence[Phrase], why: Phrase
) -> None:
    """Keep what was foretold of the whole and of its parts."""
    said = [note.stored() for note in notes]
    Forecast.objects.bulk_create(
        Forecast(
            series=row, key=one.key, label=one.label[:160], at=now, origin=one.points[0][0],
            state=Forecast.State.DONE, reason=why, model=one.model, points=one.points,
            trials=one.trials, history=one.history, notes=said,
        )
        for one in told
    )  # fmt: skip
    audit.record("forecasts.fit", row, lines=len(told))
    tell(row)


def check(row: Series, values: Values) -> int:
    """Hold what was foretold against what came; a period once for each forecast. Models that
    stopped covering are barred until they cover again."""
    rows = [
        ForecastCheck(forecast=forecast, **asked)
        for forecast in selectors.unchecked(row)
        for asked in ledger.checks(forecast, values)
    ]
    before = ForecastCheck.objects.filter(forecast__series=row).count()
    ForecastCheck.objects.bulk_create(rows, ignore_conflicts=True)
    made = ForecastCheck.objects.filter(forecast__series=row).count() - before
    barred = ledger.barred(selectors.covering(row), row.barred)
    if barred != row.barred:
        Series.objects.filter(pk=row.pk).update(barred=barred)
        audit.record("forecasts.bar", row, before=row.barred, after=barred)
    return made


def tell(row: Series) -> None:
    live.push(current_tenant(), "forecasts", str(row.pk))
