"""How far an experiment can be trusted now: a list that is read at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from attune.kernel.phrases import Phrase, say
from campaigns.experiments import statistics
from campaigns.experiments.models import Experiment, Snapshot

GOOD_POWER = 0.8
DECIDED = frozenset({"ship", "rollback"})


@dataclass(frozen=True, slots=True)
class Check:
    """One line: `pass`, `warn` or `block`, and the sentence that says why."""

    verdict: Literal["pass", "warn", "block"]
    sentence: Phrase


def checks(experiment: Experiment, latest: Snapshot) -> list[Check]:
    """Arm sizes, power while the verdict is open, windows still open, what the intervals mean."""
    found = [_sizes(latest.srm_p)]
    if latest.verdict not in DECIDED:
        found.append(_power(experiment, latest))
    return [*found, *_open(latest), _intervals(latest)]


def _sizes(p: float | None) -> Check:
    if p is None:
        return Check(
            "warn",
            say("The arms' sizes are not compared with their shares yet; that takes 100 people."),
        )
    if p < statistics.SRM_P:
        return Check(
            "block",
            say(
                "The arms' sizes differ from their shares (p = %(p)s): people were lost or "
                "doubled on the way.",
                p=f"{p:.5f}",
            ),
        )
    return Check(
        "pass", say("The arms' sizes are as their shares planned (p = %(p)s).", p=f"{p:.2f}")
    )


def _power(experiment: Experiment, latest: Snapshot) -> Check:
    power, missing = latest.results.get("power"), latest.results.get("people_missing")
    if power is None:
        return Check("warn", say("How many people it takes is not known before somebody converts."))
    known = {"lift": f"{experiment.target_lift * 100:.0f} %", "power": f"{power * 100:.0f} %"}
    sentence = say(
        "The chance to show an effect of %(lift)s with today's people is %(power)s.", **known
    )
    if missing:
        sentence = say(
            "The chance to show an effect of %(lift)s with today's people is %(power)s; the "
            "smallest arm lacks about %(missing)s.",
            missing=missing, **known,
        )  # fmt: skip
    return Check("pass" if power >= GOOD_POWER else "warn", sentence)


def _open(latest: Snapshot) -> Iterator[Check]:
    if people := latest.results.get("open"):
        yield Check(
            "warn",
            say(
                "For %(people)s people the time to convert is not over: rates still rise.",
                people=people,
            ),
        )


def _intervals(latest: Snapshot) -> Check:
    arms = latest.results.get("comparisons", 1)
    held = (
        say("Intervals hold at every look (95 %%, shared by the %(n)s arms of a metric).", n=arms)
        if arms > 1
        else say("Intervals hold at every look (95 %).")
    )
    means = say(
        "An effect compares people who were decided at the same time; the plain rates beside it "
        "mix all times, so the two may differ."
    )
    return Check("pass", say("%(held)s %(means)s", held=held, means=means))
