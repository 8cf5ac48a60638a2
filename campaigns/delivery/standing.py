"""A campaign by a policy goes on by itself: who is due is decided for, and what was chosen leaves
at its hour.

    visit → people of the audience who are not decided for yet and may be written to
    → the decision and, in the same transaction, its message → sent when it is due

Quiet hours and a send time put a message off; nothing is dropped for them. A message that does not
leave after all withdraws its decision, so that nothing is learned from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from attune.kernel import audit, live
from attune.kernel.errors import Conflict
from attune.kernel.models import JobRow
from attune.kernel.phrases import Phrase, as_is, say
from attune.kernel.tenancy import current_tenant
from campaigns.contacts.models import Contact, IdentityMerge
from campaigns.content.models import Channel, Revision
from campaigns.content.services import verify
from campaigns.decisions.models import Decision
from campaigns.delivery import deciding, reach
from campaigns.delivery import services as sends
from campaigns.delivery.jobs import SEND_DUE, VISIT, SendDue, Visit
from campaigns.delivery.models import Campaign, Send
from campaigns.segments.models import SegmentMembership
from campaigns.strategy import binding, planning, services
from campaigns.strategy import deciding as policies
from campaigns.strategy.actions import WAIT, Action
from campaigns.strategy.models import Option, Policy
from campaigns.strategy.planning import Plan

EVERY = timedelta(minutes=15)  # between two visits
STUCK = timedelta(minutes=15)
STOPPED = say("The worker stopped while handing this over.")
LOOKED, PORTION = 500, 20  # people looked at together, and decided for in one transaction
MOST = 5_000  # people decided for, or messages sent, by one job; another goes on


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


@dataclass(frozen=True, slots=True)
class Sending:
    """What a campaign's policy may choose now, its texts by action, and what cannot be sent."""

    plan: Plan
    texts: Mapping[str, Revision]
    problem: Phrase | None = None
    quiet: dict[tuple[str, int], bool] = field(default_factory=dict)  # by zone and hour

    def asleep(self, person: Contact, now: datetime) -> bool:
        """Whether quiet hours leave nothing to do now; told once for a time zone."""
        local = now.astimezone(policies.zone_of(person, self.plan))
        place = (str(local.tzinfo), local.hour)
        if place not in self.quiet:
            plan = self.plan
            found = binding.all_quiet(plan.rules, plan.actions, plan.options, local)
            self.quiet[place] = found
        return self.quiet[place]


def ask(now: datetime) -> None:
    """Let every campaign whose time has come be visited, and what is due be sent; one job of a kind
    at a time for each."""
    running = Campaign.objects.filter(state=Campaign.State.RUNNING)
    going = running.filter(policy__isnull=False)
    busy = set(
        JobRow.objects.filter(kind__in=[VISIT.name, SEND_DUE.name], state=JobRow.State.RUNNING)
        .values_list("kind", "dedupe_key")
    )  # fmt: skip
    for campaign in going.filter(policy__state__in=[Policy.State.PAUSED, Policy.State.RETIRED]):
        if Send.objects.filter(campaign=campaign, state=Send.State.PENDING).exists():
            sends.abort(campaign, say("The policy is stopped; nothing is sent."))
            live.push(current_tenant(), "campaigns", str(campaign.pk))
    for campaign in going.exclude(visit_at__gt=now):
        if (VISIT.name, str(campaign.pk)) not in busy:
            VISIT.enqueue(Visit(campaign.pk), dedupe_key=str(campaign.pk))
    due = Send.objects.filter(state=Send.State.PENDING, due_at__lte=now)
    for campaign in running.filter(Exists(due.filter(campaign_id=OuterRef("pk")))):
        if (SEND_DUE.name, str(campaign.pk)) not in busy:
            SEND_DUE.enqueue(SendDue(campaign.pk), dedupe_key=str(campaign.pk))
    stuck = Send.objects.filter(
        state=Send.State.SENDING, due_at__isnull=False, sent_at__lt=now - STUCK
    )
    of = set(stuck.values_list("campaign_id", flat=True))
    n = stuck.update(state=Send.State.UNCERTAIN, reason=STOPPED)
    if n:
        audit.record("delivery.uncertain", sends=n)
    for campaign in Campaign.objects.filter(pk__in=of):
        sends.finish_if_done(campaign=campaign)


def ready(campaign: Campaign, now: datetime) -> Sending:
    """What its policy may choose and this campaign can send: actions with one approved text. Raises
    Conflict where the policy does not decide, or everybody would get the default: who asks may do
    that, but nothing is sent by itself that nobody chose."""
    assert campaign.policy is not None  # noqa: S101
    plan = planning.planned(campaign.policy, now)
    if plan.fallback is not None:
        raise Conflict(say("Nothing is sent: %(why)s", why=plan.fallback))
    texts, problem = texts_of(plan.actions, plan.options, campaign.via), None
    for text in {text.pk: text for text in texts.values()}.values():
        try:
            verify(text)
        except Conflict as refusal:
            problem = say("“%(text)s” is not sent: %(why)s Choose its approved revision in the "
                          "bank.", text=text.asset, why=as_is(refusal.detail))  # fmt: skip
            texts = {key: one for key, one in texts.items() if one.pk != text.pk}
    kept = [a for a in plan.actions if a.key == WAIT or a.key in texts]
    return Sending(replace(plan, actions=kept), texts, problem)


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


def due_people(
    campaign: Campaign, plan: Plan, *, after: UUID | None, now: datetime
) -> list[Contact]:  # fmt: skip
    """The next people of the audience, by id, for whom a decision is due: none was made for as long
    as one holds, also not as the visitor they were. So two that wait for the same hour of the day
    never meet."""
    visitors = IdentityMerge.objects.filter(target_id=OuterRef(OuterRef("pk")), undone_at=None)
    decided = Decision.objects.filter(
        Q(contact_id=OuterRef("pk")) | Q(contact_id__in=visitors.values("source_id")),
        source_id=plan.policy.pk, at__gt=now - timedelta(hours=plan.policy.every_hours),
    )  # fmt: skip
    member = SegmentMembership.objects.filter(
        segment=campaign.audience, left_at=None, contact_id=OuterRef("pk")
    )
    rows = Contact.objects.filter(Exists(member)).exclude(Exists(decided))
    if after is not None:
        rows = rows.filter(pk__gt=after)
    return list(rows.order_by("pk")[:LOOKED])


def visit(campaign: Campaign, sending: Sending, people: Sequence[Contact], now: datetime) -> Seen:
    """Decide for these people, who are not asleep, and write their messages. Doing it twice makes
    nothing twice."""
    seen, letters = Seen(), []
    ids = [person.pk for person in people]
    reachable = {
        channel: reach.reachable(ids, channel, now, campaign.topic)
        for channel in {text.asset.channel for text in sending.texts.values()}
    }
    held = policies.standing(sending.plan, ids, now)
    for person in people:
        plan = _open_to(sending, person.pk, reachable)
        if plan is None or deciding.outside(plan.policy, person):
            seen.unreachable += 1
        elif person.pk in held:
            seen.held += 1
        else:
            made = policies.decide(plan, person, {}, now)
            seen.decided += 1
            seen.waits += made.action == WAIT
            text = sending.texts.get(made.action)
            chosen = made.at == now and made.mode != Decision.Mode.FALLBACK
            if chosen and text is not None:  # not one that holds from before
                letters.append(Send(campaign=campaign, contact=person, decision_id=made.pk,
                                  revision=text, slot=made.slot,
                                  due_at=made.acts_at or now))  # fmt: skip
    Send.objects.bulk_create(letters, ignore_conflicts=True)
    if any(letter.due_at == now for letter in letters):
        SEND_DUE.enqueue(SendDue(campaign.pk), dedupe_key=str(campaign.pk))
    return seen


def _open_to(
    sending: Sending, person: UUID, reachable: Mapping[str, set[UUID]]
) -> Plan | None:  # fmt: skip
    """The plan with what may be sent to this person; None where that is nothing."""
    channels = {channel for channel, people in reachable.items() if person in people}
    if channels == set(reachable):
        return sending.plan if channels else None
    kept = [
        a for a in sending.plan.actions
        if a.key == WAIT or sending.texts[a.key].asset.channel in channels
    ]  # fmt: skip
    return replace(sending.plan, actions=kept) if channels else None


def waiting(campaign_id: UUID, now: datetime) -> list[UUID]:
    """Messages whose time has come, the longest waiting first: as many as one job sends."""
    rows = Send.objects.filter(
        campaign_id=campaign_id, state=Send.State.PENDING, due_at__lte=now
    )  # fmt: skip
    return list(rows.order_by("due_at", "id").values_list("id", flat=True)[:MOST])


def told(
    campaign_id: UUID, seen: Mapping[str, int], now: datetime, problem: Phrase | None = None
) -> None:
    """Keep what the newest visit found, for people to see; the next one comes later."""
    values: dict[str, Any] = {**seen, "at": now.isoformat()}
    if problem is not None:
        values["problem"] = problem.stored()
    Campaign.objects.filter(pk=campaign_id).update(last_visit=values, visit_at=now + EVERY)
    live.push(current_tenant(), "campaigns", str(campaign_id))


def withdraw(letters: Iterable[Send], why: Phrase) -> None:
    """These messages of one policy do not leave: their decisions were not done after all."""
    rows = list(letters)
    if rows and (policy := rows[0].campaign.policy) is not None:
        services.withdraw(policy, [row.decision_id for row in rows if row.decision_id], why)
