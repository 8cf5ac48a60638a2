"""What an earlier look showed stands until it is undone. Pure.

An interval that is valid at every look may be acted on at the first look that leaves zero out: its
error rate is that of all looks together. Today's interval may touch zero again by noise alone, so
a sentence that follows today's look only would say "ship" and "not yet" in turns. What was shown
is undone when the estimate itself turns, which is then said, until something is shown anew.

Source: Robbins (1970), Statistical methods related to the law of the iterated logarithm: a
sequence of intervals covers at all times together, so also their running intersection.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Self

from django.utils import timezone

from attune.kernel.phrases import Phrase, say
from campaigns.experiments.advice import Reading, Recommendation


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look showed: ship or roll back, of which arm (empty: every arm), by a guardrail or
    by the primary metric, when, and when it was undone."""

    kind: Literal["ship", "rollback"]
    arm: str
    by_guardrail: bool
    at: datetime
    undone: datetime | None = None

    @classmethod
    def of(cls, kept: dict[str, Any] | None) -> Self | None:
        """The finding that `stored` wrote, from a snapshot's results."""
        if not kept:
            return None
        undone = kept.get("undone")
        return cls(kept["kind"], kept["arm"], kept["by_guardrail"],
                   datetime.fromisoformat(kept["at"]),
                   datetime.fromisoformat(undone) if undone else None)  # fmt: skip

    def stored(self) -> dict[str, Any]:
        undone = self.undone and self.undone.isoformat()
        return {"kind": self.kind, "arm": self.arm, "by_guardrail": self.by_guardrail,
                "at": self.at.isoformat(), "undone": undone}  # fmt: skip


def settle(
    told: Recommendation,
    earlier: Finding | None,
    readings: list[Reading],
    *,
    at: datetime,
    sign: int,
    least: float | None,
) -> tuple[Recommendation, Finding | None]:
    """What to say now, and what is remembered of it.

    `told` is today's look alone; `least` is the relative effect that a shipped arm must still be
    estimated to have (0 for better at all, None where it only must not be worse).
    """
    if told.kind == "invalid":
        return told, earlier
    harm = any(r.harmed for r in readings)
    stands = earlier is not None and _stands(earlier, readings, sign, least)
    if earlier and stands and earlier.by_guardrail and not harm:
        return _still(told, earlier, readings), earlier
    if told.kind != "not_yet":
        kind: Literal["ship", "rollback"] = "ship" if told.kind == "ship" else "rollback"
        new = Finding(kind, told.arm, harm, at)
        same = earlier and replace(earlier, at=at) == new
        return told, earlier if same else new
    if earlier is None:
        return told, None
    if stands:
        return _still(told, earlier, readings), earlier
    undone = earlier if earlier.undone else replace(earlier, undone=at)
    return replace(told, sentence=_undone(told.sentence, undone, readings)), undone


def _stands(found: Finding, readings: list[Reading], sign: int, least: float | None) -> bool:
    """Whether today's estimate still speaks for it, though its interval does not alone."""
    if found.undone:
        return False
    if found.by_guardrail:
        return any(r.leaning for r in readings if r.key == found.arm)
    for reading in readings:
        effect = reading.primary
        if found.arm not in ("", reading.key):
            continue
        if effect is None:
            return False
        reached = abs(effect.base) * (least or 0)
        if found.kind == "ship" and least is not None and sign * effect.difference <= reached:
            return False
        if found.kind == "rollback" and found.arm and sign * effect.difference >= reached:
            return False
        if found.kind == "rollback" and not found.arm and sign * effect.difference >= 0:
            return False
    return True


def _still(told: Recommendation, found: Finding, readings: list[Reading]) -> Recommendation:
    return Recommendation(found.kind, _sentence(found, readings), found.arm, told.people_missing)


def _sentence(found: Finding, readings: list[Reading]) -> Phrase:
    arm = _name(found.arm, readings)
    if found.by_guardrail:
        return say(
            "Roll back: the look of %(when)s showed a guardrail harmed by %(arm)s, and today's "
            "estimate still says so.",
            when=_when(found.at), arm=arm,
        )  # fmt: skip
    if found.kind == "rollback" and not found.arm:
        return say(
            "Roll back: the look of %(when)s showed every arm worse than the control, and today's "
            "estimates still say so.",
            when=_when(found.at),
        )
    if found.kind == "rollback":
        return say(
            "Roll back: the look of %(when)s showed %(arm)s better, but by less than the target "
            "effect, and today's estimate still says so.",
            when=_when(found.at), arm=arm,
        )  # fmt: skip
    return say(
        "Ship %(arm)s: the look of %(when)s showed enough for that. Its interval is valid at every "
        "look, so that stands, though today's look alone would leave it open.",
        when=_when(found.at), arm=arm,
    )  # fmt: skip


def _undone(told: Phrase, found: Finding, readings: list[Reading]) -> Phrase:
    arm = _name(found.arm, readings) if found.arm else say("every arm")
    before = (
        say("The look of %(when)s said to ship %(arm)s; since %(undone)s the estimate no longer "
            "speaks for it.", when=_when(found.at), arm=arm, undone=_when(found.undone))
        if found.kind == "ship"
        else say("The look of %(when)s said to roll back %(arm)s; since %(undone)s the estimate no "
                 "longer speaks for it.", when=_when(found.at), arm=arm, undone=_when(found.undone))
    )  # fmt: skip
    return say("%(told)s %(before)s", told=told, before=before)


def _name(arm: str, readings: list[Reading]) -> str:
    return next((r.name for r in readings if r.key == arm), arm)


def _when(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"
