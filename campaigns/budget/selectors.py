"""Reading mixes, their weeks, fits and plans."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from django.db import connection
from django.db.models import Count, Max, Min, QuerySet, Sum

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.budget.models import BudgetPlan, Lift, Mix, MixDay, MixFit
from campaigns.decisions.models import Metric

_SPEND_SQL = """
SELECT date_trunc('week', day)::date, channel, sum(amount) FROM mix_day
WHERE tenant_id = %(tenant)s AND mix_id = %(mix)s GROUP BY 1, 2"""
_OUTCOME_SQL = """
SELECT date_trunc('week', e.at AT TIME ZONE 'UTC')::date,
  CASE WHEN %(money)s THEN coalesce(sum(e.value_cents), 0) / 100.0 ELSE count(*) END
FROM event e WHERE e.tenant_id = %(tenant)s AND e.name = %(event)s AND NOT e.is_machine
  AND e.at >= %(since)s AND e.at < %(until)s GROUP BY 1"""


@dataclass(frozen=True, slots=True)
class Weeks:
    """Whole weeks, oldest first: their Mondays, the channels, `spend` (T, C), `outcome` (T,)."""

    mondays: list[date]
    channels: list[str]
    spend: np.ndarray
    outcome: np.ndarray

    @property
    def digest(self) -> str:
        """SHA-256 of the data."""
        told = repr((self.mondays, self.channels, self.spend.tolist(), self.outcome.tolist()))
        return hashlib.sha256(told.encode()).hexdigest()

    def within(self, since: date, until: date) -> tuple[int, int] | None:
        """The first and the last week that two days span, of those there are; None outside."""
        first, last = self.mondays[0], len(self.mondays) - 1
        low, high = (since - first).days // 7, (until - first).days // 7
        return None if high < 0 or low > last else (max(0, low), min(last, high))


def mixes() -> QuerySet[Mix]:
    return Mix.objects.select_related("outcome", "job").order_by("name")


def mix(mix_id: uuid.UUID | str) -> Mix:
    row = mixes().filter(pk=mix_id).first()
    if row is None:
        raise NotFound(say("There is no such budget in this workspace."))
    return row


def weeks(of: Mix, today: date) -> Weeks | None:
    """The weeks with spend that are over by `today`; None where there is none. The outcome of a
    week that a file names is the file's, of the others what the events say."""
    with connection.cursor() as cursor:
        cursor.execute(_SPEND_SQL, {"tenant": current_tenant(), "mix": of.pk})
        rows = cursor.fetchall()
    over = today - timedelta(days=today.weekday())  # this week is not over
    spent = [row for row in rows if row[1] and row[0] < over]
    if not spent:
        return None
    first, last = min(r[0] for r in spent), max(r[0] for r in spent)
    mondays = [first + timedelta(days=7 * n) for n in range((last - first).days // 7 + 1)]
    channels = sorted({row[1] for row in spent})
    spend = np.zeros((len(mondays), len(channels)))
    for monday, channel, amount in spent:
        spend[(monday - first).days // 7, channels.index(channel)] = amount
    known = {row[0]: float(row[2]) for row in rows if not row[1]}
    seen = _seen(of.outcome, first, last + timedelta(days=7))
    outcome = np.array([known.get(m, seen.get(m, 0.0)) for m in mondays])
    return Weeks(mondays, channels, spend, outcome)


def total(of: Mix, since: date, until: date) -> float | None:
    """The outcome of all the weeks that a time spans; None where none of them is known."""
    seen = weeks(of, until + timedelta(days=14))
    at = seen.within(since, until) if seen is not None else None
    return None if seen is None or at is None else float(seen.outcome[at[0] : at[1] + 1].sum())


def channels(of: Mix) -> list[str]:
    """Every channel that money was spent on."""
    rows = MixDay.objects.filter(mix=of).exclude(channel="").order_by("channel")
    return list(rows.values_list("channel", flat=True).distinct())


@dataclass(frozen=True, slots=True)
class Stored:
    """What was brought in of a channel; the outcome has no name."""

    channel: str
    first: date
    last: date
    days: int
    total: float


def stored(of: Mix) -> list[Stored]:
    rows = MixDay.objects.filter(mix=of).values("channel").order_by("channel")
    rows = rows.annotate(first=Min("day"), last=Max("day"), days=Count("id"), total=Sum("amount"))
    return [Stored(**row) for row in rows]


def span(of: Mix) -> tuple[date, date] | None:
    """The first and the last day of spend."""
    found = MixDay.objects.filter(mix=of).exclude(channel="").aggregate(
        first=Min("day"), last=Max("day")
    )  # fmt: skip
    return None if found["first"] is None else (found["first"], found["last"])


def known_weeks(of: Mix, mondays: Sequence[date]) -> int:
    """Of these weeks, how many have spend of their last days: a file of a part is no week."""
    rows = MixDay.objects.filter(mix=of, day__gte=min(mondays),
                                 day__lt=max(mondays) + timedelta(days=7))  # fmt: skip
    days = set(rows.exclude(channel="").values_list("day", flat=True))
    return sum(
        any(monday + timedelta(days=n) in days for n in range(7)) and (
            len({d for d in days if monday <= d < monday + timedelta(days=7)}) == 1  # weekly rows
            or monday + timedelta(days=6) in days
        ) for monday in mondays
    )  # fmt: skip


def _seen(metric: Metric, since: date, until: date) -> dict[date, float]:
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOME_SQL, {
            "tenant": current_tenant(), "event": metric.event_name, "since": since, "until": until,
            "money": metric.kind == Metric.Kind.VALUE,
        })  # fmt: skip
        return {row[0]: float(row[1]) for row in cursor.fetchall()}


def fits(of: Mix) -> QuerySet[MixFit]:
    return MixFit.objects.filter(mix=of).order_by("-at", "-id")


def newest(of: Mix) -> MixFit | None:
    return fits(of).first()


def newest_of(of: Sequence[Mix]) -> dict[uuid.UUID, MixFit]:
    """The newest fit of each."""
    rows = MixFit.objects.filter(mix__in=list(of)).defer("curves", "results")
    rows = rows.order_by("mix_id", "-at", "-id").distinct("mix_id")
    return {row.mix_id: row for row in rows}


def usable(of: Mix) -> MixFit | None:
    """The newest fit that may be believed."""
    row = newest(of)
    return row if row is not None and row.state == MixFit.State.DONE else None


def usable_of(outcome: Metric) -> MixFit | None:
    """The newest fit that may be believed, of the budgets of this outcome."""
    rows = MixFit.objects.filter(mix__outcome=outcome).select_related("mix")
    newest_of = rows.order_by("mix_id", "-at", "-id").distinct("mix_id")
    believed = [row for row in newest_of if row.state == MixFit.State.DONE]
    return max(believed, key=lambda row: row.at, default=None)


def lifts(of: Mix) -> QuerySet[Lift]:
    return Lift.objects.filter(mix=of).order_by("since", "id")


def lift(lift_id: uuid.UUID | str) -> Lift:
    row = Lift.objects.select_related("mix").filter(pk=lift_id).first()
    if row is None:
        raise NotFound(say("There is no such lift in this workspace."))
    return row


def plans(of: Mix) -> QuerySet[BudgetPlan]:
    return BudgetPlan.objects.filter(mix=of).order_by("-starts", "-id")


def plan(plan_id: uuid.UUID | str) -> BudgetPlan:
    row = BudgetPlan.objects.select_related("mix__outcome", "fit").filter(pk=plan_id).first()
    if row is None:
        raise NotFound(say("There is no such plan in this workspace."))
    return row


def due(today: date) -> list[BudgetPlan]:
    """Adopted plans whose weeks have been over for a week: bills come late."""
    rows = BudgetPlan.objects.select_related("mix__outcome").filter(
        state=BudgetPlan.State.ADOPTED
    )  # fmt: skip
    return [p for p in rows if p.starts + timedelta(days=7 * (p.weeks + 1)) <= today]
