"""Looking at what is watched, and saying when a figure leaves what is usual."""

from __future__ import annotations

import math
import uuid
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import F

from attune.kernel import live
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from campaigns.decisions.models import Metric
from insights.alerts import daily, metrics, telling, watching
from insights.alerts.models import Alert, Watch
from insights.alerts.watching import Verdict, Week
from insights.findings import measures
from insights.forecasts.values import zone
from insights.sources.models import Document
from tenants.models import Tenant

WEEKS, EVERY_HOURS = 8, 6
QUIET_DAYS = 14  # a metric that moved one way is not said to move so again


def due(now: datetime) -> bool:
    old = now - timedelta(hours=EVERY_HOURS)
    unchecked = Watch.objects.filter(checked_at=None).exists()
    return unchecked or Watch.objects.filter(checked_at__lt=old).exists()


def watched() -> list[uuid.UUID]:
    """What is to be looked at, the one that was looked at longest ago first."""
    rows = Watch.objects.order_by(F("checked_at").asc(nulls_first=True), "id")
    return list(rows.values_list("pk", flat=True))


def check(*, now: datetime) -> list[Alert]:
    """Look at every figure that is watched; the alerts that are new."""
    found = [check_one(pk, now) for pk in watched()]
    return [alert for alert in found if alert is not None]


def check_one(pk: uuid.UUID, now: datetime) -> Alert | None:
    """Look at one; its alert where that is new, with all who are told of it."""
    row = Watch.objects.select_for_update().filter(pk=pk).first()  # one look at a time
    if row is None:
        return None
    alert = by_day(row, now) if row.daily else by_week(row, now)
    if alert is not None:
        telling.tell(alert)
        live.push(current_tenant(), "alerts")
    return alert


def by_week(row: Watch, now: datetime) -> Alert | None:
    """Of texts: this week against whole weeks before."""
    verdict, n = judge(row, now)
    Watch.objects.filter(pk=row.pk).update(checked_at=now, seen=_seen(verdict, n))
    if (verdict is None or not verdict.moved) and came_late(now):
        verdict, n = judge(row, now - timedelta(days=7))  # a file of last week came today
    recent = row.alerts.filter(at__gt=now - timedelta(days=7)).exists()
    if verdict is None or recent or not _wanted(row, verdict.moved, now):
        return None
    return Alert.objects.create(
        watch=row, at=now, moved=verdict.moved, value=verdict.value, usual=verdict.usual,
        low=verdict.low, high=verdict.high, n=n, told=_told(row, verdict),
    )  # fmt: skip


def by_day(row: Watch, now: datetime) -> Alert | None:
    """Of a metric: the last day that is over, or the week until it, against the days before."""
    today = now.astimezone(zone()).date()
    line = metrics.line(row, today)
    verdict = line.judged(row.least) if line is not None else None
    n = round(float(line.counts[-verdict.days :].sum())) if line and verdict else 0
    Watch.objects.filter(pk=row.pk).update(checked_at=now, seen=_seen_day(verdict, n, today))
    if line is None or verdict is None or not _wanted(row, verdict.moved, now):
        return None
    since = line.last - timedelta(days=QUIET_DAYS)
    again = row.alerts.filter(day__gt=since, moved=verdict.moved)
    if again.exists() or row.alerts.filter(day=line.last).exists():
        return None
    return Alert.objects.create(
        watch=row, at=now, day=line.last, days=verdict.days, moved=verdict.moved,
        value=verdict.value, usual=verdict.usual, low=verdict.low, high=verdict.high, n=n,
        slices=metrics.slices(row, line, verdict), told=_told_day(row, verdict, line.last),
    )  # fmt: skip


def _wanted(row: Watch, moved: str, now: datetime) -> bool:
    muted = row.muted_until is not None and row.muted_until > now
    return bool(moved) and not muted and row.direction in {"both", moved}


def _seen_day(verdict: daily.Verdict | None, n: int, today: date) -> dict[str, Any]:
    if verdict is None:
        return {}
    return {"value": verdict.value, "low": verdict.low, "high": verdict.high, "n": n,
            "day": (today - timedelta(days=1)).isoformat(), "days": verdict.days}  # fmt: skip


def _told_day(row: Watch, verdict: daily.Verdict, day: date) -> Phrase:
    value, usual = (_written(row, v) for v in (verdict.value, verdict.usual))
    values = {"label": row.label, "value": value, "usual": usual, "day": day.isoformat()}
    if verdict.days == 1:
        return say("“%(label)s” on %(day)s: %(value)s, usually %(usual)s.", **values)
    return say("“%(label)s” in the seven days until %(day)s: %(value)s, usually %(usual)s.",
               **values)  # fmt: skip


def _written(row: Watch, value: float) -> str:
    """A value in its unit."""
    if row.figure == Watch.Figure.RATIO:
        return f"{value:.1%}"
    (metric,) = metrics.metrics_of(row)
    unit = Tenant.objects.get(pk=current_tenant()).currency
    return f"{value:,.0f} {unit}" if metric.kind == Metric.Kind.VALUE else f"{value:,.0f}"


def came_late(now: datetime) -> bool:
    """Whether texts of the week before this one came in since the last looks."""
    week = now - timedelta(days=7)
    rows = Document.objects.filter(created_at__gte=now - timedelta(hours=2 * EVERY_HOURS))
    return rows.filter(at__lt=week, at__gte=week - timedelta(days=7)).exists()


def _seen(verdict: Verdict | None, n: int) -> dict[str, Any]:
    if verdict is None:
        return {}
    high = verdict.high if math.isfinite(verdict.high) else verdict.value
    return {"value": verdict.value, "low": verdict.low, "high": high, "n": n}


def judge(row: Watch, now: datetime) -> tuple[Verdict | None, int]:
    """This week of a figure against those before, and how many texts stand behind it. With a year
    of texts the same weeks of last year stand for what is usual."""
    weeks = [_week(row, now - timedelta(days=7 * n)) for n in range(WEEKS + 1)]
    before = weeks[1:]
    year = [_week(row, now - timedelta(days=364 + 7 * n)) for n in (-2, -1, 0, 1, 2)]
    if min(w.whole for w in year) >= watching.LEAST_TEXTS:
        before = year
    if row.figure == Watch.Figure.VOLUME:
        return watching.volume(weeks[0].whole, [w.whole for w in before]), round(weeks[0].whole)
    return watching.share(weeks[0], before), round(weeks[0].whole)


def _week(row: Watch, end: datetime) -> Week:
    kind = "feeling" if row.figure == Watch.Figure.VOLUME else row.figure
    found = measures.share(kind, row.about, end - timedelta(days=7), end)
    return Week(found.part, found.whole)


def _told(row: Watch, verdict: Verdict) -> Phrase:
    values: dict[str, Any] = {"label": row.label}
    if row.figure == Watch.Figure.VOLUME:
        return say("Texts written: %(value)s this week, usually %(usual)s.",
                   value=f"{verdict.value:.0f}", usual=f"{verdict.usual:.0f}")  # fmt: skip
    values |= {"value": f"{verdict.value:.0%}", "usual": f"{verdict.usual:.0%}"}
    if row.figure == Watch.Figure.TOPIC:
        return say("Texts about “%(label)s”: %(value)s this week, usually %(usual)s.", **values)
    if row.figure == Watch.Figure.FEATURE:
        return say(
            "Mentions against “%(label)s”: %(value)s this week, usually %(usual)s.", **values
        )
    return say("Negative texts: %(value)s this week, usually %(usual)s.", **values)
