"""What the pages of a journey show: the picture with its people, and one person's way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from attune.kernel.phrases import Phrase, as_is, say, word
from attune.kernel.storable import as_uuid
from campaigns.automations import flow as flows
from campaigns.automations import selectors, wording
from campaigns.automations.models import Journey, JourneyRun, JourneyStep
from campaigns.automations.wording import Names
from campaigns.content.models import Revision
from campaigns.experiments.models import Experiment


@dataclass(frozen=True, slots=True)
class Kind:
    name: Phrase
    icon: str


KINDS: dict[str, Kind] = {
    "message": Kind(say("Message"), "send"),
    "delay": Kind(say("Delay"), "clock"),
    "wait": Kind(say("Wait for an event"), "bell"),
    "split": Kind(say("Split by segment"), "route"),
    "cohort": Kind(say("Random groups"), "flask"),
    "exit": Kind(say("Exit"), "check"),
}
HAPPENED = {
    "arrived": say("Came to this step"), "nothing": say("Got nothing: the control group"),
    "came": say("Did what was waited for"), "timeout": say("Did not do it in time"),
    "otherwise": say("Went with everybody else"), "sent": say("The message was sent"),
    "failed": say("The message failed"), "suppressed": say("Not written to"),
    "capped": say("Got too many messages already"), "aborted": say("The message was aborted"),
    "uncertain": say("It is unclear whether the message left"),
}  # fmt: skip


def names_of(tree: Mapping[str, Any]) -> Names:
    """What the ids in a flow stand for, in three questions."""
    texts: list[str] = []
    trials: list[str] = []
    for step, _ in flows.walk(list(tree.get("steps", []))):
        texts += [str(one) for one in step.get("texts", [])]
        trials += [str(step["experiment"])] if step.get("experiment") else []
    revisions = Revision.objects.filter(pk__in=[pk for one in texts if (pk := as_uuid(one))])
    known = Experiment.objects.filter(pk__in=[pk for one in trials if (pk := as_uuid(one))])
    return Names(
        selectors.segment_names(tree),
        {str(r.pk): str(r.asset) for r in revisions.select_related("asset")},
        {str(e.pk): e.name for e in known},
    )


def picture(journey: Journey, tree: Mapping[str, Any]) -> dict[str, Any]:
    """The flow drawn, with the people at each step."""
    names, progress = names_of(tree), selectors.progress(journey)
    cohorts = {
        step["id"]: [b["key"] for b in step["branches"]]
        for step, _ in flows.walk(list(tree.get("steps", []))) if step["kind"] == "cohort"
    }  # fmt: skip
    groups = {pk: selectors.groups(journey, pk, keys) for pk, keys in cohorts.items()}
    entry, leave = tree.get("entry", {}), tree.get("exit", {})
    return {
        "progress": progress,
        "steps": wording.tree(list(tree.get("steps", [])), names, progress.steps, groups,
                              flows.numbers(tree), marks(journey, tree)),
        "entry": wording.entry_sentence(entry, names),
        "again": wording.again_sentence(entry) if entry else None,
        "exit": wording.exit_sentence(leave, entry.get("key", "")),
        "outcomes": sorted(
            ((JourneyRun.Outcome(key).label, n) for key, n in progress.outcomes.items()),
            key=lambda pair: -pair[1],
        ),
    }  # fmt: skip


def marks(journey: Journey, tree: Mapping[str, Any]) -> dict[str, str]:
    """{step: "new" or "changed"} of a draft, beside what runs."""
    if journey.live is None:
        return {}
    known = {
        step["id"]: flows.own(step) for step, _ in flows.walk(journey.live.flow.get("steps", []))
    }
    return {
        step["id"]: "changed" if step["id"] in known else "new"
        for step, _ in flows.walk(list(tree.get("steps", [])))
        if known.get(step["id"]) != flows.own(step)
    }


def places(runs: Iterable[JourneyRun]) -> dict[UUID, Phrase]:
    """{run: the step where it stands}, each by the version it goes by."""
    open_runs = [run for run in runs if run.node and run.state != JourneyRun.State.ENDED]
    standing = {
        (run.version_id, step["id"]): step
        for run in open_runs
        for step, _ in flows.walk(run.version.flow.get("steps", []))
        if step["id"] == run.node
    }
    names = names_of({"steps": list(standing.values())})
    return {
        run.pk: wording.sentence(step, names)
        for run in open_runs
        if (step := standing.get((run.version_id, run.node)))
    }


def place(journey: Journey, step_id: str) -> Phrase | None:
    """The sentence of a step of what runs, or of the draft where nothing does yet."""
    tree = journey.live.flow if journey.live is not None else journey.draft
    found = next((s for s, _ in flows.walk(tree.get("steps", [])) if s["id"] == step_id), None)
    return wording.sentence(found, names_of({"steps": [found]})) if found else None


@dataclass(frozen=True, slots=True)
class Happened:
    at: datetime
    step: Phrase
    what: Phrase
    why: Phrase | None = None


def way(run: JourneyRun, *, personal: bool) -> list[Happened]:
    """What happened to one person, in order; no reason names anybody unless `personal`."""
    tree = run.version.flow
    names = names_of(tree)
    told = {
        step["id"]: wording.sentence(step, names) for step, _ in flows.walk(tree.get("steps", []))
    }
    labels = {
        (step["id"], b["key"]): wording.branch_label(step, b, names)
        for step, _ in flows.walk(tree.get("steps", [])) for b in step.get("branches", [])
    }  # fmt: skip
    outcomes = {str(value): as_is(str(label)) for value, label in JourneyRun.Outcome.choices}
    rows = JourneyStep.objects.filter(run=run).order_by("at", "id")
    whys = selectors.reasons_of(run, personal=personal)
    return [
        Happened(
            row.at, told.get(row.node, say("A step that was removed since")),
            HAPPENED.get(row.what) or labels.get((row.node, row.what))
            or outcomes.get(row.what) or word(row.what),
            whys.get(row.node) if row.what in selectors.NOT_SENT else None,
        )
        for row in rows
    ]  # fmt: skip
