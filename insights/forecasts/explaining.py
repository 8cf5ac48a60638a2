"""A forecast in words and rows of tables. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attune.kernel.phrases import Phrase, as_is, say
from insights.forecasts.models import Forecast, ForecastCheck, Series
from insights.forecasts.scenarios import Outlook

NAMES = {
    "median": say("Median of the models"), "seasonal_naive": say("As a season ago (baseline)"),
    "naive": say("As the last period (baseline)"), "theta": say("Theta, on logarithms"),
    "theta_plain": say("Theta"), "ces": say("Complex smoothing, on logarithms"),
    "ces_plain": say("Complex smoothing"), "ets": say("Exponential smoothing, on logarithms"),
    "ets_plain": say("Exponential smoothing"), "croston": say("Croston, for rare sales"),
    "adida": say("ADIDA, for rare sales"),
}  # fmt: skip


def name_of(model: str) -> Phrase:
    return NAMES.get(model) or as_is(model)


def trials(row: Forecast) -> list[dict[str, Any]]:
    """The back-test table, the best first."""
    return [{**t, "name": name_of(t["model"]), "chosen": t["model"] == row.model}
            for t in row.trials]  # fmt: skip


def trial(row: Forecast | None) -> dict[str, Any] | None:
    """What the chosen model was worth at the origins."""
    if row is None:
        return None
    return next((t for t in trials(row) if t["chosen"]), None)


def cover(rows: Sequence[ForecastCheck]) -> dict[str, float] | None:
    """How often the intervals of the ledger held."""
    if not rows:
        return None
    n = len(rows)
    return {"n": n, "inside80": sum(r.inside80 for r in rows) / n,
            "inside95": sum(r.inside95 for r in rows) / n,
            "error": sum(abs(r.actual - r.foretold) for r in rows) / n,
            "baseline": sum(abs(r.actual - r.baseline) for r in rows) / n}  # fmt: skip


def parts(lines: Sequence[Forecast]) -> list[dict[str, Any]]:
    """What each part brings of the time ahead."""
    whole = next((sum(p[1] for p in line.points) for line in lines if not line.key), 0.0)
    return [
        {"row": line, "total": sum(p[1] for p in line.points),
         "share": sum(p[1] for p in line.points) / whole if whole else None}
        for line in lines if line.key and line.points
    ]  # fmt: skip


def barred(row: Series) -> list[dict[str, Any]]:
    return [{"name": name_of(model), "since": since} for model, since in row.barred.items()]


def scenario(of: Outlook, *, money: str = "") -> Phrase:
    """What other money does, in words; of a metric of money with what is left after the money
    itself, in `money` (the currency)."""
    if round(of.cost) == 0 and abs(of.more.high - of.more.low) < 1:
        return say("Nothing changes: it is the money of now.")
    told = {"more": f"{of.more.value:+,.0f} {money}".strip(), "low": f"{of.more.low:+,.0f}",
            "high": f"{of.more.high:+,.0f}", "sure": f"{of.sure:.0%}",
            "cost": f"{of.cost:+,.0f} {money}".strip()}  # fmt: skip
    if not money:
        return say("%(more)s in the time foretold (90 %% interval %(low)s to %(high)s) for "
                   "%(cost)s of money; more than as now with a certainty of %(sure)s.",
                   **told)  # fmt: skip
    left = of.more.value - of.cost
    return say("%(more)s in the time foretold (90 %% interval %(low)s to %(high)s) for %(cost)s "
               "more spent: %(left)s after it, before goods and shipping.",
               left=f"{left:+,.0f} {money}", **told)  # fmt: skip
