"""Leading people on: what each step does when somebody comes to it, and when it lets them go.

Everything here runs inside the transaction that locked the run. A person goes on until a step makes
them wait: for a moment (`due_at`), for an event, or for a message to be settled (`send`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import DataError, transaction

from attune.kernel.errors import AttuneError, Conflict
from attune.kernel.phrases import Phrase, as_is, say
from attune.kernel.tenancy import current_tenant
from campaigns.automations import flow as flows
from campaigns.automations.flow import CAME, OTHERWISE, TIMEOUT, Flow, Step
from campaigns.automations.models import Journey, JourneyRun, JourneyStep, JourneyVersion
from campaigns.contacts.models import Event
from campaigns.content.models import Revision
from campaigns.decisions import services as decisions
from campaigns.decisions.models import Decision
from campaigns.delivery import timing
from campaigns.delivery.jobs import SEND_DUE, SendDue
from campaigns.delivery.models import Send
from campaigns.experiments import bandits
from campaigns.experiments import selectors as experiments
from campaigns.experiments import services as experimenting
from campaigns.segments import selectors as segments
from campaigns.segments.models import Segment, SegmentMembership
from tenants.models import Tenant

logger = logging.getLogger(__name__)
SOURCE = "journey"
WINDOW = timedelta(days=30)  # in which what follows counts for a random group
WAITING = (Send.State.PENDING, Send.State.SENDING)
Outcome = JourneyRun.Outcome
WRONG = (
    AttuneError, LookupError, ValueError, ArithmeticError, DataError, ObjectDoesNotExist,
    ValidationError,
)  # fmt: skip


def lead(runs: Sequence[JourneyRun], now: datetime) -> None:
    """Lead these locked runs on as far as they go. One that cannot go on is stuck, says why, and
    holds up nobody else."""
    for run in runs:
        try:
            with transaction.atomic():
                _go(run, now)
        except WRONG as refusal:
            told = as_is(refusal.detail if isinstance(refusal, AttuneError) else str(refusal))
            JourneyRun.objects.filter(pk=run.pk).update(
                state=JourneyRun.State.STUCK, problem=told, due_at=None
            )
            logger.warning("journey run %s is stuck: %s", run.pk, str.__str__(told))


def _go(run: JourneyRun, now: datetime) -> None:
    """From where the run stands: it was let go, or it has just come in (no node)."""
    flow, moment = flow_of(run.version), now
    if run.node == "":
        at, moment = flow.first, run.entered_at
    else:
        step = flow.steps.get(run.node)
        if step is None:
            return end(run, Outcome.REMOVED, now)
        at = _let_go(run, step, now)
        if at == run.node:  # it waits on
            return None
        moment = _left_at(run, step, now)
    while at is not None:
        if left := led_out(run, flow):
            return end(run, left, now)
        step = flow.steps[at]
        run.node, run.since, run.due_at, run.send = step.id, moment, None, None
        _log(run, "arrived", now)
        if step.kind == "exit":
            return end(run, Outcome.EXITED, now)
        goes_on, at = ARRIVE[step.kind](run, step, now)
        if not goes_on:
            run.save(update_fields=["node", "since", "due_at", "send"])
            return None
    return end(run, Outcome.FINISHED, now)


def _left_at(run: JourneyRun, step: Step, now: datetime) -> datetime:
    """From when on what the next step waits for counts: what they did since the message left is
    heard, also where it was noticed only later that it had."""
    if step.kind == "message" and run.send is not None and run.send.sent_at is not None:
        return run.send.sent_at
    return min(run.due_at or now, now)


_FLOWS: dict[UUID, Flow] = {}


def flow_of(version: JourneyVersion) -> Flow:
    """A version's flow; versions never change, so a process reads each once."""
    if version.pk not in _FLOWS:
        if len(_FLOWS) > 500:
            _FLOWS.clear()
        _FLOWS[version.pk] = flows.unchecked(version.flow)
    return _FLOWS[version.pk]


def _let_go(run: JourneyRun, step: Step, now: datetime) -> str | None:
    """Where a run that waits at a step goes now; its own node while it waits on."""
    if step.kind == "message":
        state = run.send.state if run.send is not None else "gone"
        if state in WAITING:
            return step.id
        _log(run, state, now)
        return step.next
    if step.kind == "wait" and heard(run, step.asked, run.since):
        _log(run, CAME, now)
        return step.branches[CAME]
    if run.due_at is not None and run.due_at > now:
        return step.id
    if step.kind == "wait":
        _log(run, TIMEOUT, now)
        return step.branches[TIMEOUT]
    return step.next


def led_out(run: JourneyRun, flow: Flow) -> str:
    """The outcome of a run that the exit rule ends now, or an empty string."""
    if flow.exit.event is not None and heard(run, flow.exit.event, run.entered_at):
        return Outcome.CONVERTED
    if flow.exit.leave and not is_member(flow.entry.segment, run.contact_id):
        return Outcome.LEFT
    return ""


def is_member(segment_id: str, contact_id: UUID) -> bool:
    rows = SegmentMembership.objects.filter(segment_id=segment_id, contact_id=contact_id)
    return rows.filter(left_at=None).exists()


def heard(run: JourneyRun, asked: flows.Asked, since: datetime) -> bool:
    """Whether the person did it since then, with the run's own key where that is asked. What let
    them in is not what they are waited for."""
    rows = Event.objects.filter(
        contact_id=run.contact_id, name=asked.event, at__gte=since, is_machine=False
    )
    kind, _, entry = run.entry.partition(":")
    rows = rows.exclude(pk=entry) if kind == "event" else rows
    key = flow_of(run.version).entry.key
    return any(
        flows.matches(asked, e.properties)
        and (not asked.keyed or str(e.properties.get(key, "")) == run.key)
        for e in rows.order_by("at")[:200]
    )


def end(run: JourneyRun, outcome: str, now: datetime, why: Phrase | None = None) -> None:
    """The way ends. A message that waits is aborted, so that nothing comes after it."""
    _log(run, outcome, now)
    if run.send_id is not None:
        told = why or say("The person had left the journey.")
        Send.objects.filter(pk=run.send_id, state=Send.State.PENDING).update(
            state=Send.State.ABORTED, reason=told
        )
    JourneyRun.objects.filter(pk=run.pk).update(
        state=JourneyRun.State.ENDED, outcome=outcome, due_at=None, ended_at=now, node=run.node,
        problem="",
    )  # fmt: skip
    run.state, run.outcome = JourneyRun.State.ENDED, outcome


def _log(run: JourneyRun, what: str, now: datetime) -> None:
    JourneyStep.objects.create(
        run=run, journey_id=run.journey_id, node=run.node, what=str(what), at=now
    )


# -- what a step does when somebody comes: (goes on at once, to where) ------------------


def _delay(run: JourneyRun, step: Step, now: datetime) -> tuple[bool, str | None]:
    due = now + step.lasts
    if at := step.raw.get("at"):
        tenant = Tenant.objects.get(pk=current_tenant())
        zone = timing.zone_of(run.contact.timezone, tenant.timezone)
        day = step.raw.get("weekday", "")
        weekday = int(day) if str(day) != "" else None
        due = timing.next_at(due, zone, time.fromisoformat(at), weekday)
    run.due_at = due
    return due <= now, step.next


def _wait(run: JourneyRun, step: Step, now: datetime) -> tuple[bool, str | None]:
    if heard(run, step.asked, run.since):
        _log(run, CAME, now)
        return True, step.branches[CAME]
    run.due_at = now + step.lasts
    return False, None


def _split(run: JourneyRun, step: Step, now: datetime) -> tuple[bool, str | None]:
    for branch in step.raw["branches"]:
        if branch["key"] == OTHERWISE:
            continue
        segment = Segment.objects.filter(pk=branch["segment"]).first()
        if segment is not None and segments.holds(segment.rule, run.contact_id):
            _log(run, branch["key"], now)
            return True, step.branches[branch["key"]]
    _log(run, OTHERWISE, now)
    return True, step.branches.get(OTHERWISE, step.next)


def _cohort(run: JourneyRun, step: Step, now: datetime) -> tuple[bool, str | None]:
    """A random group, the same one whenever this person comes; logged with its chance."""
    shares = {b["key"]: float(b["share"]) / 100 for b in step.raw["branches"]}
    source = run.journey.campaign_id
    draw = bandits.draw_of(f"{source}:{step.id}", str(run.contact_id))
    choice = decisions.Choice(
        source=SOURCE, source_id=source, contact_id=run.contact_id, propensities=shares,
        action=bandits.choose(shares, draw), draw=draw, at=now, window_closes_at=now + WINDOW,
        version=run.version.number, slot=step.id,
    )  # fmt: skip
    decisions.log([choice])
    made = Decision.objects.get(source_id=source, contact_id=run.contact_id, slot=step.id)
    group = made.action if made.action in shares else choice.action  # it may have been removed
    _log(run, group, now)
    return True, step.branches[group]


def _message(run: JourneyRun, step: Step, now: datetime) -> tuple[bool, str | None]:
    text, decision = _text_of(run, step, now)
    if text is None:  # the arm that shows nothing
        _log(run, "nothing", now)
        return True, step.next
    slot = f"{run.pk.hex}:{step.id}"[:40]
    send, _ = Send.objects.get_or_create(
        campaign_id=run.journey.campaign_id, contact_id=run.contact_id, slot=slot,
        defaults={"revision": text, "decision": decision, "due_at": now},
    )  # fmt: skip
    SEND_DUE.enqueue(SendDue(send.campaign_id), dedupe_key=str(send.campaign_id))
    run.send = send
    return False, None


def _text_of(
    run: JourneyRun, step: Step, now: datetime
) -> tuple[Revision | None, Decision | None]:  # fmt: skip
    """The text for this person: of an experiment's arm, or of their language, else the first."""
    if named := step.raw.get("experiment"):
        trial = experiments.experiment(named)
        made = experimenting.decide(
            experiment=trial, contact_id=run.contact_id, context={}, now=now
        )
        arms = {arm.key: arm for arm in experimenting.arms_of(trial)}
        arm = arms.get(made.action)
        return (arm.revision if arm is not None else None), made
    ids = [str(one) for one in step.raw["texts"]]
    rows = Revision.objects.select_related("asset").in_bulk(ids)
    texts = [row for pk in ids if (row := rows.get(UUID(pk))) is not None]
    if not texts:
        raise Conflict(say("The text of this step is gone; choose another and publish."))
    return in_language(texts, run.contact.locale), None


def in_language(texts: Sequence[Revision], locale: str) -> Revision:
    """The text in a person's language: the same tag, or the same language; else the first."""
    wanted = locale.lower().replace("_", "-")
    for fits in (
        lambda tag: tag == wanted,
        lambda tag: tag.partition("-")[0] == wanted.partition("-")[0],
    ):
        for text in texts:
            if wanted and fits(text.asset.locale.lower()):
                return text
    return texts[0]


Arrive = Callable[[JourneyRun, Step, datetime], tuple[bool, str | None]]
ARRIVE: Mapping[str, Arrive] = {
    "delay": _delay, "wait": _wait, "split": _split, "cohort": _cohort, "message": _message,
}  # fmt: skip


def lock(rows: list[UUID], *, waits: bool = False, stuck: bool = False) -> list[JourneyRun]:
    """These runs with what leading them needs, locked. Those that another holds are left out, or
    waited for where nothing may be missed; then they are read as that one left them."""
    states = [JourneyRun.State.ACTIVE, *([JourneyRun.State.STUCK] if stuck else [])]
    found = JourneyRun.objects.filter(pk__in=rows, state__in=states).order_by("id")
    if waits:
        list(found.select_for_update().values_list("pk", flat=True))
    found = found.select_related("journey__campaign", "version", "contact", "send")
    return list(found.select_for_update(of=("self",), skip_locked=not waits))


def due(journey: Journey, now: datetime, most: int) -> list[UUID]:
    """Runs whose moment has come, or whose message was settled; the longest waiting first."""
    active = JourneyRun.objects.filter(journey=journey, state=JourneyRun.State.ACTIVE)
    ready = active.filter(due_at__lte=now).order_by("due_at", "id")
    found = list(ready.values_list("id", flat=True)[:most])
    settled = active.filter(send__isnull=False).exclude(send__state__in=WAITING)
    return [*found, *settled.order_by("id").values_list("id", flat=True)[: most - len(found)]]
