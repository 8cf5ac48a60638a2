"""A campaign by a policy goes on by itself: who is due is decided for, and what was chosen leaves
at its hour.

    visit → people of the audience who are not decided for yet and may be written to
    → the decision and, in the same transaction, its message → sent when it is due

Quiet hours and a send time put a message off; nothing is dropped for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from attune.kernel import live
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from campaigns.contacts.models import Contact
from campaigns.content.models import Channel, Revision
from campaigns.decisions.models import Decision
from campaigns.delivery import deciding, reach
from campaigns.delivery.jobs import SEND_DUE, VISIT, SendDue, Visit
from campaigns.delivery.models import Campaign, Send
from campaigns.segments.models import SegmentMembership
from campaigns.strategy import binding, planning
from campaigns.strategy import deciding as policies
from campaigns.strategy.actions import WAIT, Action
from campaigns.strategy.models import Option, Policy
from campaigns.strategy.planning import Plan

EVERY = timedelta(minutes=15)  # between two visits
LATER = timedelta(minutes=30)  # a message that meets quiet hours asks again after
STUCK = timedelta(minutes=15)
PORTION = 20  # people of one transaction


@dataclass(slots=True)
class Seen:
    """What a visit found, in people: decided for (of them how many wait), put off by quiet hours,
    held by their frequency, not to be written to."""

    decided: int = 0
    waits: int = 0
    quiet: int = 0
    held: int = 0
    unreachable: int = 0

    def add(self, other: Seen) -> None:
        for name, n in asdict(other).items():
            setattr(self, name, getattr(self, name) + n)


def ask(now: datetime) -> None:
    """Let every campaign whose time has come be visited, and what is due be sent."""
    going = Campaign.objects.filter(state=Campaign.State.RUNNING, policy__isnull=False)
    for campaign in going.exclude(visit_at__gt=now):
        job = VISIT.enqueue(Visit(campaign.pk), dedupe_key=str(campaign.pk))
        values: dict[str, Any] = {"visit_at": now + EVERY}
        Campaign.objects.filter(pk=campaign.pk).update(**values, **({"job": job} if job else {}))
    due = Send.objects.filter(state=Send.State.PENDING, due_at__lte=now)
    for campaign in going.filter(Exists(due.filter(campaign_id=OuterRef("pk")))):
        SEND_DUE.enqueue(SendDue(campaign.pk), dedupe_key=str(campaign.pk))
    stuck = Send.objects.filter(
        state=Send.State.SENDING, due_at__isnull=False, sent_at__lt=now - STUCK
    )
    stuck.update(state=Send.State.UNCERTAIN,
                 reason=say("The worker stopped while handing this over."))  # fmt: skip


def plan_of(campaign: Campaign, now: datetime) -> Plan:
    """What its policy may choose and this campaign can send. Raises Conflict where the policy does
    not decide."""
    assert campaign.policy is not None  # noqa: S101
    plan = planning.planned(campaign.policy, now)
    texts = texts_of(plan.actions, plan.options, campaign.via)
    return replace(plan, actions=[a for a in plan.actions if a.key == WAIT or a.key in texts])


def texts_of(
    actions: Sequence[Action], options: Mapping[str, Option], via: str
) -> dict[str, Revision]:
    """The text of each action that has one, and one alone, of a channel that the campaign has."""
    found = {}
    for action in actions:
        chosen = [options[f"{d}:{k}"] for d, k in action.options if f"{d}:{k}" in options]
        texts = [o.revision for o in chosen if o.revision is not None]
        if len(texts) == 1 and (via != Campaign.Via.EMAIL
                                or texts[0].asset.channel == Channel.EMAIL):  # fmt: skip
            found[action.key] = texts[0]
    return found


def due_people(campaign: Campaign, plan: Plan, *, after: UUID | None, now: datetime) -> list[UUID]:
    """The next people of the audience, by id, for whom a decision is due: none was made for as long
    as one holds. So two that wait for the same hour of the day never meet."""
    decided = Decision.objects.filter(
        source_id=plan.policy.pk, contact_id=OuterRef("contact_id"),
        at__gt=now - timedelta(hours=plan.policy.every_hours),
    )  # fmt: skip
    rows = SegmentMembership.objects.filter(segment=campaign.audience, left_at=None)
    if after is not None:
        rows = rows.filter(contact_id__gt=after)
    rows = rows.exclude(Exists(decided)).order_by("contact_id")
    return list(rows.values_list("contact_id", flat=True)[:PORTION])


def visit(campaign: Campaign, plan: Plan, ids: Sequence[UUID], now: datetime) -> Seen:
    """Decide for these people, and write their messages. Doing it twice makes nothing twice."""
    seen, sends = Seen(), []
    channel = campaign.channel if campaign.via == Campaign.Via.EMAIL else ""
    reachable = reach.reachable(ids, channel, now)
    held = policies.standing(plan, ids, now)
    texts = texts_of(plan.actions, plan.options, campaign.via)
    for person in Contact.objects.filter(pk__in=ids).order_by("pk"):
        if person.pk not in reachable or deciding.outside(plan.policy, person):
            seen.unreachable += 1
        elif person.pk in held:
            seen.held += 1
        elif _quiet(plan, person, now):
            seen.quiet += 1
        else:
            made = policies.decide(plan, person, {}, now)
            seen.decided += 1
            seen.waits += made.action == WAIT
            if made.at == now and made.action in texts:  # not one that holds from before
                sends.append(_send(campaign, plan, person, made, texts[made.action], now))
    Send.objects.bulk_create(sends, ignore_conflicts=True)
    if any(send.due_at is not None and send.due_at <= now for send in sends):
        SEND_DUE.enqueue(SendDue(campaign.pk), dedupe_key=str(campaign.pk))
    return seen


def _quiet(plan: Plan, person: Contact, now: datetime) -> bool:
    local = now.astimezone(policies.zone_of(person))
    return binding.all_quiet(plan.rules, plan.actions, plan.options, local)


def _send(
    campaign: Campaign, plan: Plan, person: Contact, made: Decision, text: Revision, now: datetime
) -> Send:  # fmt: skip
    action = next(a for a in plan.actions if a.key == made.action)
    local = now.astimezone(policies.zone_of(person))
    return Send(
        campaign=campaign, contact=person, decision_id=made.pk, revision=text, slot=made.slot,
        due_at=due_at(local, binding.hour_of(action, plan.options, local.hour)),
    )  # fmt: skip


def due_at(local: datetime, hour: int) -> datetime:
    """Now where it is that hour of the person's day, else its next full hour."""
    if local.hour == hour:
        return local
    at = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    return at if at > local else at + timedelta(days=1)


def waiting(campaign_id: UUID, now: datetime) -> list[UUID]:
    """Messages whose time has come."""
    rows = Send.objects.filter(
        campaign_id=campaign_id, state=Send.State.PENDING, due_at__lte=now
    )  # fmt: skip
    return list(rows.order_by("due_at", "id").values_list("id", flat=True))


def over(send: Send, now: datetime) -> Phrase | None:
    """Why what a policy chose is not sent any more."""
    policy, made = send.campaign.policy, send.decision
    assert policy is not None  # noqa: S101
    assert send.due_at is not None  # noqa: S101
    if policy.state == Policy.State.RETIRED:
        return say("The policy is retired.")
    stopped = policy.state == Policy.State.PAUSED and made.mode != Decision.Mode.FALLBACK
    if stopped and made.action != policy.default_action:
        return say("The policy is stopped; everybody gets the default.")
    if now - send.due_at > timedelta(hours=policy.every_hours):
        return say("Its time was over before it could be sent.")
    if made.action not in {a.key for a in planning.planned(policy, now).actions}:
        return say("The policy may not do this any more.")
    return None


def put_off(send: Send, now: datetime) -> bool:
    """Whether a message meets quiet hours, for one because its campaign was paused: it waits."""
    assert send.campaign.policy is not None  # noqa: S101
    plan = planning.planned(send.campaign.policy, now)
    local = now.astimezone(policies.zone_of(send.contact))
    mine = [a for a in plan.actions if a.key == send.decision.action]
    if not binding.all_quiet(plan.rules, mine, {}, local):  # at this hour, whichever was meant
        return False
    Send.objects.filter(pk=send.pk).update(due_at=now + LATER)
    return True


def told(campaign: Campaign, seen: Seen, now: datetime, problem: Phrase | None = None) -> None:
    """Keep what the newest visit found, for people to see."""
    values = {**asdict(seen), "at": now.isoformat()}
    if problem is not None:
        values["problem"] = problem.stored()
    Campaign.objects.filter(pk=campaign.pk).update(last_visit=values)
    live.push(current_tenant(), "campaigns", str(campaign.pk))
