"""Whom does an experiment's treatment persuade? Its people with what was known of them before they
were decided for, what they got with which chance, and what came of it."""

from __future__ import annotations

from collections import Counter
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
  (SELECT jsonb_object_agg(t.key, t.value ORDER BY e.at)
   FROM (SELECT e.properties, e.at FROM event e
         WHERE e.tenant_id = %(tenant)s AND e.contact_id = d.contact_id AND e.type = 'identify'
           AND e.at < d.at
         UNION ALL  -- what a visitor told lies with whom they turned out to be
         SELECT e.properties, e.at FROM identity_merge i
         JOIN event e ON e.tenant_id = i.tenant_id AND e.contact_id = i.target_id
         WHERE i.tenant_id = %(tenant)s AND i.source_id = d.contact_id AND i.undone_at IS NULL
           AND e.type = 'identify' AND e.at < d.at AND e.user_id = ''
           AND e.anonymous_id IN (SELECT jsonb_array_elements_text(i.identities))) e,
     jsonb_each(e.properties) t(key, value))
FROM (SELECT * FROM decision WHERE tenant_id = %(tenant)s AND source_id = %(source)s
      AND mode <> 'fallback' AND window_closes_at <= %(until)s ORDER BY at DESC LIMIT %(most)s) d
LEFT JOIN reward r ON r.tenant_id = %(tenant)s AND r.decision_id = d.id
  AND r.metric_id = %(metric)s
GROUP BY d.id, d.action, d.propensities, d.profile, d.contact_id, d.at
ORDER BY d.contact_id, d.id  -- the same people, the same answer"""


@dataclass(frozen=True, slots=True)
class Trial:
    """n people, K arms: `columns` {name: (n,)} as they were before, `arms` their keys, `got` (n,)
    which, with which `chances` (n, K), and the `outcome` (n,)."""

    columns: dict[str, np.ndarray]
    arms: list[str]
    got: np.ndarray
    chances: np.ndarray
    outcome: np.ndarray


def read(of: Experiment, until: datetime) -> tuple[list[Any], Metric]:
    """The people whose time to convert is over, as `trial` takes them, and by which metric."""
    metric = log.goals(of.pk)[0].metric
    with connection.cursor() as cursor:
        cursor.execute(_ROWS_SQL, {
            "tenant": current_tenant(), "source": of.pk, "metric": metric.pk, "until": until,
            "most": MOST,
        })  # fmt: skip
        return cursor.fetchall(), metric


def trial(told: list[Any], metric: Metric, arms: list[str]) -> Trial:
    """What was read, in columns; traits are those that were told before. Pure."""
    rows = [row for row in told if row[0] in arms]
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
    often = Counter(key for row in traits for key in row)
    names = [key for key, _ in sorted(often.items(), key=lambda pair: (-pair[1], pair[0]))]
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
