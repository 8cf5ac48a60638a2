"""A policy of the demo's shop that explored for two weeks, simulated: loyal customers redeem free
delivery, new ones a tasting set; a gift card brings little to anybody. It learned a version that
the gate judged, and nobody let it go live yet."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from campaigns.contacts.models import Contact, Event, Profile
from campaigns.decisions import services as decisions
from campaigns.decisions.models import Decision
from campaigns.strategy import banks, deciding, looking, planning, selectors, services
from campaigns.strategy.models import Policy
from campaigns.strategy.services import PolicyPlan

DAYS, PEOPLE, SEED = 15, 150, 5
NAME, EVENT = "Welcome-back offer", "Offer Redeemed"
OFFERS = (("Free delivery", "delivery", 390), ("Tasting set", "tasting", 620),
          ("Gift card", "gift-card", 500))  # fmt: skip
LOYAL = frozenset({"loyal", "active"})
RATES = {(True, "delivery"): 0.34, (False, "tasting"): 0.3, (True, "tasting"): 0.1,
         (False, "delivery"): 0.09}  # fmt: skip
OTHERWISE, WAITING = 0.07, 0.05


def explore(now: datetime) -> Policy | None:
    """The policy with its log; None where the demo has it already or nobody to decide for."""
    people = list(
        Contact.objects.filter(status="enabled").exclude(email="").order_by("id")[:PEOPLE]
    )
    if not people or Policy.objects.filter(name=NAME).exists():
        return None
    policy = _made()
    stages = dict(Profile.objects.filter(contact__in=people).values_list("contact_id", "lifecycle"))
    rng = random.Random(SEED)  # noqa: S311 - the demo is the same each time
    for day in range(DAYS, 0, -1):
        at = now - timedelta(days=day)
        plan = planning.planned(policy, at)
        events = []
        for person in people:
            made = deciding.decide(plan, person, {}, at)
            if rng.random() < _rate(stages.get(person.pk, ""), made):
                events.append(_redeemed(person, at + timedelta(hours=rng.uniform(0.2, 20))))
        Event.objects.bulk_create(events)
    decisions.reward_contacts([p.pk for p in people])
    version = services.learn(policy, now)
    services.judge(selectors.version(version.pk), now)
    looking.look(selectors.policy(policy.pk), now)
    return policy


def _made() -> Policy:
    bank = banks.create_bank("Offers for coming back")
    for name, key, cost in OFFERS:
        banks.add_option(bank, dimension="offer", name=name, key=key, cost_cents=cost)
    metric = decisions.save_metric(
        key="offer-redeemed", name="Offer redeemed", event_name=EVENT, kind="conversion"
    )
    policy = services.create(PolicyPlan(
        name=NAME, bank=bank, primary=metric, control_share=0.15, window_hours=24,
        features=["lifecycle", "orders", "days_since_order", "top_category"],
    ))  # fmt: skip
    banks.add_constraint(policy, kind="cap", options=["offer:gift-card"],
                         values={"most": 4, "days": 14})  # fmt: skip
    banks.add_constraint(policy, kind="share", options=["offer:tasting"],
                         values={"least": 0.0, "most": 0.6, "trait": "", "value": ""})  # fmt: skip
    banks.add_fairness(policy, trait="city", measure="benefit", least_people=20)
    services.start(policy)
    return selectors.policy(policy.pk)


def _rate(stage: str, made: Decision) -> float:
    if made.action == "wait":
        return WAITING
    return RATES.get((stage in LOYAL, made.action), OTHERWISE)


def _redeemed(person: Contact, at: datetime) -> Event:
    return Event(message_id=f"redeemed-{person.pk}-{at.timestamp():.0f}", type="track", name=EVENT,
                 contact=person, at=at)  # fmt: skip
