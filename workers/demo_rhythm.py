"""What the demo's shop foretells, and how often it should write.

A policy of sequences with a week of its log, simulated: a letter is read by who had none for
some days; who gets one every day stops reading. What it learns comes from the training queue, like
the prediction of who will order.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from campaigns.contacts.models import Contact, Event
from campaigns.decisions import selectors as log
from campaigns.decisions import services as decisions
from campaigns.decisions.models import Decision
from campaigns.predictions import services as predictions
from campaigns.predictions.models import Prediction
from campaigns.strategy import banks, deciding, looking, planning, selectors, services
from campaigns.strategy.models import Policy
from campaigns.strategy.services import PolicyPlan

DAYS, PEOPLE, SEED = 7, 350, 9
NAME, EVENT = "Newsletter rhythm", "Newsletter Read"
LETTERS = (("Short letter", "short", 1), ("Long letter", "long", 3))
RESTED, TIRED = {"short": 0.35, "long": 0.5}, {"short": 0.08, "long": 0.03}
WAITING, REST_DAYS = 0.03, 2.5


def foretell() -> None:
    """Who will order within a week."""
    goal = log.metrics().filter(event_name="Order Completed").first()
    if goal is not None and not Prediction.objects.exists():
        predictions.create(name="Orders within a week", goal=goal, days=7)


def explore(now: datetime) -> Policy | None:
    """The policy with its log; it learns when a worker comes to it. None where it is there."""
    people = list(
        Contact.objects.filter(status="enabled").exclude(email="").order_by("-id")[:PEOPLE]
    )
    if not people or Policy.objects.filter(name=NAME).exists():
        return None
    policy = _made()
    rng = random.Random(SEED)  # noqa: S311 - the demo is the same each time
    for day in range(DAYS, 0, -1):
        at = now - timedelta(days=day)
        plan = planning.planned(policy, at)
        events = []
        for person in people:
            made = deciding.decide(plan, person, {}, at)
            if rng.random() < _rate(made):
                events.append(_read(person, at + timedelta(hours=rng.uniform(0.2, 20))))
        Event.objects.bulk_create(events)
    decisions.reward_contacts([p.pk for p in people])
    looking.look(selectors.policy(policy.pk), now)
    services.ask_to_learn(policy)
    return policy


def _made() -> Policy:
    bank = banks.create_bank("Letters")
    for name, key, cost in LETTERS:
        banks.add_option(bank, dimension="creative", name=name, key=key, cost_cents=cost)
    metric = decisions.save_metric(
        key="newsletter-read", name="Newsletter read", event_name=EVENT, kind="conversion"
    )
    policy = services.create(PolicyPlan(
        name=NAME, bank=bank, primary=metric, kind=Policy.Kind.SEQUENTIAL, window_hours=24,
        features=["since_action", "actions_lately", "lifecycle"], discount=0.8,
    ))  # fmt: skip
    services.start(policy)
    return selectors.policy(policy.pk)


def _rate(made: Decision) -> float:
    if made.action == "wait":
        return WAITING
    rested = made.profile["since_action"] > REST_DAYS
    return (RESTED if rested else TIRED)[made.action]


def _read(person: Contact, at: datetime) -> Event:
    return Event(message_id=f"read-{person.pk}-{at.timestamp():.0f}", type="track", name=EVENT,
                 contact=person, at=at)  # fmt: skip
