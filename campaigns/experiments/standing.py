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
from datetime import datetime, tzinfo
from typing import Any, Literal, Self

from attune.kernel.phrases import Phrase, say
from campaigns.experiments.advice import Reading, Recommendation


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look showed: ship or roll back, of which arm (empty: every arm), when, and when it was
    undone. `harmed` are the arms and guardrails, where it was harm that it showed."""

    kind: Literal["ship", "rollback"]
    arm: str
    harmed: frozenset[tuple[str, str]]
    at: datetime
    undone: datetime | None = None

    @classmethod
    def of(cls, kept: dict[str, Any] | None) -> Self | None:
        """The finding that `stored` wrote, from a snapshot's results."""
        if not kept:
            return None
        undone = kept.get("undone")
        return cls(
            kept["kind"], kept["arm"], frozenset((arm, name) for arm, name in kept["harmed"]),
            datetime.fromisoformat(kept["at"]), datetime.fromisoformat(undone) if undone else None,
        )  # fmt: skip

    def stored(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "arm": self.arm, "harmed": [list(p) for p in sorted(self.harmed)],
            "at": self.at.isoformat(), "undone": self.undone and self.undone.isoformat(),
        }  # fmt: skip


def settle(
    told: Recommendation,
    earlier: Finding | None,
    readings: list[Reading],
    *,
    at: datetime,
    sign: int,
    least: float | None,
    zone: tzinfo,
) -> tuple[Recommendation, Finding | None]:
    """What to say now, and what is remembered of it.

    `told` is today's look alone; `least` is the relative effect that a shipped arm must still be
    estimated to have (0 for better at all, None where it only must not be worse); moments are said
    in `zone`.
    """
    if told.kind == "invalid":
        return told, earlier
    say_of = _Words(readings, least, zone)
    harmed = frozenset((r.key, name) for r in readings for name in r.harmed)
    stands = earlier is not None and _stands(earlier, readings, sign, least)
    if earlier and stands and earlier.harmed and not harmed:
        return say_of.still(told, earlier), earlier
    if told.kind != "not_yet":
        return told, _found(told, earlier if stands else None, harmed, at)
    if earlier is None:
        return told, None
    if stands:
        return say_of.still(told, earlier), earlier
    undone = earlier if earlier.undone else replace(earlier, undone=at)
    return replace(told, sentence=say_of.undone(told.sentence, undone)), undone


def _found(
    told: Recommendation, standing: Finding | None, harmed: frozenset[tuple[str, str]], at: datetime
) -> Finding:
    """What this look shows; since when, if an earlier one showed it too."""
    kind: Literal["ship", "rollback"] = "ship" if told.kind == "ship" else "rollback"
    new = Finding(kind, told.arm, harmed, at)
    if standing is None or bool(standing.harmed) != bool(harmed) or standing.kind != kind:
        return new
    if harmed:
        return replace(new, harmed=harmed | standing.harmed, at=standing.at)
    return standing if standing.arm == told.arm else new


def _stands(found: Finding, readings: list[Reading], sign: int, least: float | None) -> bool:
    """Whether today's estimates still speak for it, though their intervals do not alone."""
    if found.undone:
        return False
    if found.harmed:
        return any((r.key, name) in found.harmed for r in readings for name in r.leaning)
    known = {r.key: r.primary for r in readings if r.primary is not None}
    if found.kind == "ship":
        mine = known.get(found.arm)
        if mine is None:
            return False
        if least is None:  # it did no harm: until it is shown to do some
            return (mine.high if sign > 0 else -mine.low) >= 0
        return sign * mine.difference > abs(mine.base) * least
    reach = (least or 0.0) if found.arm else 0.0  # better, but by too little; or worse
    return len(known) == len(readings) and all(
        sign * e.difference < abs(e.base) * reach for e in known.values()
    )


@dataclass(frozen=True, slots=True)
class _Words:
    """Sentences about what an earlier look showed."""

    readings: list[Reading]
    least: float | None
    zone: tzinfo

    def still(self, told: Recommendation, found: Finding) -> Recommendation:
        return Recommendation(found.kind, self._sentence(found), found.arm, told.people_missing)

    def undone(self, told: Phrase, found: Finding) -> Phrase:
        values = {"when": self._when(found.at), "undone": self._when(found.undone),
                  "arm": self._name(found.arm) if found.arm else say("every arm")}  # fmt: skip
        before = (
            say("The look of %(when)s said to ship %(arm)s; since %(undone)s the estimate no "
                "longer speaks for it.", **values)
            if found.kind == "ship"
            else say("The look of %(when)s said to roll back %(arm)s; since %(undone)s the "
                     "estimate no longer speaks for it.", **values)
        )  # fmt: skip
        return say("%(told)s %(before)s", told=told, before=before)

    def _sentence(self, found: Finding) -> Phrase:
        when, arm = self._when(found.at), self._name(found.arm)
        if found.harmed:
            names = [say("%(arm)s (%(metrics)s)", arm=self._name(key), metrics=[metric])
                     for key, metric in sorted(found.harmed)]  # fmt: skip
            return say(
                "Roll back: the look of %(when)s showed a guardrail harmed by %(names)s, and "
                "today's estimate still says so.", when=when, names=names,
            )  # fmt: skip
        if found.kind == "rollback" and not found.arm:
            return say("Roll back: the look of %(when)s showed every arm worse than the control, "
                       "and today's estimates still say so.", when=when)  # fmt: skip
        if found.kind == "rollback":
            return say(
                "Roll back: the look of %(when)s showed %(arm)s better, but by less than the "
                "target effect, and today's estimate still says so.", when=when, arm=arm,
            )  # fmt: skip
        if self.least is None:
            return say("Ship %(arm)s: the look of %(when)s reached the planned size without harm, "
                       "and none has been shown since.", when=when, arm=arm)  # fmt: skip
        return say(
            "Ship %(arm)s: the look of %(when)s showed enough for that. Its interval is valid at "
            "every look, so that stands, though today's look alone would leave it open.",
            when=when, arm=arm,
        )  # fmt: skip

    def _name(self, arm: str) -> str:
        return next((r.name for r in self.readings if r.key == arm), arm)

    def _when(self, at: datetime | None) -> str:
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M}" if at else "?"
