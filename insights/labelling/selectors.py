"""Reading labels: what is next, how far people agree, how good the model is, if it drifts."""

from __future__ import annotations

import statistics
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import TruncMonth

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from insights.labelling import agreement, scoring
from insights.labelling.models import Annotation, LabelTask
from insights.labelling.scoring import Share, Sheet
from insights.reading.models import Reading
from insights.topics import trends
from insights.topics.trends import Count as Counts
from insights.topics.trends import Shift
from tenants.models import User

DRIFT_DAYS, MOST = 28, 20_000


def next_task(user: User) -> LabelTask | None:
    """What this person should label next: what one other has labelled first, then what the model is
    least sure of, chance and hard ones by turns."""
    rows = LabelTask.objects.filter(state="open").exclude(annotations__user=user)
    rows = rows.annotate(n=Count("annotations")).select_related("document", "document__source")
    mine = Annotation.objects.filter(user=user).count()
    drawn = "random" if mine % 2 else "uncertain"
    first = rows.filter(drawn=drawn).order_by("-n", "-unsure", "id").first()
    return first or rows.order_by("-n", "-unsure", "id").first()


def task(pk: uuid.UUID | str, *, lock: bool = False) -> LabelTask:
    rows = LabelTask.objects.select_for_update(of=("self",)) if lock else LabelTask.objects.all()
    row = rows.select_related("document").filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such text to be labelled."))
    return row


def disputed() -> QuerySet[LabelTask]:
    rows = LabelTask.objects.filter(state="disputed").select_related("document")
    return rows.prefetch_related("annotations__user").order_by("id")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the labelling is, what a label costs, and how far people agree."""

    open: int
    disputed: int
    settled: int
    labels: int
    seconds: float | None
    kappa: float | None
    alpha: float | None
    pairs: list[tuple[str, str, int, float | None]]


def progress() -> Progress:
    """Agreement is that of the newest MOST labels."""
    counts = dict(LabelTask.objects.values_list("state").annotate(n=Count("id")).order_by())
    rows = Annotation.objects.filter(adjudicates=False).select_related("user").order_by("-id")
    by_task: dict[uuid.UUID, list[Annotation]] = defaultdict(list)
    for row in rows[:MOST]:
        by_task[row.task_id].append(row)
    both: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for some in by_task.values():
        if len(some) == 2:
            a, b = sorted(some, key=lambda r: r.user_id)
            both[str(a.user), str(b.user)].append((a.feeling, b.feeling))
    return Progress(
        counts.get("open", 0), counts.get("disputed", 0), counts.get("settled", 0),
        Annotation.objects.filter(adjudicates=False).count(), typical_seconds(),
        agreement.kappa([pair for some in both.values() for pair in some]),
        agreement.alpha([[r.feeling for r in some] for some in by_task.values()]),
        [(a, b, len(some), agreement.kappa(some)) for (a, b), some in sorted(both.items())],
    )  # fmt: skip


def undrawn() -> bool:
    """Whether there are texts left to be drawn."""
    drawn = LabelTask.objects.filter(document_id=OuterRef("document_id"))
    rows = Reading.objects.filter(document__state="read", document__leader_id=F("document_id"))
    return rows.filter(~Exists(drawn)).exists()


def waiting(user: User) -> int:
    """How many texts this person may label."""
    return LabelTask.objects.filter(state="open").exclude(annotations__user=user).count()


def typical_seconds() -> float | None:
    """What a label takes: the median of the newest thousand."""
    rows = Annotation.objects.filter(seconds__gt=0).order_by("-id")
    took = list(rows.values_list("seconds", flat=True)[:1_000])
    return statistics.median(took) if took else None


def _settled() -> QuerySet[LabelTask]:
    return LabelTask.objects.filter(state="settled").select_related("document")


def accuracy() -> tuple[Sheet, Sheet]:
    """Of the texts drawn by chance, and of those that the model was unsure of."""
    rows = list(_settled().values_list("drawn", "model_feeling", "gold").annotate(n=Count("id")))
    return tuple(  # type: ignore[return-value]
        scoring.sheet(
            [pair for d, m, g, n in rows if d == drawn for pair in [(m, g)] * n],
            Reading.Feeling.values,
        )
        for drawn in ("random", "uncertain")
    )


def by_month() -> list[tuple[str, Share]]:
    """Accuracy over the months in which the texts were written, of those drawn by chance."""
    rows = _settled().filter(drawn="random").annotate(month=TruncMonth("document__at", tzinfo=UTC))
    sums = rows.values_list("month").annotate(
        right=Count("id", filter=Q(gold=F("model_feeling"))), n=Count("id")
    )
    return [(f"{month:%Y-%m}", Share(right, n)) for month, right, n in sums.order_by("month")]


def drift(now: datetime) -> Shift:
    """Accuracy on texts of the last 28 days against that on older ones, in percentage points."""
    since = now - timedelta(days=DRIFT_DAYS)
    right = Q(gold=F("model_feeling"))
    sums = _settled().filter(drawn="random").aggregate(
        new=Count("id", filter=Q(document__at__gte=since)),
        new_right=Count("id", filter=right & Q(document__at__gte=since)),
        old=Count("id", filter=Q(document__at__lt=since)),
        old_right=Count("id", filter=right & Q(document__at__lt=since)),
    )  # fmt: skip
    (found,) = trends.shifts(
        [Counts(sums["new_right"], sums["new"], sums["old_right"], sums["old"])]
    )
    return found


def exported() -> Iterator[dict[str, Any]]:
    """Tasks with labels and what the model said, in Label Studio's JSON task format, one by one."""
    rows = LabelTask.objects.select_related("document").prefetch_related("annotations__user")
    for row in rows.order_by("id").iterator(chunk_size=1_000):
        yield _task(row)


def _task(row: LabelTask) -> dict[str, Any]:
    def result(feeling: str) -> list[dict[str, Any]]:
        return [{"from_name": "feeling", "to_name": "text", "type": "choices",
                 "value": {"choices": [feeling]}}]  # fmt: skip

    return {
        "id": str(row.pk),
        "data": {"text": row.document.text, "document_id": str(row.document_id)},
        "annotations": [
            {"completed_by": {"id": a.user_id, "email": a.user.email},
             "result": result(a.feeling), "lead_time": a.seconds, "was_cancelled": False,
             "ground_truth": a.adjudicates or row.gold == a.feeling}
            for a in row.annotations.all()
        ],
        "predictions": [{"model_version": row.model, "score": 1 - row.unsure,
                         "result": result(row.model_feeling)}],
    }  # fmt: skip
