"""The decision log of a policy, and imported logs, as rounds to learn from and to judge by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
SELECT d.action, d.propensity, d.propensities, d.profile, d.contact_id, d.begins, d.version, d.mode,
  d.eligible, d.context->>'group', d.context->'own', d.shadow, coalesce(sum(r.value), 0)::float8,
  array_agg(extract(epoch FROM r.observed_at - d.begins)::float8 / 3600 ORDER BY r.observed_at)
    FILTER (WHERE r.id IS NOT NULL),
  array_agg(r.value::float8 ORDER BY r.observed_at) FILTER (WHERE r.id IS NOT NULL)
FROM (SELECT e.*, coalesce(e.acts_at, e.at) AS begins FROM decision e
      WHERE e.tenant_id = %(tenant)s AND e.source_id = %(source)s
      AND e.at >= %(since)s AND e.at < %(until)s AND e.mode <> 'fallback'
      AND coalesce(e.acts_at, e.at) < %(until)s  -- what is still to be done tells nothing
      AND NOT EXISTS (SELECT 1 FROM withdrawal w  -- nor what was not done after all
        WHERE w.tenant_id = e.tenant_id AND w.decision_id = e.id)
      ORDER BY e.at DESC LIMIT %(most)s) d
LEFT JOIN reward r ON r.tenant_id = %(tenant)s AND r.decision_id = d.id
  AND r.metric_id = %(metric)s AND r.observed_at < %(until)s
GROUP BY d.id, d.action, d.propensity, d.propensities, d.profile, d.contact_id, d.begins,
  d.version, d.mode, d.eligible, d.context, d.shadow
ORDER BY d.begins"""


def worth(metric: Metric, value: float) -> float:
    """What the rewards of a decision are worth, more is better."""
    value = min(value, 1.0) if metric.kind == Metric.Kind.CONVERSION else value
    return value if metric.higher_is_better else -value


def cost(metric: Metric, action: Action | None) -> float:
    """What doing an action costs of the reward: of money alone."""
    money = metric.kind == Metric.Kind.VALUE and action is not None
    return action.cost / 100 if money and action is not None else 0.0


@dataclass(frozen=True, slots=True)
class Logged:
    """Rounds, with when (n,), for which group and by which version each was decided, the
    probabilities within that group (n, K), and what a version that watched would have done (n, K; a
    row of NaN: none watched)."""

    rounds: Rounds
    at: list[datetime]
    groups: np.ndarray
    versions: np.ndarray
    own: np.ndarray
    shadow: np.ndarray

    def within(self, group: str) -> Rounds:
        """The rounds of everybody not in `group`, with the probabilities within their own group.
        Whose group a person is holds for good, so of what follows from one decision to the next
        (sequences, or features that tell what was done) these are the chances."""
        found = self.rounds
        chosen = self.own[np.arange(len(found)), found.actions]
        theirs = np.array([name != group for name in self.groups], dtype=bool)
        return replace(found, propensities=chosen, logged=self.own).only(theirs)


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
    keys = [a.key for a in now]
    keys += sorted({row[0] for row in rows} - set(keys))
    known = selectors.parsed_actions(policy.bank_id, keys)
    at = {key: i for i, key in enumerate(keys)}
    shares, own = _shares(rows, at, 2), _shares(rows, at, 10)
    shadow = np.full((len(rows), len(keys)), np.nan)
    eligible = np.zeros((len(rows), len(keys)), dtype=bool)
    in_use = {a.key for a in now}
    for i, row in enumerate(rows):
        watched = orjson.loads(row[11]).get("propensities")
        if watched:
            shadow[i] = [watched.get(key, 0.0) for key in keys]
        for key in orjson.loads(row[8]):
            if key in in_use:
                eligible[i, at[key]] = True
        if not eligible[i].any():
            eligible[i, at[row[0]]] = True
    ages = np.array([(until - row[5]).total_seconds() / 3600 for row in rows])
    costs = np.array([cost(metric, known[row[0]]) for row in rows])
    found = Rounds(
        tuple(keys), [orjson.loads(row[3]) for row in rows],
        np.array([at[row[0]] for row in rows], dtype=int),
        np.array([worth(metric, row[12]) for row in rows]) - costs,
        np.array([row[1] for row in rows]), eligible,
        np.array([str(row[4]) for row in rows], dtype=object), ages, float(policy.window_hours),
        np.array([row[13][0] if row[13] else np.nan for row in rows], dtype=float), shares, costs,
        _arrivals(metric, rows, ages >= policy.window_hours),
    )  # fmt: skip
    return Logged(
        found, [row[5] for row in rows], np.array([row[9] or "" for row in rows], dtype=object),
        np.array([row[6] for row in rows], dtype=int),
        np.where(own.sum(axis=1, keepdims=True) > 0, own, shares), shadow,
    )  # fmt: skip


def _shares(rows: list[Any], at: dict[str, int], column: int) -> np.ndarray:
    """Probabilities as they were logged (n, K); of a row that has none, zeros."""
    found = np.zeros((len(rows), len(at)))
    for i, row in enumerate(rows):
        for key, p in orjson.loads(row[column] or "{}").items():
            if key in at:
                found[i, at[key]] = p
    return found


def _arrivals(metric: Metric, rows: list[Any], over: np.ndarray) -> np.ndarray:
    """When what came in, of the decisions whose time is over (m, 2): hours, and how much. Of a
    conversion the first counts, of a number each, of money each by its amount."""
    told: list[tuple[float, float]] = []
    for row, done in zip(rows, over, strict=True):
        if done and row[13]:
            pairs = list(zip(row[13], row[14], strict=True))
            told += [(pairs[0][0], 1.0)] if metric.kind == Metric.Kind.CONVERSION else pairs
    return np.array(told, dtype=float).reshape(-1, 2)


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
