"""The graph as a picture. Pure."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from typing import Any

from insights.graph.models import Entity, Relation
from insights.graph.selectors import Picture


def graph(
    picture: Picture, address: Callable[[Entity], str], middle: uuid.UUID | None = None
) -> Any:
    """{kind, kinds, nodes [{id, name, kind, size, href, middle}], links [{source, target, name,
    width, tone}]}; None where nothing is to be drawn. A node's size is what stands behind it."""
    if not picture.edges:
        return None
    weight: dict[uuid.UUID, float] = {}
    for edge in picture.edges:
        for end in (edge.subject_id, edge.object_id):
            weight[end] = weight.get(end, 0.0) + edge.weight
    most = max(weight.values())
    present = {n.kind for n in picture.nodes}
    return {
        "kind": "graph",
        "kinds": [
            {"key": kind.value, "name": str(kind.label)}
            for kind in Entity.Kind if kind.value in present
        ],
        "nodes": [
            {"id": str(n.pk), "name": n.label, "kind": n.kind, "href": address(n),
             "size": round(10 + 26 * math.sqrt(weight.get(n.pk, 0.0) / most), 1),
             "middle": n.pk == middle}
            for n in picture.nodes
        ],
        "links": [
            {"source": str(e.subject_id), "target": str(e.object_id), "tone": tone(e),
             "name": f"{e.subject} {e.get_predicate_display()} {e.object}",
             "width": round(1 + 5 * math.sqrt(e.weight / most), 1)}
            for e in picture.edges
        ],
    }  # fmt: skip


def tone(edge: Relation) -> str:
    """Mostly against, mostly in favour, or neither."""
    if edge.predicate == "then":
        return "bad"
    bad, _, good = edge.shares
    if bad >= 50:
        return "bad"
    return "good" if good >= 50 else "plain"
