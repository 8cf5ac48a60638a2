"""The answer of a mining as it is kept. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from campaigns.tuning.lessons import wilson
from insights.journeys.attribution import RULES
from insights.journeys.mining import Funnel, Mine

MOST_CHANNELS = 30


def assembled(mine: Mine, funnel: Funnel, said: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """{people, reached, rate, low, high, seconds, conversions, value, flow, stages, channels,
    paths}; `said` is what those who stopped at each stage said."""
    people = max(1, mine.people)
    low, high = wilson(mine.reached, people)
    channels = mine.ledger.credit()[:MOST_CHANNELS]
    return {
        "people": mine.people, "reached": mine.reached, "rate": mine.reached / people,
        "low": max(0.0, low), "high": min(1.0, high), "seconds": mine.until_goal.median,
        "conversions": mine.ledger.conversions, "value": round(mine.ledger.value, 2),
        "flow": mine.sankey(), "stages": _stages(funnel, said),
        "channels": [{**c, "by_rule": [c["conversions"][r] for r in RULES]} for c in channels],
        "paths": [{**p, "rate": p["reached"] / p["n"]} for p in mine.top_paths()],
    }  # fmt: skip


def _stages(funnel: Funnel, said: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for row, words in zip(funnel.rows(), said, strict=True):
        on = row["came"] - row["stopped"]
        unhappy = words.get("negative", 0) / max(1, words.get("writers", 0))
        others = words.get("others_negative", 0) / max(1, words.get("others", 0))
        words = {**words, "bad_share": unhappy, "others_bad_share": others}
        rows.append({**row, "on": on, "share": on / max(1, row["came"]), "said": words})
    return rows
