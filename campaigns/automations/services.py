"""Journeys: make, edit the draft, publish a version, launch, pause, end."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count
from django.utils import timezone

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.locking import locked
from attune.kernel.phrases import Phrase, say, word
from attune.kernel.states import advance
from attune.kernel.storable import as_uuid
from attune.kernel.tenancy import current_tenant
from campaigns.automations import editing, entering, selectors, walking
from campaigns.automations import flow as flows
from campaigns.automations.jobs import (
    ADVANCE_JOURNEY,
    CATCH_UP_JOURNEY,
    AdvanceJourney,
    CatchUpJourney,
)
from campaigns.automations.models import Journey, JourneyRun, JourneyVersion
from campaigns.content.models import Channel, Revision
from campaigns.content.services import verify
from campaigns.delivery import preflight
from campaigns.delivery import services as delivery
from campaigns.delivery.models import Campaign, Endpoint
from campaigns.delivery.services import CAMPAIGN
from campaigns.experiments import services as experimenting
from campaigns.experiments.models import Experiment
from campaigns.layouts.models import TemplateVersion
from campaigns.segments.models import Segment
from campaigns.subscriptions.models import Topic
from tenants.models import Tenant

Tree = editing.Tree


@transaction.atomic
def create(
    *, name: str, via: str = Campaign.Via.EMAIL, endpoint: Endpoint | None = None,
    topic: Topic | None = None, per_hour: int | None = None, draft: Tree | None = None,
    template: TemplateVersion | None = None,
) -> Journey:  # fmt: skip
    """A journey with an empty draft, or with a flow that is not published yet."""
    campaign = Campaign(by_journey=True)
    campaign.template = template
    _settle(campaign, name, via, endpoint, topic, per_hour)
    journey = Journey.objects.create(
        campaign=campaign, draft=copy.deepcopy(editing.EMPTY if draft is None else draft)
    )
    audit.record("automations.create", journey)
    return journey


@transaction.atomic
def change(
    *, journey: Journey, name: str, via: str, endpoint: Endpoint | None = None,
    topic: Topic | None = None, per_hour: int | None = None,
    template: TemplateVersion | None = None,
) -> None:  # fmt: skip
    """How its messages leave. What is on its way keeps to what holds when it is due."""
    campaign = locked(journey.campaign)
    _not_ended(campaign)
    if campaign.state != Campaign.State.DRAFT and via != campaign.via:
        raise Conflict(say("A journey that was launched keeps its channel; make another one."))
    before = _settings(campaign)
    campaign.template = template
    _settle(campaign, name, via, endpoint, topic, per_hour)
    audit.record("automations.change", journey, before=before, after=_settings(campaign))


def _not_ended(campaign: Campaign) -> None:
    if campaign.state in {Campaign.State.FINISHED, Campaign.State.CANCELLED}:
        raise Conflict(say("This journey has ended."))


def _settings(campaign: Campaign) -> dict[str, str]:
    names = ("name", "via", "endpoint", "topic", "per_hour", "template")
    return {name: str(getattr(campaign, name) or "") for name in names}


def _settle(
    campaign: Campaign, name: str, via: str, endpoint: Endpoint | None, topic: Topic | None,
    per_hour: int | None,
) -> None:  # fmt: skip
    if not name.strip():
        raise Invalid.one("name", say("Give the journey a name."))
    if via not in {Campaign.Via.EMAIL, Campaign.Via.WEBHOOK}:
        raise Invalid.one("via", say("A journey sends by e-mail or by a signed webhook."))
    if via == Campaign.Via.WEBHOOK and endpoint is None:
        raise Invalid.one("endpoint", say("Choose the endpoint that gets the messages."))
    campaign.name, campaign.via, campaign.endpoint = name.strip()[:120], via, endpoint
    campaign.topic, campaign.per_hour = topic, per_hour
    try:
        with transaction.atomic():
            campaign.save()
    except IntegrityError as clash:
        taken = say("Another campaign has this one already.")
        raise Invalid.one("name", taken) from clash


def edit(*, journey: Journey, draft: Tree, seen: int) -> None:
    """A new draft. `seen` is the edit that whoever changes it saw; another since is a Conflict, and
    so is a journey that has ended."""
    _not_ended(journey.campaign)
    won = Journey.objects.filter(pk=journey.pk, edited=seen).update(draft=draft, edited=seen + 1)
    if not won:
        told = say("Someone else changed this journey while you edited; reload to compare.")
        raise Conflict(told)
    before, after = editing.changed(journey.draft, draft)
    journey.draft, journey.edited = draft, seen + 1
    audit.record("automations.edit", journey, before=before, after=after, edit=seen + 1)


# -- publish ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Affected:
    """Who is on the way when a new version is published; of them, who stands at a step that the
    new version does not have; what forbids it, and what should be known before."""

    people: int
    homeless: int
    problems: list[Phrase]
    unchanged: bool
    warnings: list[Phrase]


def affected(journey: Journey) -> Affected:
    places = flows.numbers(journey.draft)
    problems = [
        say("Step %(number)s: %(wrong)s", number=places[e.field], wrong=e.sentence())
        if e.field in places else e.sentence()
        for e in faults(journey)
    ]  # fmt: skip
    ids = {step["id"] for step, _ in flows.walk(journey.draft.get("steps", []))}
    rows = journey.runs.filter(state="active").values_list("node").annotate(n=Count("id"))
    counts = dict(rows.order_by())
    homeless = sum(n for node, n in counts.items() if node and node not in ids)
    same = journey.live is not None and journey.live.flow == journey.draft
    warnings = [
        say("“%(event)s” did not come in within 30 days: is it spelt as it is sent?", event=name)
        for name in selectors.unheard(journey.draft, timezone.now())
    ]
    warnings += [
        say("Step %(n)s: nobody comes here, since an exit stands before it.", n=places[one])
        for one in flows.unreached(journey.draft.get("steps", []))
    ]
    return Affected(sum(counts.values()), homeless, problems, same, warnings)


def faults(journey: Journey) -> Iterator[FieldError]:
    """Everything that stands in the way of publishing the draft."""
    try:
        flows.read(journey.draft)
    except Invalid as refusal:
        yield from refusal.errors
        return
    yield from _segment_faults(journey.draft)
    for step, _ in flows.walk(journey.draft["steps"]):
        if step["kind"] == "message":
            yield from _message_faults(journey, step)
    tenant = Tenant.objects.get(pk=current_tenant())
    for problem in preflight.sender_problems(journey.campaign.via, tenant):
        yield FieldError("sender", problem)


def _segment_faults(tree: Tree) -> Iterator[FieldError]:
    wanted = selectors.segments_in(tree)
    known = {str(s.pk): s for s in Segment.objects.filter(pk__in=filter(as_uuid, wanted))}
    for one in dict.fromkeys(wanted):
        if one not in known:
            yield FieldError("segment", say("There is no segment %(id)s in use.", id=one))
        else:
            for problem in preflight.segment_problems(known[one]):
                yield FieldError("segment", problem)


def _message_faults(journey: Journey, step: Mapping[str, Any]) -> Iterator[FieldError]:
    place = str(step["id"])
    if named := step.get("experiment"):
        trial = Experiment.objects.filter(pk=as_uuid(str(named))).first()
        if trial is None or trial.state not in {"draft", "running"}:
            told = say("The experiment is %(state)s.", state=word(trial.state if trial else "gone"))
            yield FieldError(place, told)
            return
        if trial.assigned_by == Experiment.By.SDK:
            yield FieldError(place, say("It is assigned by an SDK: no campaign can send it."))
        if trial.campaigns.exists():
            yield FieldError(place, say("“%(experiment)s” belongs to a campaign already.",
                                        experiment=trial))  # fmt: skip
        texts = [arm.revision for arm in experimenting.arms_of(trial) if arm.revision]
    else:
        found = Revision.objects.select_related("asset").in_bulk(
            [pk for one in step.get("texts", []) if (pk := as_uuid(str(one)))]
        )
        texts = list(found.values())
        if len(texts) != len(step.get("texts", [])):
            yield FieldError(place, say("A text of this step is gone; choose another."))
        if len({text.asset.locale for text in texts}) != len(texts):
            yield FieldError(place, say("Two texts of one step are in the same language."))
    for text in texts:
        try:
            verify(text)
        except Conflict as refusal:
            yield FieldError(place, refusal.detail)
        if journey.campaign.via == Campaign.Via.EMAIL and text.asset.channel != Channel.EMAIL:
            yield FieldError(place, say("E-mail campaigns need e-mail variants."))


@transaction.atomic
def publish(*, journey: Journey, seen: int, moves: bool = True) -> JourneyVersion:
    """Make the draft the live version. `moves`: people on the way go on by it, from the step where
    they stand (who stands at a step that is gone leaves); else they finish by the old one."""
    locked(journey)
    _not_ended(locked(journey.campaign))
    if journey.edited != seen:
        raise Conflict(say("This journey was changed since you looked; look again."))
    if errors := list(faults(journey)):
        raise Invalid(errors)
    told = affected(journey)
    if told.unchanged:
        raise Conflict(say("Nothing was changed since version %(number)s.",
                           number=str(journey.live.number if journey.live else 0)))  # fmt: skip
    number = journey.versions.count() + 1
    version = JourneyVersion.objects.create(
        journey=journey, number=number, flow=journey.draft, by_label=audit.actor().label[:120]
    )
    Journey.objects.filter(pk=journey.pk).update(live=version)
    journey.live = version
    if channel := selectors.channel_of(journey):
        Campaign.objects.filter(pk=journey.campaign_id).update(channel=channel)
    if moves:
        _move_all(journey, version)
    if journey.campaign.state == Campaign.State.RUNNING:
        _start_experiments(version)
        ADVANCE_JOURNEY.enqueue(AdvanceJourney(journey.pk), dedupe_key=str(journey.pk))
    audit.record("automations.publish", journey, version=number, people=told.people,
                 homeless=told.homeless, moves=moves)  # fmt: skip
    return version


def _move_all(journey: Journey, version: JourneyVersion) -> None:
    flow, now = flows.read(version.flow), timezone.now()
    open_runs = JourneyRun.objects.filter(journey=journey).exclude(state="ended")
    gone = open_runs.exclude(node__in=[*flow.steps, ""])
    rows = gone.select_related("journey", "version", "contact", "send").select_for_update(
        of=("self",)
    )
    for run in rows.order_by("id"):
        walking.end(run, JourneyRun.Outcome.REMOVED, now)
    open_runs.update(version=version)


# -- launch and stop -------------------------------------------------------------------------------


@transaction.atomic
def launch(*, journey: Journey, seen: int) -> None:
    """Publish the draft and let people in from now on."""
    campaign = locked(journey.campaign)
    if campaign.state != Campaign.State.DRAFT:
        raise Conflict(say("Only a draft is launched; this journey is %(state)s.",
                           state=word(campaign.state)))  # fmt: skip
    if journey.live is None or journey.live.flow != journey.draft:
        publish(journey=journey, seen=seen)
    assert journey.live is not None  # noqa: S101
    _start_experiments(journey.live)
    advance(CAMPAIGN, campaign, "open", version=journey.live.number)
    values: dict[str, Any] = {"launched_at": timezone.now()}
    if by_id := audit.user_id():
        values["launched_by"] = by_id
    Campaign.objects.filter(pk=campaign.pk).update(**values)
    ADVANCE_JOURNEY.enqueue(AdvanceJourney(journey.pk), dedupe_key=str(journey.pk))
    _tell(journey)


def _start_experiments(version: JourneyVersion) -> None:
    for step, _ in flows.walk(version.flow["steps"]):
        if step["kind"] == "message" and step.get("experiment"):
            trial = Experiment.objects.select_for_update().get(pk=step["experiment"])
            if trial.state == Experiment.State.DRAFT:
                experimenting.start(experiment=trial)


@transaction.atomic
def move(*, journey: Journey, verb: str) -> None:
    """Pause (nobody comes in, nobody goes on, nothing is sent), resume, or end for good."""
    if verb not in {"pause", "resume", "finish"}:
        raise Invalid.one("verb", say("Choose pause, resume or finish."))
    campaign = locked(journey.campaign)
    if verb == "finish" and campaign.state == Campaign.State.DRAFT:
        advance(CAMPAIGN, campaign, "cancel")
    else:
        advance(CAMPAIGN, campaign, "reopen" if verb == "resume" else verb)
    if verb == "finish":
        told = say("The journey had ended.")
        delivery.abort(campaign, told)
        stopped = JourneyRun.objects.filter(journey=journey).exclude(state="ended")
        stopped.update(state="ended", outcome="stopped", due_at=None, ended_at=timezone.now(),
                       problem="")  # fmt: skip
    if verb == "resume":
        CATCH_UP_JOURNEY.enqueue(CatchUpJourney(journey.pk), dedupe_key=str(journey.pk))
        ADVANCE_JOURNEY.enqueue(AdvanceJourney(journey.pk), dedupe_key=str(journey.pk))
    _tell(journey)


def retry_stuck(*, journey: Journey) -> int:
    """Let everybody who is stuck try their step again; how many."""
    now = timezone.now()
    n = JourneyRun.objects.filter(journey=journey, state="stuck").update(
        state="active", due_at=now, problem=""
    )
    if n:
        ADVANCE_JOURNEY.enqueue(AdvanceJourney(journey.pk), dedupe_key=str(journey.pk))
        audit.record("automations.retry_stuck", journey, people=n)
    return n


def take_out(*, run: JourneyRun) -> None:
    """Take one person out by hand."""
    mine = walking.lock([run.pk], waits=True, stuck=True)
    if not mine:
        raise Conflict(say("This way through the journey has ended."))
    walking.end(mine[0], JourneyRun.Outcome.STOPPED, timezone.now())
    audit.record("automations.take_out", run)
    _tell(run.journey)


def _tell(journey: Journey) -> None:
    live.push(current_tenant(), "automations", str(journey.pk))


# -- by the clock ----------------------------------------------------------------------------------


def ask() -> None:
    """Let every journey that has somebody to lead on be advanced."""
    now = timezone.now()
    for journey in entering.running():
        if walking.due(journey, now, 1):
            ADVANCE_JOURNEY.enqueue(AdvanceJourney(journey.pk), dedupe_key=str(journey.pk))


def segment_changed(segment_id: UUID) -> None:
    """A segment was worked out as a whole: its journeys look who came and who left."""
    for journey in entering.of_segment(segment_id):
        ADVANCE_JOURNEY.enqueue(AdvanceJourney(journey.pk), dedupe_key=str(journey.pk))


def advance_some(journey_id: UUID) -> tuple[int, bool]:
    """Lead a batch of a running journey on: how many were, and whether there may be more."""
    journey = selectors.journey(journey_id)
    if journey.campaign.state != Campaign.State.RUNNING or journey.live is None:
        return 0, False
    now = timezone.now()
    came = led = 0
    if walking.flow_of(journey.live).entry.on == "segment":
        came = entering.let_in_by_segment(journey, now)
        led = entering.lead_out(journey, now)
    ready = walking.lock(walking.due(journey, now, entering.BATCH))
    walking.lead(ready, now)
    if came or led or ready:
        _tell(journey)
    return came + led + len(ready), bool(came or led or ready)
