"""Campaigns: plan, launch, load, send, stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import time
from email.utils import formataddr

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count
from django.utils import timezone

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.locking import locked
from attune.kernel.phrases import Phrase, say, word
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from campaigns.content.models import Channel
from campaigns.delivery import preflight, selectors
from campaigns.delivery.jobs import LOAD_CAMPAIGN, LoadCampaign
from campaigns.delivery.models import Campaign, Endpoint, Send
from campaigns.experiments import services as experiments
from campaigns.experiments.models import Experiment
from campaigns.layouts.models import TemplateVersion
from campaigns.segments.models import Segment
from campaigns.strategy import services as policies
from campaigns.strategy.models import Policy
from campaigns.subscriptions.models import Topic
from tenants import notices
from tenants.models import Tenant

CAMPAIGN = Machine(
    "campaign",
    {
        ("draft", "launch"): "loading",
        ("draft", "open"): "running",
        ("draft", "schedule"): "scheduled",
        ("scheduled", "unschedule"): "draft",
        ("scheduled", "launch"): "loading",
        ("scheduled", "open"): "running",
        ("scheduled", "cancel"): "cancelled",
        ("loading", "loaded"): "running",
        ("running", "pause"): "paused",
        ("loading", "pause"): "paused",
        ("paused", "resume"): "loading",
        ("paused", "reopen"): "running",
        ("running", "finish"): "finished",
        ("paused", "finish"): "finished",
        ("draft", "cancel"): "cancelled",
        ("loading", "cancel"): "cancelled",
        ("running", "cancel"): "cancelled",
        ("paused", "cancel"): "cancelled",
    },
)


def create(
    *,
    name: str,
    via: str,
    audience: Segment,
    experiment: Experiment | None = None,
    policy: Policy | None = None,
    endpoint: Endpoint | None = None,
    topic: Topic | None = None,
    template: TemplateVersion | None = None,
    local_time: time | None = None,
    per_hour: int | None = None,
) -> Campaign:
    """A draft campaign, by an experiment or by a policy. Its channel is the one of the variants,
    all alike; by webhook a policy may use several."""
    campaign = Campaign(
        name=name, via=via, audience=audience, experiment=experiment, policy=policy,
        endpoint=endpoint, topic=topic, template=template, local_time=local_time, per_hour=per_hour,
    )  # fmt: skip
    _save_sound(campaign)
    audit.record("campaigns.create", campaign)
    return campaign


@transaction.atomic
def change(
    *,
    campaign: Campaign,
    name: str,
    via: str,
    audience: Segment,
    experiment: Experiment | None,
    policy: Policy | None = None,
    endpoint: Endpoint | None,
    topic: Topic | None = None,
    template: TemplateVersion | None = None,
    local_time: time | None = None,
    per_hour: int | None = None,
) -> None:
    """Change a draft. What was launched or scheduled stays as it is."""
    locked(campaign)
    by_audience(campaign)
    if campaign.state != Campaign.State.DRAFT:
        raise Conflict(say("Only a draft can be changed; this campaign is %(state)s.",
                           state=word(campaign.state)))  # fmt: skip
    fields = ("name", "via", "audience", "experiment", "policy", "endpoint", "topic",
              "template", "local_time", "per_hour")  # fmt: skip
    before = {field: str(getattr(campaign, field)) for field in fields}
    campaign.name, campaign.via, campaign.endpoint = name, via, endpoint
    campaign.audience, campaign.experiment, campaign.policy = audience, experiment, policy
    campaign.topic, campaign.template = topic, template
    campaign.local_time, campaign.per_hour = local_time, per_hour
    _save_sound(campaign)
    audit.record("campaigns.change", campaign, before=before)


def _save_sound(campaign: Campaign) -> None:
    """Save a draft, or refuse it with every wrong field."""
    channels = _channels(campaign)
    if errors := list(_faults(campaign, channels)):
        raise Invalid(errors)
    campaign.name, campaign.channel = campaign.name.strip()[:120], min(channels, default="email")
    try:
        with transaction.atomic():
            campaign.save()
    except IntegrityError as clash:
        of = {"one_campaign_an_experiment": "experiment", "one_open_campaign_a_policy": "policy"}
        field = next((of[name] for name in of if name in str(clash)), "name")
        raise Invalid.one(field, say("Another campaign has this one already.")) from clash


def _faults(campaign: Campaign, channels: set[str]) -> Iterator[FieldError]:
    if not campaign.name.strip():
        yield FieldError("name", say("Give the campaign a name."))
    if campaign.via not in Campaign.Via.values:
        known = ", ".join(Campaign.Via.values)
        yield FieldError("via", say("Choose one of %(names)s.", names=known))
    if campaign.audience is None:
        yield FieldError("audience", say("Choose whom it is for."))
    elif campaign.audience.state == Segment.State.ARCHIVED:
        wrong = say("The segment “%(audience)s” is archived.", audience=campaign.audience)
        yield FieldError("audience", wrong)
    if campaign.via == Campaign.Via.WEBHOOK and campaign.endpoint is None:
        yield FieldError("endpoint", say("Choose the endpoint that gets the messages."))
    if (campaign.experiment is None) == (campaign.policy is None):
        yield FieldError("experiment", say("Choose an experiment or a policy, one of the two."))
    elif campaign.policy is not None:
        yield from _policy_faults(campaign, channels)
    elif campaign.experiment is not None:
        yield from _experiment_faults(campaign, campaign.experiment, channels)


def _experiment_faults(
    campaign: Campaign, experiment: Experiment, channels: set[str]
) -> Iterator[FieldError]:
    if experiment.assigned_by == Experiment.By.SDK:
        yield FieldError("experiment", say("It is assigned by an SDK: no campaign can send it."))
    elif len(channels) != 1:
        yield FieldError("experiment", say("Its variants must be of one channel."))
    elif campaign.via == Campaign.Via.EMAIL and channels != {Channel.EMAIL}:
        yield FieldError("experiment", say("E-mail campaigns need e-mail variants."))


def _channels(campaign: Campaign) -> set[str]:
    return {text.asset.channel for _, text in selectors.shown(campaign)}


def _policy_faults(campaign: Campaign, channels: set[str]) -> Iterator[FieldError]:
    policy = campaign.policy
    assert policy is not None  # noqa: S101
    if campaign.local_time is not None:
        told = say("A policy chooses the moment itself: leave the time of day empty.")
        yield FieldError("local_time", told)
    if campaign.via == Campaign.Via.DECIDE:
        told = say("A policy is asked by POST /v1/decide without a campaign. Choose how it leaves.")
        yield FieldError("via", told)
    if policy.state == Policy.State.RETIRED:
        yield FieldError("policy", say("The policy is retired."))
    if not policy.every_hours:
        told = say("It decides at each request; let it decide anew after hours instead.")
        yield FieldError("policy", told)
    if not channels:
        told = say("No option of “%(bank)s” shows a text of this channel: there is nothing to "
                   "send.", bank=policy.bank)  # fmt: skip
        yield FieldError("policy", told)


def by_audience(campaign: Campaign) -> None:
    """Raise Conflict for a journey's campaign: the journey moves it."""
    if campaign.by_journey:
        raise Conflict(say("This belongs to a journey; change it there."))


@transaction.atomic
def launch(*, campaign: Campaign, seen: str | None = None) -> None:
    """Start the experiment and load the audience; nothing unapproved gets past this.

    `seen` is the plan that whoever launches saw (`Campaign.plan`): another by now is a Conflict.
    """
    locked(campaign)
    by_audience(campaign)
    if seen is not None and seen != campaign.plan:
        raise Conflict(say("This campaign was changed since you looked; look again."))
    if campaign.audience is not None:
        locked(campaign.audience)
    check = preflight.cleared(campaign)
    if campaign.experiment is not None and campaign.experiment.state == Experiment.State.DRAFT:
        experiments.start(experiment=campaign.experiment)
    if campaign.policy is not None and campaign.policy.state == Policy.State.DRAFT:
        policies.start(campaign.policy)
    verb = "open" if campaign.via == Campaign.Via.DECIDE or campaign.standing else "launch"
    advance(CAMPAIGN, campaign, verb, people=check.people)
    values: dict[str, object] = {"launched_at": timezone.now(), "planned": check.people}
    if by_id := audit.user_id():
        values["launched_by"] = by_id
    if verb == "launch":
        values["job"] = LOAD_CAMPAIGN.enqueue(LoadCampaign(campaign.pk))
    Campaign.objects.filter(pk=campaign.pk).update(**values)
    live.push(current_tenant(), "campaigns", str(campaign.pk))


@transaction.atomic
def move(*, campaign: Campaign, verb: str) -> None:
    """Pause, resume or cancel; one by a policy is finished instead. A pause holds what is not sent
    yet; an end aborts it."""
    if verb not in {"pause", "resume", "cancel"} and not (verb == "finish" and campaign.standing):
        raise Invalid.one("verb", say("Choose pause, resume or cancel."))
    by_audience(campaign)
    decides = campaign.via == Campaign.Via.DECIDE
    goes_on = decides or campaign.standing
    locked(campaign)  # no visit writes messages meanwhile
    advance(CAMPAIGN, campaign, "reopen" if goes_on and verb == "resume" else verb)
    if decides and campaign.experiment is not None:  # what holds a partner's channel
        _move_experiment(campaign.experiment, verb)
    if verb in {"finish", "cancel"}:
        abort(campaign, say("The campaign had ended.") if verb == "finish"
               else say("The campaign was cancelled."))  # fmt: skip
    if verb == "resume" and not goes_on:  # who joined the audience meanwhile is loaded too
        job = LOAD_CAMPAIGN.enqueue(LoadCampaign(campaign.pk, resumed=True))
        Campaign.objects.filter(pk=campaign.pk).update(job=job)
    live.push(current_tenant(), "campaigns", str(campaign.pk))


def abort(campaign: Campaign, why: Phrase) -> None:
    """What waits does not leave; what a policy chose was not done after all."""
    waiting = Send.objects.filter(campaign=campaign, state=Send.State.PENDING)
    waiting = waiting.select_for_update().order_by("id")
    decided = list(waiting.values_list("decision_id", flat=True)) if campaign.standing else []
    Send.objects.filter(campaign=campaign, state=Send.State.PENDING).update(
        state=Send.State.ABORTED, reason=why
    )
    if campaign.policy is not None:
        policies.withdraw(campaign.policy, decided, why)


def _move_experiment(experiment: Experiment, verb: str) -> None:
    if verb == "pause" and experiment.state == Experiment.State.RUNNING:
        experiments.pause(experiment=experiment)
    elif verb == "resume" and experiment.state == Experiment.State.PAUSED:
        experiments.resume(experiment=experiment)
    elif verb == "cancel" and experiment.state in {
        Experiment.State.RUNNING, Experiment.State.PAUSED,
    }:  # fmt: skip
        experiments.stop(experiment=experiment)


def loaded(*, campaign: Campaign) -> None:
    campaign.refresh_from_db()
    if campaign.state == Campaign.State.LOADING:
        advance(CAMPAIGN, campaign, "loaded")
    finish_if_done(campaign=campaign)
    live.push(current_tenant(), "campaigns", str(campaign.pk))


def finish_if_done(*, campaign: Campaign) -> None:
    """A blast is finished when nothing is waiting any more."""
    campaign.refresh_from_db()
    waiting = [Send.State.PENDING, Send.State.SENDING]
    if (
        campaign.state == Campaign.State.RUNNING
        and campaign.via != Campaign.Via.DECIDE
        and not campaign.goes_on
        and not Send.objects.filter(campaign=campaign, state__in=waiting).exists()
    ):
        with suppress(Conflict):  # another batch ended in the same moment and said so
            advance(CAMPAIGN, campaign, "finish")
            sent = Send.objects.filter(campaign=campaign, state=Send.State.SENT).count()
            told = say(
                "“%(campaign)s” has been sent to %(sent)s of %(planned)s people",
                campaign=campaign, sent=sent, planned=campaign.planned,
            )  # fmt: skip
            notices.tell([campaign.launched_by], told, "delivery_pages:campaign", campaign.pk)
        live.push(current_tenant(), "campaigns", str(campaign.pk))


def counts(campaign: Campaign) -> dict[str, int]:
    """Sends by state."""
    rows = Send.objects.filter(campaign=campaign).values("state").annotate(n=Count("id"))
    return {row["state"]: row["n"] for row in rows}


def sender_of(tenant: Tenant) -> str:
    address = tenant.sender_email or settings.DEFAULT_FROM_EMAIL
    return formataddr((tenant.sender_name or tenant.name, address))
