"""Before an experiment starts: what was thought of, what was forgotten, and whether somebody else
has agreed to exactly this plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from attune.kernel.errors import Conflict
from attune.kernel.phrases import say
from campaigns.contacts.models import EventCount
from campaigns.content.services import verify
from campaigns.decisions import selectors as log
from campaigns.decisions.models import Goal
from campaigns.experiments import agreeing, planning, services
from campaigns.experiments.health import Check, own_clicks
from campaigns.experiments.models import Experiment

LONG = 90  # days; a test that takes longer than this is rarely waited for


def items(experiment: Experiment, now: datetime) -> list[Check]:
    """The list, in the order in which people think of it."""
    goals = log.goals(experiment.pk)
    return [
        *_question(experiment), *_texts(experiment), *_goals(goals, now), *own_clicks(experiment),
        *_size(experiment, goals, now), *_agreed(experiment),
    ]  # fmt: skip


def _question(experiment: Experiment) -> Iterator[Check]:
    if experiment.hypothesis.strip():
        yield Check("pass", say("The hypothesis is written down."))
    else:
        yield Check("warn", say("No hypothesis: write what you expect and why before you look."))


def _texts(experiment: Experiment) -> Iterator[Check]:
    arms = services.arms_of(experiment)
    for arm in arms:
        try:
            if arm.revision is not None:
                verify(arm.revision)
        except Conflict as refusal:
            yield Check("block", say("%(arm)s: %(problem)s", arm=arm.name, problem=refusal.detail))
    if any(arm.revision is None for arm in arms):
        yield Check("pass", say("Some people get nothing: the effect is against no message."))
    else:
        yield Check("warn", say("Nobody gets nothing: you learn which text is better, not what it "
                                "is worth to send one."))  # fmt: skip


def _goals(goals: list[Goal], now: datetime) -> Iterator[Check]:
    if not any(g.role == Goal.Role.GUARDRAIL for g in goals):
        yield Check("warn", say("No guardrail: name what must not get worse, such as people who "
                                "unsubscribe."))  # fmt: skip
    since = (now - timedelta(days=30)).date()
    names = {g.metric.event_name for g in goals}
    rows = EventCount.objects.filter(name__in=names, day__gte=since)
    heard = set(rows.values_list("name", flat=True))
    for goal in goals:
        if goal.metric.event_name not in heard:
            yield Check(
                "block" if goal.role == Goal.Role.PRIMARY else "warn",
                say("“%(event)s” did not come in within 30 days: “%(metric)s” cannot be measured.",
                    event=goal.metric.event_name, metric=goal.metric.name),
            )  # fmt: skip


def _size(experiment: Experiment, goals: list[Goal], now: datetime) -> Iterator[Check]:
    arms = len(services.arms_of(experiment))
    sends = experiment.campaigns.select_related("audience").first()
    audience = sends.audience if sends is not None else None
    # where a site asks, or a campaign goes on, new people come every day
    grows = sends is None or sends.goes_on or sends.via == "decide"
    base = planning.base_of(goals[0].metric, window_days=experiment.window_hours / 24, now=now,
                            segment=audience)  # fmt: skip
    told = planning.plan(base, lift=experiment.target_lift, arms=arms)
    if told is None:
        yield Check("warn", say("How many people it takes is not known before somebody converts."))
        return
    lift = f"{experiment.target_lift * 100:.0f} %"
    if told.total > base.people and not grows:
        yield Check("warn", say("An effect of %(lift)s takes about %(people)s people in all, and "
                                "there are %(there)s: it will say “not enough yet” for ever. Look "
                                "for a larger effect, use fewer arms, or a longer window.",
                                lift=lift, people=told.total, there=base.people))  # fmt: skip
        return
    if told.days is not None and told.days <= LONG:
        yield Check("pass", say("An effect of %(lift)s takes about %(people)s people an arm, some "
                                "%(days)s days at the pace of the last 30.", lift=lift,
                                people=told.people, days=told.days))  # fmt: skip
    else:
        yield Check("warn", say("An effect of %(lift)s takes about %(people)s people an arm: more "
                                "than come by in %(days)s days. Look for a larger effect, or use "
                                "fewer arms.", lift=lift, people=told.people,
                                days=LONG))  # fmt: skip


def _agreed(experiment: Experiment) -> Iterator[Check]:
    told = agreeing.approval(experiment)
    if told.given:
        yield Check("pass", say("Approved by %(who)s.", who=told.by))
    elif told.stale:
        yield Check("block" if told.wanted else "warn",
                    say("It was changed since %(who)s approved it.", who=told.by))  # fmt: skip
    elif told.wanted:
        yield Check("block", say("Another person has to approve this experiment before it starts."))
