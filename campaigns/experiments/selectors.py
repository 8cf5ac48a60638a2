"""Reading experiments."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet

from attune.kernel.errors import NotFound
from campaigns.experiments.models import Allocation, Experiment, Snapshot


def experiments() -> QuerySet[Experiment]:
    return Experiment.objects.order_by("-id")


def running() -> QuerySet[Experiment]:
    return Experiment.objects.filter(state=Experiment.State.RUNNING).order_by("id")


def experiment(experiment_id: uuid.UUID | str) -> Experiment:
    row = Experiment.objects.filter(pk=experiment_id).first()
    if row is None:
        raise NotFound("There is no such experiment in this workspace.")
    return row


def by_key(key: str) -> Experiment:
    row = Experiment.objects.filter(key=key).first()
    if row is None:
        raise NotFound(f"There is no experiment with the key “{key}” in this workspace.")
    return row


def latest(of: Experiment) -> Snapshot | None:
    return Snapshot.objects.filter(experiment=of).order_by("-at", "-id").first()


def history(of: Experiment, most: int = 200) -> list[Snapshot]:
    rows = list(Snapshot.objects.filter(experiment=of).order_by("-at", "-id")[:most])
    return rows[::-1]


def allocations(of: Experiment, most: int = 200) -> list[Allocation]:
    rows = list(Allocation.objects.filter(experiment=of).order_by("-version")[:most])
    return rows[::-1]
