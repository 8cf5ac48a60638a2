"""Reading risks: the questions, their refreshes, and who may be lost."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import F, QuerySet
from django.utils import timezone

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from insights.risk import actions
from insights.risk.models import Risk, RiskRun, RiskScore

ORDERS = {
    "stake": (F("p") * F("usual")).desc(), "risk": F("p").desc(),
    "worth": F("worth").desc(nulls_last=True),
}  # fmt: skip
LEVELS = ("low", "middle", "high")
_LOW, _HIGH = actions.THIRDS
CELLS_SQL = """
SELECT (p >= %(low)s)::int + (p >= %(high)s)::int,
  (worth_rank >= %(low)s)::int + (worth_rank >= %(high)s)::int,
  count(*), sum(p * usual), sum(worth)
FROM risk_score WHERE tenant_id = %(tenant)s AND risk_id = %(risk)s AND expires_at > %(now)s
GROUP BY 1, 2"""
ACTIONS_SQL = """
SELECT action, count(*), sum(p * usual) FROM risk_score
WHERE tenant_id = %(tenant)s AND risk_id = %(risk)s AND expires_at > %(now)s GROUP BY action"""


def risks(*, q: str = "", state: str = "") -> QuerySet[Risk]:
    rows = Risk.objects.select_related("goal", "job", "win_back").order_by("name")
    rows = rows.filter(name__icontains=q) if q else rows
    return rows.filter(state=state) if state else rows


def risk(risk_id: uuid.UUID | str) -> Risk:
    row = risks().filter(pk=risk_id).first()
    if row is None:
        raise NotFound(say("There is no such risk in this workspace."))
    return row


def active() -> QuerySet[Risk]:
    return risks().filter(state=Risk.State.ACTIVE)


def runs(of: Risk) -> QuerySet[RiskRun]:
    return RiskRun.objects.filter(risk=of).order_by("-at", "-id")


def newest(of: Risk) -> RiskRun | None:
    """The last refresh that scored anybody."""
    return runs(of).filter(state=RiskRun.State.DONE).first()


def newest_of(of: Sequence[Risk]) -> dict[uuid.UUID, RiskRun]:
    """The last refresh of each, refused ones too."""
    rows = RiskRun.objects.filter(risk__in=list(of)).order_by("risk_id", "-at", "-id")
    return {row.risk_id: row for row in rows.distinct("risk_id")}


def current() -> QuerySet[RiskScore]:
    """What is told and has not expired."""
    return RiskScore.objects.filter(expires_at__gt=timezone.now())


def scores(
    of: Risk, *, risk_level: str = "", worth: str = "", action: str = "", order: str = "stake"
) -> QuerySet[RiskScore]:  # fmt: skip
    """Who may be lost: of one level of risk (low, middle, high), of worth, of one action."""
    rows = current().filter(risk=of).select_related("contact")
    rows = _third(rows, "p", risk_level)
    rows = _third(rows, "worth_rank", worth)
    rows = rows.filter(action=action) if action in RiskScore.Action.values else rows
    return rows.order_by(ORDERS.get(order, ORDERS["stake"]), "id")


def _third(rows: QuerySet[RiskScore], field: str, level: str) -> QuerySet[RiskScore]:
    if level not in LEVELS:
        return rows
    at = LEVELS.index(level)
    if at:
        rows = rows.filter(**{f"{field}__gte": actions.THIRDS[at - 1]})
    return rows.filter(**{f"{field}__lt": actions.THIRDS[at]}) if at < 2 else rows


def cells(of: Risk) -> dict[tuple[int, int], dict[str, Any]]:
    """By level of risk and of worth (0 low to 2 high): how many people, what is at stake, what they
    are worth in a year."""
    values: dict[str, Any] = {"tenant": current_tenant(), "risk": of.pk, "low": _LOW, "high": _HIGH,
                              "now": timezone.now()}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(CELLS_SQL, values)
        return {
            (row[0], row[1]): {"n": row[2], "stake": float(row[3]), "worth": float(row[4])}
            for row in cursor.fetchall()
        }


def by_action(of: Risk) -> list[dict[str, Any]]:
    """How many people each action is advised for, and what is at stake with them."""
    with connection.cursor() as cursor:
        cursor.execute(ACTIONS_SQL, {
            "tenant": current_tenant(), "risk": of.pk, "now": timezone.now(),
        })  # fmt: skip
        found = {row[0]: (row[1], float(row[2])) for row in cursor.fetchall()}
    return [
        {"action": action, "n": found[action][0], "stake": found[action][1]}
        for action in RiskScore.Action if action in found
    ]  # fmt: skip
