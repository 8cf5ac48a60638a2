"""Series for the charts of risks. Pure."""

from __future__ import annotations

from typing import Any

from attune.kernel.phrases import say
from insights.risk.returns import Outlook


def net(of: Outlook, currency: str) -> dict[str, Any]:
    """How likely each net result is; losses and gains apart."""
    x, share = of.bars()
    return {
        "kind": "bar", "unit": "%", "along": say("Net result, %(currency)s", currency=currency),
        "x": [f"{v:,.0f}".replace("-0", "0") if abs(v) < 0.5 else f"{v:,.0f}" for v in x],
        "series": [
            {"name": say("Loss"), "values": [_percent(s) if v < 0 else 0
                                             for v, s in zip(x, share, strict=True)]},
            {"name": say("Gain"), "values": [_percent(s) if v >= 0 else 0
                                             for v, s in zip(x, share, strict=True)]},
        ],
    }  # fmt: skip


def over_time(runs: list[Any]) -> dict[str, Any] | None:
    """What was at stake at each refresh, oldest first."""
    rows = [run for run in runs if run.card.get("stake") is not None][::-1]
    if len(rows) < 2:
        return None
    return {
        "kind": "line",
        "unit": "",
        "time": True,
        "x": [f"{run.at:%Y-%m-%d}" for run in rows],
        "series": [{"name": say("At stake"), "values": [round(r.card["stake"], 2) for r in rows]}],
    }


def _percent(share: float) -> float:
    return round(share * 100, 3)
