"""One decision for a partner's own channel: who it is, may they get it, which arm, its text."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from attune.kernel.errors import Conflict, Invalid, NotFound
from attune.kernel.phrases import say, word
from campaigns.contacts import recording
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Contact
from campaigns.content.rendering import contact_values, render
from campaigns.content.services import verify
from campaigns.decisions.models import Decision
from campaigns.delivery import holds
from campaigns.delivery.models import Campaign
from campaigns.experiments import selectors as experiments
from campaigns.experiments import services
from campaigns.experiments.models import Arm, Experiment
from campaigns.segments import selectors as segments
from campaigns.strategy import actions as acting
from campaigns.strategy import deciding as policies
from campaigns.strategy import planning
from campaigns.strategy.models import Policy
from campaigns.strategy.planning import Plan
from campaigns.subscriptions import selectors as subscriptions


@dataclass(frozen=True, slots=True)
class Answer:
    """What to show. Without a decision nobody chose anything: `reason` says why."""

    decision: Decision | None = None
    arm: Arm | None = None
    components: dict[str, str] = field(default_factory=dict)
    reason: str = ""


def decide(
    *, key: str, user_id: str, anonymous_id: str, context: dict[str, Any], now: datetime
) -> Answer:
    """The arm of one person, logged before it is answered. Who may not get the campaign (status,
    refusal, audience) gets a reason, no arm and no place in the experiment."""
    experiment = experiments.by_key(key)
    person = contacts.contact(contact_of(user_id, anonymous_id))
    reason = excluded(experiment, person)
    if reason:
        return Answer(reason=reason)
    decision = services.decide(
        experiment=experiment, contact_id=person.pk, context=context, now=now
    )
    arm = arm_of(experiment, decision.action)
    if arm.revision is None:
        return Answer(decision, arm)
    verify(arm.revision)  # nothing unapproved is shown, whatever was decided before
    values = contact_values(person.name, person.email, "", "")
    parts = {k: render(v, values) for k, v in arm.revision.components.items()}
    return Answer(decision, arm, parts)


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """What a policy chose: the action, its options by dimension, the texts of those that show one.
    Without a decision nobody chose anything: `reason` says why."""

    decision: Decision | None = None
    options: dict[str, str] = field(default_factory=dict)
    components: dict[str, dict[str, str]] = field(default_factory=dict)
    reason: str = ""


def decide_by_policy(
    *, key: str, user_id: str, anonymous_id: str, context: dict[str, Any], now: datetime
) -> PolicyAnswer:
    """The action of one person, logged before it is answered."""
    plan = planning.planned_by_key(key, now)
    policy = plan.policy
    _check_asked(policy)
    person = contacts.contact(contact_of(user_id, anonymous_id))
    if reason := outside(policy, person):
        return PolicyAnswer(reason=reason)
    decision = policies.decide(plan, person, context, now)
    known = {a.key: a for a in plan.actions}
    action = known.get(decision.action, acting.Action(acting.WAIT))
    options = dict(action.options)
    return PolicyAnswer(decision, options, _texts(plan, options, person))


def _check_asked(policy: Policy) -> None:
    """A policy whose campaign sends by itself is not asked by others too: they would take its
    decisions and send nothing."""
    over = [Campaign.State.DRAFT, Campaign.State.SCHEDULED, Campaign.State.FINISHED,
            Campaign.State.CANCELLED]  # fmt: skip
    for campaign in Campaign.objects.filter(policy=policy).exclude(state__in=over):
        raise Conflict(say("“%(campaign)s” sends by itself (%(via)s).", campaign=campaign,
                           via=campaign.get_via_display()))  # fmt: skip


def outside(policy: Policy, person: Contact) -> str:
    """Why a policy does not decide for this person, or an empty string."""
    if person.status != Contact.Status.ENABLED:
        return say("The contact is %(status)s.", status=word(person.status))
    if (held := holds.why(person.pk)) is not None:
        return held
    audience = policy.audience
    if audience is not None and not segments.holds(audience.rule, person.pk):
        return say("The contact is not in the audience “%(audience)s”.", audience=audience)
    return ""


def _texts(plan: Plan, options: dict[str, str], person: Contact) -> dict[str, dict[str, str]]:
    """The approved texts of the chosen options, in the person's name."""
    values = contact_values(person.name, person.email, "", "")
    found = {}
    for option in plan.options.values():
        if option.revision is not None and options.get(option.dimension) == option.key:
            verify(option.revision)  # nothing unapproved is shown, whatever was decided before
            parts = option.revision.components
            found[option.dimension] = {k: render(v, values) for k, v in parts.items()}
    return found


def contact_of(user_id: str, anonymous_id: str) -> UUID:
    """The contact of an identity; an unknown one is made, as an event would."""
    if not user_id and not anonymous_id:
        raise Invalid.one("userId", say("Give userId or anonymousId."))
    return recording.contact_id(user_id=user_id, anonymous_id=anonymous_id)


def excluded(experiment: Experiment, person: Contact) -> str:
    """Why this person is not asked about, or an empty string. The audience is asked as it is at
    this moment, so that a visitor's first request is judged by what is known already."""
    if person.status != Contact.Status.ENABLED:
        return say("The contact is %(status)s.", status=word(person.status))
    campaign = Campaign.objects.select_related("audience").filter(experiment=experiment).first()
    if campaign is not None and campaign.via != Campaign.Via.DECIDE:
        raise Conflict(
            say(
                "“%(campaign)s” sends by itself (%(via)s).",
                campaign=campaign,
                via=campaign.get_via_display(),
            )
        )
    if campaign is None:  # an experiment alone: its caller chooses whom to ask about
        return ""
    refused = subscriptions.refusal(person.pk, campaign.channel, campaign.topic)
    if refused is not None:
        return refused
    if (held := holds.why(person.pk)) is not None:
        return held
    if campaign.audience is not None and not segments.holds(campaign.audience.rule, person.pk):
        return say("The contact is not in the audience “%(audience)s”.", audience=campaign.audience)
    return ""


def arm_of(experiment: Experiment, key: str) -> Arm:
    arm = (
        Arm.objects.select_related("revision", "revision__asset")
        .filter(experiment=experiment, key=key)
        .first()
    )
    if arm is None:
        raise NotFound(say("The experiment has no arm “%(key)s” any more.", key=key))
    return arm
