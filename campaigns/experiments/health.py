"""How far an experiment can be trusted now: a list that is read at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db.models import Count
from django.utils import timezone

from attune.kernel import audit
from attune.kernel.phrases import Phrase, say
from campaigns.contacts.models import EventCount
from campaigns.decisions import selectors as log
from campaigns.experiments import statistics
from campaigns.experiments.models import Experiment, Snapshot

GOOD_POWER = 0.8
MOST_TWICE, LEAST_FOR_TWICE = 0.01, 100  # share of people with two arms; people to judge it by
SILENCE = timedelta(days=1)
DECIDED = frozenset({"ship", "rollback"})
CORRECTED = "experiments.change_text"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: `pass`, `warn` or `block`, and the sentence that says why."""

    verdict: Literal["pass", "warn", "block"]
    sentence: Phrase
    key: str = ""  # of a trouble that people are told of


def checks(experiment: Experiment, latest: Snapshot, now: datetime) -> list[Check]:
    """Arm sizes, people with two arms, silence, power while the verdict is open, windows still
    open, what the intervals mean."""
    found = [_sizes(latest.srm_p), *_twice(latest), *_silent(experiment, latest, now),
             *_unchecked(latest), *_before(latest), *_corrected(experiment),
             *_waiting(experiment), *own_clicks(experiment)]  # fmt: skip
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
            "sizes",
        )
    return Check(
        "pass", say("The arms' sizes are as their shares planned (p = %(p)s).", p=f"{p:.2f}")
    )


def _waiting(experiment: Experiment) -> Iterator[Check]:
    """People count from the choice on; who has not got their message yet cannot act on it."""
    sends = [row for c in experiment.campaigns.all()
             for row in c.sends.values("state").annotate(n=Count("id")).order_by()]  # fmt: skip
    whole = sum(row["n"] for row in sends)
    waits = sum(row["n"] for row in sends if row["state"] == "pending")
    if waits:
        yield Check("warn", say(
            "%(n)s of %(whole)s messages have not left yet: their people are counted already, so "
            "effects look smaller than they will be.", n=waits, whole=whole,
        ))  # fmt: skip


OF_ANY_MESSAGE = frozenset({"Message Clicked", "Message Opened"})


def own_clicks(experiment: Experiment) -> Iterator[Check]:
    """A click or opening is one on any message, so who got none of this experiment has some too."""
    primary = next((g.metric for g in log.goals(experiment.pk)), None)
    if primary is None or primary.event_name not in OF_ANY_MESSAGE:
        return
    if experiment.arms.filter(revision=None).exists():
        yield Check("warn", say(
            "“%(metric)s” counts clicks and openings of any message, also of people who get none "
            "here: measure what people do because of it, such as an order.", metric=primary.name,
        ))  # fmt: skip


def _corrected(experiment: Experiment) -> Iterator[Check]:
    """A text that was changed while it ran (services.change_text)."""
    last = audit.latest_of(experiment, CORRECTED)
    if last is not None:
        yield Check("warn", say(
            "The text of “%(arm)s” was corrected while this ran, on %(when)s: what it brought "
            "before and after is counted as one.",
            arm=last.details.get("arm", ""), when=f"{timezone.localtime(last.created_at):%Y-%m-%d}",
        ))  # fmt: skip


def _twice(latest: Snapshot) -> Iterator[Check]:
    told = latest.results.get("twice") or {}
    people, twice = told.get("people", 0), told.get("twice", 0)
    if not twice:
        return
    share = f"{twice / max(people, 1) * 100:.1f} %"
    sentence = say("%(share)s of the people (%(n)s) got more than one arm: what they do counts for "
                   "the first.", share=share, n=twice)  # fmt: skip
    many = twice / max(people, 1) > MOST_TWICE and people >= LEAST_FOR_TWICE
    yield Check("block" if many else "warn", sentence, "twice" if many else "")


def _silent(experiment: Experiment, latest: Snapshot, now: datetime) -> Iterator[Check]:
    """Nobody was decided for, or nobody's goal comes in any more."""
    if experiment.state != Experiment.State.RUNNING or experiment.started_at is None:
        return
    if now - experiment.started_at < SILENCE:
        return
    if latest.decided == 0:
        yield Check("block", say("Nobody was decided for since it started: is it asked for at "
                                 "all?"), "nobody")  # fmt: skip
        return
    rows = EventCount.objects.filter(day__gte=(now - SILENCE).date())
    for goal in log.goals(experiment.pk):
        if not rows.filter(name=goal.metric.event_name).exists():
            yield Check("block", say("“%(event)s” has not come in for a day from anybody: its "
                                     "rates are not to be believed.",
                                     event=goal.metric.event_name), "silent")  # fmt: skip


def _unchecked(latest: Snapshot) -> Iterator[Check]:
    if n := latest.results.get("unchecked"):
        yield Check("warn", say("Of %(n)s people the SDK tells another arm than their id gives: "
                                "it hashes another attribute, or overrides were used.",
                                n=n))  # fmt: skip


def _before(latest: Snapshot) -> Iterator[Check]:
    gained = latest.results.get("before") or {}
    if gained:
        best = max(gained.values())
        yield Check("pass", say("What people did before explains up to %(share)s of the noise; the "
                                "effects are without it (CUPED).",
                                share=f"{best * 100:.0f} %"))  # fmt: skip


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
