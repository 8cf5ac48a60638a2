"""A shop with a policy whose truth is known: young people order after a discount, others after
free delivery."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from campaigns.contacts.models import Contact, Event, Identity
from campaigns.decisions import services as decisions
from campaigns.decisions.models import Decision, Reward
from campaigns.strategy import banks, deciding, planning, selectors, services
from campaigns.strategy.models import ActionBank, Policy
from campaigns.strategy.services import PolicyPlan
from tests import make

RATES = {("young", "discount"): 0.5, ("old", "delivery"): 0.5}
BASE, WAITING = 0.1, 0.05


def bank(name: str = "Offers", **costs: int) -> ActionBank:
    row = banks.create_bank(name)
    for key in ("discount", "delivery"):
        banks.add_option(row, dimension="offer", name=key.title(), key=key,
                         cost_cents=costs.get(key, 0))  # fmt: skip
    return row


def policy(*, started: bool = True, of: ActionBank | None = None, **fields: Any) -> Policy:
    values: dict[str, Any] = {
        "name": "Welcome", "bank": of or bank(), "primary": fields.pop("primary", None)
        or make.metric(), "features": ["trait:age"], "control_share": 0.1, "every_hours": 24,
        "window_hours": 24, **fields,
    }  # fmt: skip
    row = services.create(PolicyPlan(**values))
    if started:
        services.start(row)
    return selectors.policy(row.pk)


def people(n: int, *, seed: int = 0) -> list[Contact]:
    rng = random.Random(seed)
    rows = [
        Contact(external_id=f"p{seed}-{i}", traits={"age": rng.choice(["young", "old"])})
        for i in range(n)
    ]
    Contact.objects.bulk_create(rows)
    Identity.objects.bulk_create(
        Identity(kind="user", value=row.external_id, contact=row) for row in rows
    )
    return rows


def ordered(person: Contact, decision: Decision, rng: random.Random) -> bool:
    if decision.action == "wait":
        return rng.random() < WAITING
    return rng.random() < RATES.get((person.traits["age"], decision.action), BASE)


def play(
    of: Policy, who: list[Contact], at: datetime, *, seed: int = 0, after: float = 3.0,
    harm: float = 0.0,
) -> list[Decision]:  # fmt: skip
    """A day: everybody is decided for at `at`, and who orders does so `after` hours later."""
    rng = random.Random(seed)
    plan = planning.planned(selectors.policy(of.pk), at)
    made, events = [], []
    for person in who:
        decision = deciding.decide(plan, person, {}, at)
        made.append(decision)
        if ordered(person, decision, rng):
            events.append(_event(person, "Order Completed", at + timedelta(hours=after)))
        if harm and decision.context.get("group") == "candidate" and rng.random() < harm:
            events.append(_event(person, "Complaint", at + timedelta(hours=after)))
    Event.objects.bulk_create(events)
    decisions.reward_contacts([p.pk for p in who])
    return made


def _event(person: Contact, name: str, at: datetime) -> Event:
    return Event(message_id=f"{name}-{person.pk}-{at.timestamp()}", type="track", name=name,
                 contact=person, at=at)  # fmt: skip


def explored(n: int = 400, days: int = 2, **fields: Any) -> Policy:
    """A policy that explored for `days`, a day between, with `n` people each."""
    row = policy(**fields)
    now = timezone.now()
    who = people(n)
    for day in range(days):
        play(row, who, now - timedelta(days=days + 1 - day), seed=day)
    assert Reward.objects.exists()
    return selectors.policy(row.pk)


def tiring(n: int = 120, days: int = 9, **fields: Any) -> Policy:
    """A policy of sequences with its log: a letter sells, unless there was one lately; who got one
    the day before orders less whatever is done."""
    row = policy(
        of=_letters(), name="Rhythm", kind=Policy.Kind.SEQUENTIAL, floor=0.02, discount=0.8,
        features=["since_action", "actions_lately"], **fields,
    )  # fmt: skip
    who, now, rng = people(n, seed=7), timezone.now(), random.Random(7)
    for day in range(days):
        at = now - timedelta(days=days + 1 - day)
        plan = planning.planned(selectors.policy(row.pk), at)
        events = []
        for person in who:
            made = deciding.decide(plan, person, {}, at)
            rested = made.profile["since_action"] > 1.5
            rate = (0.7 if rested else 0.01) if made.action == "letter" else 0.1 * rested
            if rng.random() < rate:
                events.append(_event(person, "Order Completed", at + timedelta(hours=2)))
        Event.objects.bulk_create(events)
        decisions.reward_contacts([p.pk for p in who])
    return selectors.policy(row.pk)


def _letters() -> ActionBank:
    row = banks.create_bank("Letters")
    banks.add_option(row, dimension="creative", name="Letter", key="letter", cost_cents=0)
    return row
