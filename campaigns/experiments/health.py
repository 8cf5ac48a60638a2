"""How far an experiment can be trusted now: a list that is read at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from campaigns.experiments import statistics
from campaigns.experiments.models import Experiment, Snapshot

GOOD_POWER = 0.8
DECIDED = frozenset({"ship", "rollback"})


@dataclass(frozen=True, slots=True)
class Check:
    """One line: `pass`, `warn` or `block`, and the sentence that says why."""

    verdict: Literal["pass", "warn", "block"]
    sentence: str


def checks(experiment: Experiment, latest: Snapshot) -> list[Check]:
    """Arm sizes, power while the verdict is open, windows still open, what the intervals mean."""
    found = [_sizes(latest.srm_p)]
    if latest.verdict not in DECIDED:
        found.append(_power(experiment, latest))
    return [*found, *_open(latest), _intervals(latest)]


def _sizes(p: float | None) -> Check:
    if p is None:
        return Check(
            "warn", "The arms' sizes are not compared with their shares yet; that takes 100 people."
        )
    if p < statistics.SRM_P:
        return Check(
            "block",
            f"The arms' sizes differ from their shares (p = {p:.5f}): people were lost or doubled "
            "on the way.",
        )
    return Check("pass", f"The arms' sizes are as their shares planned (p = {p:.2f}).")


def _power(experiment: Experiment, latest: Snapshot) -> Check:
    power, missing = latest.results.get("power"), latest.results.get("people_missing")
    if power is None:
        return Check("warn", "How many people it takes is not known before somebody converts.")
    lift = experiment.target_lift * 100
    sentence = (
        f"The chance to show an effect of {lift:.0f} % with today's people is {power * 100:.0f} %"
    )
    if missing:
        sentence += f"; the smallest arm lacks about {missing:,}"
    return Check("pass" if power >= GOOD_POWER else "warn", f"{sentence}.")


def _open(latest: Snapshot) -> Iterator[Check]:
    if people := latest.results.get("open"):
        yield Check(
            "warn", f"For {people:,} people the time to convert is not over: rates still rise."
        )


def _intervals(latest: Snapshot) -> Check:
    arms = latest.results.get("comparisons", 1)
    shared = f", shared by the {arms} arms of a metric" if arms > 1 else ""
    return Check(
        "pass",
        f"Intervals hold at every look (95 %{shared}). An effect compares people who were decided "
        "at the same time; the plain rates beside it mix all times, so the two may differ.",
    )
