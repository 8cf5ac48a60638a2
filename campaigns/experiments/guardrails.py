"""Metrics that must not get worse. Pure."""

from __future__ import annotations

from campaigns.experiments.statistics import Effect


def harmed(effect: Effect | None, *, higher_is_better: bool, tolerance: float = 0.0) -> bool:
    """Whether the always-valid interval lies wholly on the bad side of `tolerance` (in units of
    the metric): harm is believed only when every look so far would have believed it."""
    if effect is None or effect.error == 0:
        return False
    return effect.high < -tolerance if higher_is_better else effect.low > tolerance


def leans(effect: Effect | None, *, higher_is_better: bool) -> bool:
    """Whether the estimate itself is on the bad side, however wide its interval."""
    return (
        effect is not None
        and (effect.difference < 0) == higher_is_better
        and bool(effect.difference)
    )
