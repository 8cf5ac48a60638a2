"""What a ramp does next: go on, wait, ask a person, or go back. Pure.

A version is taken back when it does harm that every look so far would have believed, when people
were lost or doubled on the way, or when it earns less than what served before. Nothing is believed
of fewer people than a step asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attune.kernel.phrases import Phrase, known_words, say, say_many

SRM_P = 0.0001  # it is looked at every few minutes, so less would take back what is sound
STEPS: list[dict[str, Any]] = [
    {"coverage": 0.0, "hours": 24, "people": 100, "approval": False},
    {"coverage": 0.05, "hours": 48, "people": 100, "approval": True},
    {"coverage": 0.25, "hours": 48, "people": 400, "approval": False},
    {"coverage": 0.5, "hours": 72, "people": 800, "approval": False},
    {"coverage": 1.0, "hours": 0, "people": 0, "approval": True},
]
REFRESH: list[dict[str, Any]] = [
    {"coverage": 0.2, "hours": 24, "people": 100, "approval": False},
    {"coverage": 1.0, "hours": 0, "people": 0, "approval": False},
]
SILENT_HOURS = 24
known_words("advance", "wait", "warn")


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a step: hours in it, people whom candidate and incumbent served (or, at no
    share, decisions that were shadowed), the p of the sample ratio, guardrails that were harmed,
    whether the candidate earns less beyond doubt, fairness rules that it breaks and that block."""

    hours: float
    candidate: int
    incumbent: int
    srm_p: float | None = None
    harmed: Sequence[str] = ()
    worse: bool = False
    unfair: Sequence[Phrase] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """`did` is advance, complete, hold, wait, roll_back or warn."""

    did: str
    sentence: Phrase


def next_move(steps: Sequence[dict[str, Any]], step: int, seen: Seen) -> Move:
    if stopped := _stopped(seen):
        return Move("roll_back", stopped)
    here = steps[step]
    if not seen.candidate + seen.incumbent and seen.hours >= SILENT_HOURS:
        return Move("warn", say("Nobody was decided for in %(hours)s hours: does anyone ask?",
                                hours=round(seen.hours)))  # fmt: skip
    if seen.hours < here["hours"]:
        left = round(here["hours"] - seen.hours, 1)
        return Move("wait", say_many("%(n)s more hour of this step.", "%(n)s more hours of this "
                                     "step.", n=left))  # fmt: skip
    if seen.candidate < here["people"]:
        return Move("wait", say("%(n)s of %(least)s people served by it.", n=seen.candidate,
                                least=here["people"]))  # fmt: skip
    if step + 1 == len(steps):
        return Move("complete", say("It serves everybody."))
    after = steps[step + 1]
    share = f"{after['coverage']:.0%}"
    if after["approval"]:
        return Move("hold", say("This step went well; %(share)s waits for approval.", share=share))
    return Move("advance", say("This step went well; it goes on to %(share)s.", share=share))


def _stopped(seen: Seen) -> Phrase | None:
    if seen.harmed:
        return say("It harms %(metrics)s, beyond doubt at every look so far.",
                   metrics=", ".join(seen.harmed))  # fmt: skip
    if seen.worse:
        return say("It earns less than what served before, beyond doubt at every look so far.")
    if seen.srm_p is not None and seen.srm_p < SRM_P:
        return say("The shares of people differ from the plan (p = %(p)s): people were lost or "
                   "doubled on the way.", p=f"{seen.srm_p:.5f}")  # fmt: skip
    if seen.unfair:
        return say("A fairness rule that blocks is broken: %(rule)s", rule=seen.unfair[0])
    return None


def faults(steps: Any) -> list[Phrase]:
    """What is wrong with steps that a person set."""
    if not isinstance(steps, list) or not 1 <= len(steps) <= 12:
        return [say("Give 1 to 12 steps.")]
    shares = [s.get("coverage") if isinstance(s, dict) else None for s in steps]
    if any(not isinstance(c, int | float) or not 0 <= c <= 1 for c in shares):
        return [say("Every step has a share from 0 to 1.")]
    if list(shares) != sorted(shares) or len(set(shares)) != len(shares):  # type: ignore[type-var]
        return [say("Each step serves more people than the one before.")]
    if shares[-1] != 1:
        return [say("The last step serves everybody.")]
    for s in steps:
        if not all(isinstance(s.get(k), int) and 0 <= s[k] <= 10**6 for k in ("hours", "people")):
            return [say("Hours and people of a step are whole numbers, 0 or more.")]
    return []
