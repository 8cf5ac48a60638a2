"""Drawing the graph: what was counted becomes nodes and edges. An edge that stood there before
keeps its id; one that no longer stands on enough fades with the day it was last seen."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from attune.kernel import audit, live
from attune.kernel.models import new_id
from attune.kernel.tenancy import current_tenant
from campaigns.catalog.models import Product
from campaigns.segments.models import Segment
from insights.graph import gathering, selectors
from insights.graph.association import Link, Table, judged
from insights.graph.gathering import Pair
from insights.graph.models import Entity, Relation
from insights.reading.models import Feature, Reading
from insights.sources.models import Document, Source
from insights.topics.models import Topic

FALSE_ALARMS, QUIET_DAYS = 0.1, 90
FACTS = frozenset({"spoken_of", "wished"})  # what a text names is one; all else is tested
KINDS = {  # predicate → kinds of subject and object
    "spoken_of": ("product", "feature"), "wished": ("product", "need"),
    "with": ("feature", "feature"), "about": ("topic", "feature"), "says": ("segment", "feature"),
    "carries": ("channel", "feature"), "compared": ("competitor", "feature"),
    "then": ("feature", "behaviour"),
}  # fmt: skip
ROWS: dict[str, Callable[[Any], Any]] = {
    "product": Product.objects.in_bulk, "feature": Feature.objects.in_bulk,
    "need": Feature.objects.in_bulk,
    "topic": lambda ids: Topic.objects.defer("centroid").in_bulk(ids),
    "segment": Segment.objects.in_bulk, "channel": Source.objects.in_bulk,
    "competitor": Entity.objects.in_bulk,
}  # fmt: skip


def draw(predicate: str, *, now: datetime) -> int:
    """Count, test and keep the edges of one predicate; how many there are."""
    found = _counted(predicate)
    links = judged([p.table for p in found])
    return _keep(predicate, [
        (pair, link) for pair, link in zip(found, links, strict=True)
        if predicate in FACTS or (link.q <= FALSE_ALARMS and link.low > 1)
    ], now)  # fmt: skip


def finish(*, now: datetime, kept: int) -> None:
    """After every predicate was drawn at `now`: what was not found any more fades, nodes without
    an edge go."""
    _fade(now)
    Entity.objects.filter(leads_to=None, led_to=None).exclude(kind="competitor").delete()
    audit.record("insights.draw_graph", None, relations=kept)
    live.push(current_tenant(), "graph")


def _counted(predicate: str) -> list[Pair]:
    if predicate == "then":
        return gathering.followed()
    if predicate == "wished":
        return _wishes(gathering.wished())
    if predicate == "compared":
        rivals = {e.pk: _pattern(e) for e in Entity.objects.filter(kind="competitor")}
        return gathering.pairs(predicate, rivals) if rivals else []
    return gathering.pairs(predicate)


def _pattern(rival: Entity) -> str:
    """PostgreSQL's pattern of a competitor's names; words in Latin letters stand by themselves."""
    names = [rival.label, *rival.aliases]
    return "|".join(
        rf"\y{re.escape(n)}\y" if n.isascii() else re.escape(n) for n in names if n
    )  # fmt: skip


def _wishes(rows: Iterable[tuple[str, str, uuid.UUID, float, datetime, float]]) -> list[Pair]:
    of: dict[tuple[str, str], list[tuple[uuid.UUID, float, datetime, float]]] = {}
    for product, feature, document, weight, at, sure in rows:
        of.setdefault((product, feature), []).append((document, weight, at, sure))
    found = []
    for (product, feature), texts in of.items():
        if len(texts) < gathering.LEAST_TEXTS:
            continue
        weight = sum(t[1] for t in texts)
        every = Table(weight, weight, weight, weight)
        found.append(Pair(product, feature, len(texts), every, 0.0, 0.0, min(t[2] for t in texts),
                          max(t[2] for t in texts), sum(t[3] for t in texts) / len(texts),
                          [str(t[0]) for t in texts[:8]]))  # fmt: skip
    return found


def _keep(predicate: str, found: Sequence[tuple[Pair, Link]], now: datetime) -> int:
    first, second = KINDS[predicate]
    subjects = _entities(first, {p.subject for p, _ in found})
    objects = _entities(second, {p.object for p, _ in found})
    rows = []
    for pair, link in found:
        if pair.subject not in subjects or pair.object not in objects:
            continue
        fact = predicate in FACTS
        rows.append(Relation(
            subject_id=subjects[pair.subject], predicate=predicate,
            object_id=objects[pair.object], n=pair.n, weight=pair.table.both, bad=pair.bad,
            good=pair.good, lift=link.lift, low=link.low, high=link.high,
            confidence=pair.sure if fact else 1 - link.q, valid_from=pair.first,
            valid_to=_until(pair.last, now), evidence=pair.evidence, drawn_at=now,
        ))  # fmt: skip
    changing = ["n", "weight", "bad", "good", "lift", "low", "high", "confidence", "valid_from",
                "valid_to", "evidence", "drawn_at"]  # fmt: skip
    Relation.objects.bulk_create(
        rows, update_conflicts=True, update_fields=changing, batch_size=1_000,
        unique_fields=["tenant_id", "subject", "predicate", "object"],
    )  # fmt: skip
    back = Relation.objects.filter(predicate=predicate, drawn_at=now, state="faded")
    back.update(state="holds")
    return len(rows)


def _until(last: datetime, now: datetime) -> datetime | None:
    """The day it was last seen, where nobody spoke of it for a quarter."""
    return last if last < now - timedelta(days=QUIET_DAYS) else None


def _fade(began: datetime) -> None:
    """Edges that this drawing did not find: they held until they were last drawn."""
    gone = Relation.objects.filter(drawn_at__lt=began, state="holds")
    gone.filter(valid_to=None).update(valid_to=F("drawn_at"))
    gone.update(state="faded")


def _entities(kind: str, keys: set[str]) -> dict[str, uuid.UUID]:
    """Nodes by key, made where they are not there; a label follows the row it stands for."""
    if kind == "behaviour":
        labels = {key: key for key in keys}
    else:
        rows = ROWS[kind]([uuid.UUID(key) for key in keys])
        labels = {str(pk): str(row)[:200] for pk, row in rows.items()}
    if kind == "competitor":
        return {key: uuid.UUID(key) for key in labels}
    made = [Entity(pk=new_id(), kind=kind, key=key, label=label) for key, label in labels.items()]
    Entity.objects.bulk_create(
        made, update_conflicts=True, update_fields=["label"],
        unique_fields=["tenant_id", "kind", "key"],
    )  # fmt: skip
    rows = Entity.objects.filter(kind=kind, key__in=labels)
    return dict(rows.values_list("key", "pk"))


def due(now: datetime) -> bool:
    """Was something read since the graph was last asked for? While texts still wait to be read an
    hour has to pass between two drawings, else two minutes."""
    asked = selectors.drawing()
    newest = Reading.objects.order_by("-id").values_list("created_at", flat=True).first()
    if newest is None or (asked is not None and newest <= asked.created_at):
        return False
    waits = Document.objects.filter(state="waiting").exists()
    if asked is None:
        return not waits
    return now - asked.created_at > (timedelta(hours=1) if waits else timedelta(minutes=2))
