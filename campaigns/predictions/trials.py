"""Whom does an experiment's treatment persuade? Its people with what was known of them before they
were decided for, what they got with which chance, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson
from django.db import connection

from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from campaigns.contacts.selectors import SNAPSHOT
from campaigns.decisions import selectors as log
from campaigns.decisions.models import Metric
from campaigns.experiments.models import Experiment
from campaigns.predictions import features

MOST = 200_000  # people; of more, the newest
MOST_TRAITS, MOST_KINDS = 20, 200  # a trait with more values tells people apart, not kinds of them
LEAST_KNOWN = 0.2  # of the people, or a trait is left out
_ROWS_SQL = """
SELECT d.action, d.propensities, d.profile, coalesce(sum(r.value), 0)::float8,
  (SELECT jsonb_object_agg(t.key, t.value ORDER BY e.at) FROM event e,
     jsonb_each(e.properties) t(key, value)
   WHERE e.tenant_id = %(tenant)s AND e.contact_id = d.contact_id AND e.type = 'identify'
     AND e.at < d.at)
FROM (SELECT * FROM decision WHERE tenant_id = %(tenant)s AND source_id = %(source)s
      AND mode <> 'fallback' AND window_closes_at <= %(until)s ORDER BY at DESC LIMIT %(most)s) d
LEFT JOIN reward r ON r.tenant_id = %(tenant)s AND r.decision_id = d.id
  AND r.metric_id = %(metric)s
GROUP BY d.id, d.action, d.propensities, d.profile, d.contact_id, d.at"""


@dataclass(frozen=True, slots=True)
class Trial:
    """n people, K arms: `columns` {name: (n,)} as they were before, `arms` their keys, `got` (n,)
    which, with which `chances` (n, K), and the `outcome` (n,)."""

    columns: dict[str, np.ndarray]
    arms: list[str]
    got: np.ndarray
    chances: np.ndarray
    outcome: np.ndarray


def trial(of: Experiment, arms: list[str], until: datetime) -> Trial:
    """Of the people whose time to convert is over; traits are those that were told before."""
    metric = log.goals(of.pk)[0].metric
    with connection.cursor() as cursor:
        cursor.execute(_ROWS_SQL, {
            "tenant": current_tenant(), "source": of.pk, "metric": metric.pk, "until": until,
            "most": MOST,
        })  # fmt: skip
        rows = [row for row in cursor.fetchall() if row[0] in arms]
    chances = np.zeros((len(rows), len(arms)))
    for i, row in enumerate(rows):
        for key, p in orjson.loads(row[1]).items():
            if key in arms:
                chances[i, arms.index(key)] = p
    value = np.array([row[3] for row in rows])
    value = np.minimum(value, 1.0) if metric.kind == Metric.Kind.CONVERSION else value
    return Trial(
        columns_of([orjson.loads(row[2]) for row in rows], [_traits(row[4]) for row in rows]),
        arms, np.array([arms.index(row[0]) for row in rows], dtype=int), chances,
        value if metric.higher_is_better else -value,
    )  # fmt: skip


def _traits(told: Any) -> dict[str, Any]:
    found = orjson.loads(told) if isinstance(told, str) else told
    return found if isinstance(found, dict) else {}


def columns_of(
    profiles: list[dict[str, Any]], traits: list[dict[str, Any]]
) -> dict[str, np.ndarray]:
    """Numbers as floats (NaN: unknown), others as kinds; what hardly anybody has, or everybody has
    otherwise, is left out."""
    names = sorted({key for row in traits for key in row})
    raw: dict[str, list[Any]] = {name: [p.get(name) for p in profiles] for name in SNAPSHOT}
    raw |= {f"trait:{name}": [t.get(name) for t in traits] for name in names[:MOST_TRAITS]}
    found = {}
    for name, values in raw.items():
        known = [v for v in values if v not in (None, "")]
        if len(known) < LEAST_KNOWN * len(values) or len(set(map(str, known))) < 2:
            continue
        if all(isinstance(v, int | float) for v in known):
            found[name] = np.array([np.nan if v in (None, "") else float(v) for v in values])
        elif len(set(map(str, known))) <= MOST_KINDS:
            found[name] = np.array([str(v if v is not None else "") for v in values], dtype=object)
    return found


def title(name: str) -> Phrase:
    """What people call a column."""
    known = {
        "lifecycle": say("Stage"), "orders": say("Orders"), "revenue_cents": say("Revenue"),
        "clicks": say("Clicks"), "messages": say("Messages got"),
    }  # fmt: skip
    return known.get(name) or features.title(name)
