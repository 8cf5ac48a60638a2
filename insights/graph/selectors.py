"""Reading the graph: the whole of it, what surrounds one node, and what an edge stands on."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from attune.kernel.errors import NotFound
from attune.kernel.models import JobRow
from attune.kernel.phrases import say
from insights.graph.jobs import DRAW_GRAPH
from insights.graph.models import Entity, Relation
from insights.sources.models import Document

MOST_EDGES, MOST_AROUND = 120, 80
PAGES = {  # of a kind: the page of the row it stands for
    "product": "catalog:product", "feature": "reading:feature", "need": "reading:feature",
    "topic": "topics:topic", "segment": "segments:segment", "channel": "sources:source",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """Nodes and the edges between them."""

    nodes: list[Entity]
    edges: list[Relation]


def whole(*, kinds: Iterable[str] = (), predicate: str = "", q: str = "") -> Picture:
    """The edges that stand on most, between nodes of `kinds` (all where none is named). Of every
    predicate some, so that what is rarer is seen too."""
    rows = _edges()
    chosen = list(kinds)
    if chosen:
        rows = rows.filter(subject__kind__in=chosen, object__kind__in=chosen)
    if q:
        rows = rows.filter(Q(subject__label__icontains=q) | Q(object__label__icontains=q))
    if predicate:
        return _picture(rows.filter(predicate=predicate)[:MOST_EDGES])
    each = MOST_EDGES // len(Relation.Predicate.values)
    rank = Window(RowNumber(), partition_by=F("predicate"), order_by=[F("weight").desc(), "id"])
    return _picture(rows.annotate(rank=rank).filter(rank__lte=each))


def around(of: Entity) -> Picture:
    """What a node is joined with, and how those are joined among themselves."""
    first = list(_edges().filter(Q(subject=of) | Q(object=of))[:MOST_AROUND])
    near = {e.subject_id for e in first} | {e.object_id for e in first}
    more = _edges().filter(subject__in=near, object__in=near).exclude(
        pk__in=[e.pk for e in first]
    )[:MOST_AROUND]  # fmt: skip
    picture = _picture([*first, *more])
    return picture if picture.nodes else Picture([of], [])


def edges_of(of: Entity) -> list[Relation]:
    """All edges of a node, also faded and dismissed ones, what stands on most first."""
    rows = Relation.objects.filter(Q(subject=of) | Q(object=of)).select_related("subject", "object")
    return list(rows.order_by("state", "-weight", "id")[:200])


def _edges() -> QuerySet[Relation]:
    rows = Relation.objects.filter(state="holds").select_related("subject", "object")
    return rows.order_by("-weight", "id")


def _picture(edges: Iterable[Relation]) -> Picture:
    kept = list(edges)
    nodes = {n.pk: n for e in kept for n in (e.subject, e.object)}
    return Picture(sorted(nodes.values(), key=lambda n: (n.kind, n.label)), kept)


def entity(pk: uuid.UUID | str) -> Entity:
    row = Entity.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such node in this graph; it may have been drawn anew."))
    return row


def relation(pk: uuid.UUID | str) -> Relation:
    row = Relation.objects.select_related("subject", "object").filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such edge in this graph."))
    return row


def evidence(of: Relation) -> list[Document]:
    """The texts that an edge stands on, those that were not erased since."""
    rows = Document.objects.filter(pk__in=of.evidence, state="read").select_related("source")
    return list(rows.defer("bands").order_by("-at", "id"))


def page_of(of: Entity) -> str:
    """The name of the page of the row that a node stands for, if it has one."""
    return PAGES.get(of.kind, "")


def kinds() -> dict[str, int]:
    """How many nodes of each kind there are."""
    rows = Entity.objects.values("kind").annotate(n=Count("id")).order_by("kind")
    return {row["kind"]: row["n"] for row in rows}


def competitors() -> list[Entity]:
    return list(Entity.objects.filter(kind="competitor").order_by("label")[:200])


def competitor(pk: uuid.UUID | str, *, lock: bool = False) -> Entity:
    rows = Entity.objects.select_for_update() if lock else Entity.objects.all()
    row = rows.filter(pk=pk, kind="competitor").first()
    if row is None:
        raise NotFound(say("There is no such competitor in this workspace."))
    return row


def drawing() -> JobRow | None:
    """The last drawing, or the one on its way."""
    return JobRow.objects.filter(kind=DRAW_GRAPH.name).order_by("-created_at").first()
