"""Who runs an experiment is told once when it cannot be trusted any more."""

from __future__ import annotations

from django.utils import timezone

from attune.kernel.phrases import say
from campaigns.experiments import health
from campaigns.experiments.models import Experiment, Snapshot
from tenants import notices


def warn(experiment: Experiment, latest: Snapshot) -> int:
    """Tell of every trouble that is new; how many were."""
    if experiment.state != Experiment.State.RUNNING:
        return 0
    found = {c.key: c for c in health.checks(experiment, latest, timezone.now()) if c.key}
    fresh = [key for key in found if key not in experiment.warned]
    if set(found) == set(experiment.warned):
        return 0
    Experiment.objects.filter(pk=experiment.pk).update(warned=sorted(found))
    people = {experiment.author_id, *notices.those_who_can("experiments.edit")}
    for key in fresh:
        told = say("“%(experiment)s”: %(trouble)s", experiment=experiment,
                   trouble=found[key].sentence)  # fmt: skip
        notices.tell(people, told, "experiments:experiment", experiment.pk)
    return len(fresh)
