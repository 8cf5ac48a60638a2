"""Reading what versions learned from and how they do."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from campaigns.content.models import GenerationRun, Revision
from campaigns.experiments import selectors as experiments
from campaigns.experiments.models import Arm, Experiment, Snapshot
from campaigns.tuning.models import Exclusion, LessonItem


@dataclass(frozen=True, slots=True)
class LiveTest:
    """An experiment in which texts of a version stand beside others."""

    experiment: Experiment
    arms: list[str]
    latest: Snapshot | None


def exclusions() -> QuerySet[Exclusion]:
    return Exclusion.objects.select_related("revision__asset").order_by("-id")


def items_by_source(version_id: uuid.UUID) -> list[dict[str, Any]]:
    """How many texts and pairs of each source, learned from and held out."""
    rows = (
        LessonItem.objects.filter(version_id=version_id)
        .values("source")
        .annotate(learned=Count("pk", filter=Q(held_out=False)),
                  held=Count("pk", filter=Q(held_out=True)))
        .order_by("source")
    )  # fmt: skip
    names = dict(LessonItem.Source.choices)
    return [{**row, "name": names[row["source"]]} for row in rows]


def shadow_runs(version_id: uuid.UUID) -> dict[str, Any]:
    """What a version in shadow would have written: tried and passed beside the base's."""
    runs = GenerationRun.objects.filter(trial__version=str(version_id)).order_by("-id")[:200]
    trials = [run.trial for run in runs]
    return {
        "runs": len(trials),
        **{k: sum(t[k] for t in trials) for k in ("tried", "passed", "base_tried", "base_passed")},
        "samples": [s for t in trials[:3] for s in t.get("samples", [])[:1]],
    }


def made_by(version_id: uuid.UUID) -> dict[str, int]:
    """What became of the texts that a version wrote."""
    rows = Revision.objects.filter(version_id=version_id)
    counts = rows.values_list("state").annotate(n=Count("pk"))
    return {str(state): n for state, n in counts}


def ready_to_test(version_id: uuid.UUID) -> list[Revision]:
    """Approved texts of one brief, of this version and not of it, two of each at most: the arms of
    its next experiment. Empty while no brief has both."""
    approved = Revision.objects.filter(
        state=Revision.State.APPROVED, origin=Revision.Origin.MODEL, asset__brief__isnull=False
    ).select_related("asset")
    for own in approved.filter(version_id=version_id).order_by("-id")[:20]:
        beside = approved.filter(asset__brief_id=own.asset.brief_id).order_by("-id")
        others = list(beside.filter(~Q(version_id=version_id) | Q(version__isnull=True))[:2])
        if others:
            return [*others, *beside.filter(version_id=version_id)[:2]]
    return []


def live_tests(version_id: uuid.UUID) -> list[LiveTest]:
    """Experiments with an arm of this version and one that is not of it, the newest first."""
    arms = Arm.objects.filter(revision__isnull=False).select_related("revision")
    own: dict[uuid.UUID, list[str]] = {}
    mixed: set[uuid.UUID] = set()
    for arm in arms.filter(experiment__in=arms.filter(revision__version=version_id).values(
        "experiment")):  # fmt: skip
        revision = arm.revision
        if revision is not None and revision.version_id == version_id:
            own.setdefault(arm.experiment_id, []).append(arm.name)
        else:
            mixed.add(arm.experiment_id)
    rows = list(Experiment.objects.filter(pk__in=[pk for pk in own if pk in mixed]).order_by("-id"))
    latest = experiments.latest_of(rows)
    return [LiveTest(row, own[row.pk], latest.get(row.pk)) for row in rows]
