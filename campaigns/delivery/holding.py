"""Whether a message that a policy chose still leaves, at the moment when it is due."""

from __future__ import annotations

from datetime import datetime, timedelta

from attune.kernel.phrases import Phrase, say
from campaigns.delivery import deciding
from campaigns.delivery.models import Send
from campaigns.segments import selectors as segments
from campaigns.segments.models import SegmentMembership
from campaigns.strategy import binding, planning
from campaigns.strategy import deciding as policies
from campaigns.strategy.models import Policy
from campaigns.strategy.planning import Plan

LATER = timedelta(minutes=30)  # a message that meets quiet hours asks again after


def over(send: Send, now: datetime) -> Phrase | None:
    """Why it is not sent any more."""
    policy, made = send.campaign.policy, send.decision
    assert policy is not None  # noqa: S101
    assert send.due_at is not None and made is not None  # noqa: S101, PT018
    if policy.state == Policy.State.RETIRED:
        return say("The policy is retired.")
    if policy.state == Policy.State.PAUSED:
        return say("The policy is stopped; nothing is sent.")
    if now - send.due_at > timedelta(hours=policy.every_hours):
        return say("Its time was over before it could be sent.")
    plan = planning.planned(policy, now)
    if made.action not in {a.key for a in plan.actions}:
        return say("The policy may not do this any more.")
    return _outside(send, plan)


def _outside(send: Send, plan: Plan) -> Phrase | None:
    """Who has left the audience since the decision gets nothing."""
    audience = send.campaign.audience
    member = SegmentMembership.objects.filter(
        segment=audience, contact_id=send.contact_id, left_at=None
    )
    if not member.exists() or deciding.outside(plan.policy, send.contact):
        return say("The contact is not in the audience “%(audience)s” any more.",
                   audience=audience)  # fmt: skip
    action = send.decision.action if send.decision is not None else ""
    for dimension, key in plan.parsed(action).options:
        option = plan.options.get(f"{dimension}:{key}")
        if (
            option is not None
            and option.segment is not None
            and not segments.holds(option.segment.rule, send.contact_id)
        ):
            return say("Not in the segment “%(segment)s”.", segment=option.segment.name)
    return None


def put_off(send: Send, now: datetime) -> bool:
    """Whether it meets quiet hours, for one because its campaign was paused: then it waits."""
    assert send.campaign.policy is not None  # noqa: S101
    plan = planning.planned(send.campaign.policy, now)
    local = now.astimezone(policies.zone_of(send.contact, plan))
    mine = [a for a in plan.actions if send.decision and a.key == send.decision.action]
    if not binding.all_quiet(plan.rules, mine, {}, local):  # at this hour, whichever was meant
        return False
    Send.objects.filter(pk=send.pk).update(due_at=now + LATER)
    return True
