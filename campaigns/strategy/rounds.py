"""The decision log of a policy, and imported logs, as rounds to learn from and to judge by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson
from django.db import connection

from attune.kernel.tenancy import current_tenant
from campaigns.decisions import selectors as log
from campaigns.decisions.models import Metric
from campaigns.strategy import selectors
from campaigns.strategy.actions import Action
from campaigns.strategy.learning import Rounds
from campaigns.strategy.models import PastLog, PastRound, Policy

MOST = 200_000  # the newest rounds; what is older is left out
LOG_SQL = """
SELECT d.action, d.propensity, d.propensities, d.profile, d.contact_id, d.at, d.version, d.mode,
  d.eligible, sum(r.value)::float8, min(r.observed_at), d.context->>'group', d.shadow
FROM (SELECT * FROM decision WHERE tenant_id = %(tenant)s AND source_id = %(source)s
      AND at >= %(since)s AND at < %(until)s AND mode <> 'fallback'
      ORDER BY at DESC LIMIT %(most)s) d
LEFT JOIN reward r ON r.tenant_id = %(tenant)s AND r.decision_id = d.id
  AND r.metric_id = %(metric)s AND r.observed_at < %(until)s
GROUP BY d.id, d.action, d.propensity, d.propensities, d.profile, d.contact_id, d.at, d.version,
  d.mode, d.eligible, d.context, d.shadow
ORDER BY d.at"""


def worth(metric: Metric, value: float | None, action: Action | None) -> float:
    """The reward of a decision: the primary metric; of money, less what the action cost."""
    value = value or 0.0
    if metric.kind == Metric.Kind.CONVERSION:
        return min(value, 1.0)
    if metric.kind == Metric.Kind.VALUE and action is not None:
        value -= action.cost / 100
    return value if metric.higher_is_better else -value


@dataclass(frozen=True, slots=True)
class Logged:
    """Rounds, with when (n,), for which group and by which version each was decided, and what a
    version that watched would have done (n, K; a row of NaN: none watched)."""

    rounds: Rounds
    at: list[datetime]
    groups: np.ndarray
    versions: np.ndarray
    shadow: np.ndarray


def of_decisions(policy: Policy, *, since: datetime, until: datetime) -> Rounds:
    """The rounds of a policy's own log."""
    return logged(policy, since=since, until=until).rounds


def logged(policy: Policy, *, since: datetime, until: datetime) -> Logged:
    """The log of a policy, oldest first. Actions that went since are kept, after those in use, so
    that what was learned of the others stays right; nobody is eligible for them any more."""
    metric = log.goals(policy.pk)[0].metric
    now = selectors.actions_of(policy, selectors.constraints_in_force(policy))
    with connection.cursor() as cursor:
        cursor.execute(LOG_SQL, {
            "tenant": current_tenant(), "source": policy.pk, "since": since, "until": until,
            "metric": metric.pk, "most": MOST,
        })  # fmt: skip
        rows = cursor.fetchall()
    costs = {a.key: a for a in now}
    keys = [a.key for a in now]
    keys += sorted({row[0] for row in rows} - set(keys))
    at = {key: i for i, key in enumerate(keys)}
    shares = np.zeros((len(rows), len(keys)))
    shadow = np.full((len(rows), len(keys)), np.nan)
    eligible = np.zeros((len(rows), len(keys)), dtype=bool)
    for i, row in enumerate(rows):
        for key, p in orjson.loads(row[2]).items():
            if key in at:
                shares[i, at[key]] = p
        watched = orjson.loads(row[12]).get("propensities")
        if watched:
            shadow[i] = [watched.get(key, 0.0) for key in keys]
        for key in orjson.loads(row[8]):
            if key in costs:
                eligible[i, at[key]] = True
        if not eligible[i].any():
            eligible[i, at[row[0]]] = True
    ages = np.array([(until - row[5]).total_seconds() / 3600 for row in rows])
    delays = np.array([
        (row[10] - row[5]).total_seconds() / 3600 if row[10] is not None else np.nan for row in rows
    ])  # fmt: skip
    found = Rounds(
        tuple(keys), [orjson.loads(row[3]) for row in rows],
        np.array([at[row[0]] for row in rows], dtype=int),
        np.array([worth(metric, row[9], costs.get(row[0])) for row in rows]),
        np.array([row[1] for row in rows]), eligible,
        np.array([str(row[4]) for row in rows], dtype=object), ages,
        float(policy.window_hours), delays.astype(float), shares,
    )  # fmt: skip
    return Logged(
        found, [row[5] for row in rows], np.array([row[11] or "" for row in rows], dtype=object),
        np.array([row[6] for row in rows], dtype=int), shadow,
    )  # fmt: skip


def of_past(past: PastLog) -> Rounds:
    """The rounds of an imported log: their time is over. Of all actions the probabilities are
    known only where every line says them."""
    rows = list(
        PastRound.objects.filter(of=past).order_by("line").values_list(
            "action", "reward", "propensity", "features", "propensities", "unit", "line"
        )
    )  # fmt: skip
    keys = sorted({row[0] for row in rows} | {key for row in rows for key in row[4]})
    return _past(keys, rows)


def _past(keys: Sequence[str], rows: list[Any]) -> Rounds:
    at = {key: i for i, key in enumerate(keys)}
    n = len(rows)
    shares = None
    if n and all(row[4] for row in rows):
        shares = np.array([[row[4].get(key, 0.0) for key in keys] for row in rows])
    return Rounds(
        tuple(keys), [row[3] for row in rows], np.array([at[row[0]] for row in rows], dtype=int),
        np.array([row[1] for row in rows]), np.array([row[2] for row in rows]),
        np.ones((n, len(keys)), dtype=bool) if shares is None else shares > 0,
        np.array([row[5] or f"line {row[6]}" for row in rows], dtype=object), np.full(n, np.inf),
        0.0, np.full(n, np.nan), shares,
    )  # fmt: skip
