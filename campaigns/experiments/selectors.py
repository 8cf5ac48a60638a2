"""Reading experiments."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db.models import Q, QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from campaigns.experiments.models import Allocation, Experiment, Snapshot


def experiments(*, q: str = "", state: str = "") -> QuerySet[Experiment]:
    rows = Experiment.objects.order_by("-id")
    rows = rows.filter(Q(name__icontains=q) | Q(key=q)) if q else rows
    return rows.filter(state=state) if state else rows


def running() -> QuerySet[Experiment]:
    return Experiment.objects.filter(state=Experiment.State.RUNNING).order_by("id")


def experiment(experiment_id: uuid.UUID | str) -> Experiment:
    row = Experiment.objects.filter(pk=experiment_id).first()
    if row is None:
        raise NotFound(say("There is no such experiment in this workspace."))
    return row


def by_key(key: str) -> Experiment:
    row = Experiment.objects.filter(key=key).first()
    if row is None:
        raise NotFound(
            say("There is no experiment with the key “%(key)s” in this workspace.", key=key)
        )
    return row


def latest_of(rows: Iterable[Experiment]) -> dict[uuid.UUID, Snapshot]:
    """The newest look at each of several experiments, by experiment."""
    found = Snapshot.objects.filter(experiment__in=list(rows))
    newest = found.order_by("experiment_id", "-at", "-id").distinct("experiment_id")
    return {row.experiment_id: row for row in newest}


def latest(of: Experiment) -> Snapshot | None:
    return Snapshot.objects.filter(experiment=of).order_by("-at", "-id").first()


def advised(latest: Snapshot | None) -> str:
    """The key of the arm to keep if one stopped now: the winner, or the control where harm is
    done; empty while nothing is decided."""
    if latest is None or latest.verdict not in {"ship", "rollback"}:
        return ""
    return str(latest.results["arm" if latest.verdict == "ship" else "control"])


def history(of: Experiment, most: int = 200) -> list[Snapshot]:
    """Looks over the whole life of an experiment, at most `most`, the newest among them."""
    ids = list(
        Snapshot.objects.filter(experiment=of).order_by("-at", "-id").values_list("id", flat=True)
    )
    chosen = ids[:: max(1, -(-len(ids) // most))]
    return list(Snapshot.objects.filter(pk__in=chosen).order_by("at", "id"))


def allocations(of: Experiment, most: int = 200) -> list[Allocation]:
    rows = list(Allocation.objects.filter(experiment=of).order_by("-version")[:most])
    return rows[::-1]
