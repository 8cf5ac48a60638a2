"""The demo's standing campaign: a policy that chooses which letter goes to whom, at which hour, and
sends it by itself."""

from __future__ import annotations

from campaigns.content import selectors as content
from campaigns.content.models import Channel
from campaigns.decisions import selectors as log
from campaigns.delivery import services as delivery
from campaigns.segments.models import Segment
from campaigns.strategy import banks, services
from campaigns.strategy.models import ActionBank, Constraint, Option, Policy
from campaigns.strategy.services import PolicyPlan

NAME = "Letters to those who know us"
MORNING = 9


def launch() -> Policy | None:
    """The policy with its campaign, launched. None where it is there, or nothing is approved."""
    texts = list(content.approved_revisions(Channel.EMAIL)[:3])
    goal = log.metrics().filter(key="order").first()
    audience = Segment.objects.filter(name="Everyone with an address").first()
    if not texts or goal is None or audience is None or Policy.objects.filter(name=NAME).exists():
        return None
    bank = banks.create_bank("Letters and hours")
    for text in texts:
        banks.add_option(bank, dimension=Option.Dimension.CREATIVE, name=str(text.asset),
                         revision=text, cost_cents=1)  # fmt: skip
    _hours(bank)
    policy = services.create(PolicyPlan(
        name=NAME, bank=bank, primary=goal, features=["lifecycle", "orders"], every_hours=24,
        window_hours=72, guardrails=list(log.metrics().filter(key="unsubscribe")), floor=0.05,
    ))  # fmt: skip
    banks.add_constraint(policy, kind=Constraint.Kind.QUIET, options=[],
                         values={"from": 22, "to": 7})  # fmt: skip
    banks.add_constraint(policy, kind=Constraint.Kind.CAP, options=[],
                         values={"most": 1, "days": 3})  # fmt: skip
    campaign = delivery.create(name=NAME, via="email", audience=audience, policy=policy)
    delivery.launch(campaign=campaign)
    return policy


def _hours(bank: ActionBank) -> None:
    dimension = Option.Dimension.SEND_TIME
    banks.add_option(bank, dimension=dimension, name="At once", key="at-once")
    banks.add_option(bank, dimension=dimension, name="In the morning", key="morning", hour=MORNING)
