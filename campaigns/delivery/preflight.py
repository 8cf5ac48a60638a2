"""What stands in the way of a launch, and what to know before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.phrases import Phrase, say, word
from attune.kernel.tenancy import current_tenant
from campaigns.content.services import verify
from campaigns.delivery import allowance, selectors, turns
from campaigns.delivery.models import Campaign
from campaigns.experiments import agreeing
from campaigns.experiments.models import Experiment
from campaigns.segments.models import Segment, SegmentMembership
from campaigns.strategy.models import Policy
from tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class Preflight:
    """What stands in the way of a launch, how many people it reaches, and what to know before."""

    people: int
    problems: list[Phrase]
    warnings: list[Phrase]


def of(campaign: Campaign) -> Preflight:
    """The checklist before launch: approved, unaltered variants; an audience; a sender."""
    problems: list[Phrase] = []
    for name, text in selectors.shown(campaign):
        try:
            verify(text)
        except Conflict as refusal:
            problems.append(say("%(arm)s: %(problem)s", arm=name, problem=refusal.detail))
    people = SegmentMembership.objects.filter(segment=campaign.audience, left_at=None).count()
    if campaign.audience is not None:
        problems += segment_problems(campaign.audience)
    if people == 0:
        problems.append(say("The segment “%(audience)s” is empty.", audience=campaign.audience))
    tenant = Tenant.objects.get(pk=current_tenant())
    blast = people if campaign.experiment is not None else 0
    problems += sender_problems(campaign.via, tenant)
    problems += _allowance_problems(blast, tenant)
    trial = campaign.experiment
    if trial is not None and trial.state not in {Experiment.State.DRAFT, Experiment.State.RUNNING}:
        problems.append(say("The experiment is %(state)s.", state=word(trial.state)))
    if trial is not None and trial.state == Experiment.State.DRAFT:
        approval = agreeing.approval(trial)
        if approval.wanted and not approval.given:
            problems.append(say("Another person has to approve the experiment before it starts."))
    if campaign.policy is not None:
        problems += _policy_problems(campaign.policy)
    return Preflight(people, problems, list(turns.slow(blast, campaign.per_hour, tenant)))


def segment_problems(audience: Segment) -> Iterator[Phrase]:
    if audience.state == Segment.State.ARCHIVED:
        yield say("The segment “%(audience)s” is archived; choose another.", audience=audience)
    elif audience.state != Segment.State.READY:
        yield say("The segment “%(audience)s” is being worked out; wait for it.",
                  audience=audience)  # fmt: skip


def sender_problems(via: str, tenant: Tenant) -> Iterator[Phrase]:
    if via == Campaign.Via.EMAIL and not tenant.sender_email:
        yield say("The workspace has no sender address; set one in Settings.")


def _allowance_problems(people: int, tenant: Tenant) -> Iterator[Phrase]:
    """A blast that does not fit into what is left of the month is told of before it begins."""
    left = allowance.left(tenant)
    if left is not None and left < people:
        yield say(
            "%(left)s messages are left of this month's cap, the audience has %(people)s people: "
            "raise the cap in Settings → Usage, or choose a smaller audience.",
            left=f"{left:,}", people=f"{people:,}",
        )  # fmt: skip


def _policy_problems(policy: Policy) -> Iterator[Phrase]:
    if policy.state == Policy.State.RETIRED:
        yield say("The policy is retired.")
    if policy.state == Policy.State.PAUSED:
        yield say("The policy is stopped; resume it first.")


def cleared(campaign: Campaign) -> Preflight:
    """The checklist, or Invalid with everything that stands in the way."""
    check = of(campaign)
    if check.problems:
        raise Invalid([FieldError("campaign", problem) for problem in check.problems])
    return check
