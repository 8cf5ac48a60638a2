"""From effects to one sentence: ship, roll back, or wait. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from attune.kernel.phrases import Phrase, say
from campaigns.experiments import statistics
from campaigns.experiments.statistics import Effect

VerdictKind = Literal["ship", "rollback", "not_yet", "invalid"]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do, in one word and in one sentence."""

    kind: VerdictKind
    sentence: Phrase
    arm: str = ""
    people_missing: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What recommend() looks at for one arm: its name and its effect on each kind of metric."""

    key: str
    name: str
    primary: Effect | None
    harmed: tuple[str, ...] = ()  # names of guardrails
    n: int = 0
    events: float = 0.0
    control_n: int = 0
    control_events: float = 0.0
    leaning: tuple[str, ...] = ()  # guardrails whose estimate is on the bad side, shown or not


def recommend(
    readings: list[Reading],
    *,
    control_name: str,
    srm: float | None,
    needed: int | None,
    per_day: float,
    higher_is_better: bool = True,
    rate: bool = True,
    criteria: str = "clear",
    target: float = 0.1,
) -> Recommendation:
    """Ship, roll back or wait, by the always-valid interval, guardrails first.

    By the `criteria` that were set beforehand: `clear` ships what is better than the control,
    `target` what is better by the target effect at least, `no_harm` at the planned size whatever is
    not worse.

    The interval rests on the central limit theorem, so a comparison with under 100 people on one
    side is waited for whatever it shows; so is a rate with under 20 conversions in all, and a mean
    of money or counts (`rate` False), whose tail is long, with under 20 on either side.
    """
    stop = _invalid(srm) or _harm(readings)
    if stop is not None:
        return stop
    sign = 1 if higher_is_better else -1
    known = [r for r in readings if r.primary is not None and _enough(r, rate)]
    better = [r for r in known if r.primary and sign * _toward(r.primary, sign) > 0]
    if criteria == "target":
        better, short = _reach(readings, better, sign, target)
        if short and not better:
            return short
    if better:
        best = max(better, key=lambda r: sign * (r.primary.difference if r.primary else 0))
        return _ship(best, control_name, rate)
    worse = [r for r in known if r.primary and sign * _away(r.primary, sign) < 0]
    if known and len(worse) == len(readings):
        return Recommendation(
            "rollback",
            say("Roll back: every arm does worse than %(control)s.", control=control_name),
        )
    if criteria == "no_harm" and needed is not None and not worse:
        done = [r for r in known if min(r.n, r.control_n) >= needed]
        if done and len(done) == len(readings):
            return _harmless(done, control_name, sign)
    return _wait(readings, needed, per_day)


def _reach(
    readings: list[Reading], better: list[Reading], sign: int, target: float
) -> tuple[list[Reading], Recommendation | None]:
    """Of the better arms those whose whole interval reaches the target; else what to say of the
    others: rolled back only where no arm at all can still reach it."""
    enough = [
        one for one in better
        if one.primary and sign * _toward(one.primary, sign) >= abs(one.primary.base) * target
    ]  # fmt: skip
    if enough or not better:
        return enough, None
    hopeless = all(
        one.primary is not None
        and sign * _away(one.primary, sign) < abs(one.primary.base) * target
        for one in readings
    )  # fmt: skip
    if hopeless:
        told = say("Roll back: %(arm)s is better, but by less than the target effect.",
                   arm=better[0].name)  # fmt: skip
        return [], Recommendation("rollback", told, better[0].key)
    told = say("Not yet: %(arm)s is better; whether by the target effect is still open.",
               arm=better[0].name)  # fmt: skip
    return [], Recommendation("not_yet", told, better[0].key)


def _harmless(done: list[Reading], control: str, sign: int) -> Recommendation:
    best = max(done, key=lambda r: sign * (r.primary.difference if r.primary else 0))
    return Recommendation(
        "ship",
        say("Ship %(arm)s: the planned size is reached and it does no harm against %(control)s.",
            arm=best.name, control=control), best.key,
    )  # fmt: skip


def _ship(best: Reading, control: str, rate: bool) -> Recommendation:
    sentence = say(
        "Ship %(arm)s: it beats %(control)s by %(gain)s, and the interval, valid at every look, "
        "leaves zero out.",
        arm=best.name, control=control, gain=_gain(best, rate=rate),
    )  # fmt: skip
    return Recommendation("ship", sentence, best.key)


def _invalid(srm: float | None) -> Recommendation | None:
    if srm is None or srm >= statistics.SRM_P:
        return None
    return Recommendation(
        "invalid",
        say(
            "Do not decide: the arms' sizes differ from their shares (p = %(p)s). People were lost "
            "or doubled on the way; find out where first.",
            p=f"{srm:.1g}",
        ),
    )


def _harm(readings: list[Reading]) -> Recommendation | None:
    harmed = [r for r in readings if r.harmed]
    if not harmed:
        return None
    names = [say("%(arm)s (%(metrics)s)", arm=r.name, metrics=list(r.harmed)) for r in harmed]
    return Recommendation(
        "rollback",
        say("Roll back: a guardrail is harmed by %(names)s.", names=names),
        harmed[0].key,
    )


def _enough(reading: Reading, rate: bool) -> bool:
    if min(reading.n, reading.control_n) < statistics.LEAST_PEOPLE:
        return False
    if rate:
        return reading.events + reading.control_events >= statistics.LEAST_EVENTS
    return min(reading.events, reading.control_events) >= statistics.LEAST_EVENTS


def _gain(reading: Reading, *, rate: bool) -> Phrase:
    """The effect in its own unit; as a share of the control only where the control is known."""
    found = reading.primary
    if found is None:
        return say("nothing")
    text = (
        say("%(gain)s points", gain=f"{abs(found.difference) * 100:.2f}")
        if rate
        else say("%(gain)s a person", gain=f"{abs(found.difference):.2f}")
    )
    if found.relative is None or reading.control_events < statistics.LEAST_EVENTS:
        return text
    share = f"{abs(found.relative) * 100:.0f} %"
    return say("%(gain)s (about %(share)s)", gain=text, share=share)


def _toward(e: Effect, sign: int) -> float:
    return e.low if sign > 0 else e.high


def _away(e: Effect, sign: int) -> float:
    return e.high if sign > 0 else e.low


def _wait(readings: list[Reading], needed: int | None, per_day: float) -> Recommendation:
    if needed is None:
        return Recommendation(
            "not_yet", say("Not yet: nobody has converted so far, so nothing can be compared.")
        )
    smallest = min((r.n for r in readings), default=0)
    missing = max(0, needed - smallest)
    if missing == 0:
        return Recommendation(
            "not_yet",
            say(
                "Not yet: the planned size is reached and no difference of the target size shows; "
                "stopping without a winner is an honest result."
            ),
            people_missing=0,
        )
    sentence = say(
        "Not yet: the smallest arm needs about %(missing)s more people to show the target effect.",
        missing=missing,
    )
    if per_day > 0:
        sentence = say(
            "Not yet: the smallest arm needs about %(missing)s more people, about %(days)s days "
            "at today's pace, to show the target effect.",
            missing=missing, days=math.ceil(missing / per_day),
        )  # fmt: skip
    return Recommendation("not_yet", sentence, people_missing=missing)
