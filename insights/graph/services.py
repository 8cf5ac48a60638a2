"""Asking for a drawing, and what a person says about the graph."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.models import new_id
from attune.kernel.phrases import say
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from insights.graph.jobs import DRAW_GRAPH, DrawGraph
from insights.graph.models import Entity, Relation

MOST_NAMES = 20
RELATION = Machine("relation", {
    ("holds", "dismiss"): "dismissed", ("faded", "dismiss"): "dismissed",
    ("dismissed", "restore"): "holds",
})  # fmt: skip


def request_drawing() -> None:
    """Draw the graph anew; one drawing waits at a time."""
    DRAW_GRAPH.enqueue(DrawGraph(), dedupe_key="draw")
    live.push(current_tenant(), "graph")


def move(*, relation: Relation, verb: str) -> None:
    """`dismiss`: it is shown nowhere, also after the next drawing; `restore` undoes that."""
    if verb not in {"dismiss", "restore"}:
        raise Invalid.one("verb", say("Choose dismiss or restore."))
    advance(RELATION, relation, verb)
    live.push(current_tenant(), "graph")


def save_competitor(*, name: str, aliases: str = "", competitor: Entity | None = None) -> Entity:
    """Name somebody whom customers compare us with; `aliases` are further names, one a line. The
    texts that name them are found by the next drawing, which this asks for."""
    name = " ".join(name.split())
    names = list(dict.fromkeys(" ".join(a.split()) for a in aliases.splitlines() if a.strip()))
    wrong = []
    if not 2 <= len(name) <= 80:
        wrong.append(FieldError("name", say("Give a name of 2 to 80 characters.")))
    if len(names) > MOST_NAMES or any(not 2 <= len(a) <= 80 for a in names):
        told = say("At most %(most)s names of 2 to 80 characters, one a line.", most=MOST_NAMES)
        wrong.append(FieldError("aliases", told))
    if wrong:
        raise Invalid(wrong)
    row = competitor or Entity(pk=new_id(), kind="competitor")
    row.label, row.aliases, row.key = name, names, name.casefold()
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as twin:
        raise Conflict(say("“%(name)s” is named already.", name=name)) from twin
    audit.record("insights.save_competitor", row)
    request_drawing()
    return row


def forget_competitor(*, competitor: Entity) -> None:
    """No longer look for them; their edges go with them."""
    audit.record("insights.forget_competitor", competitor, name=competitor.label)
    Entity.objects.filter(pk=competitor.pk, kind="competitor").delete()
    live.push(current_tenant(), "graph")
