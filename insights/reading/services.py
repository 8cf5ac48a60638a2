"""Keeping what the models read, and curating what people speak of."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import new_id
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.catalog.models import Product
from insights.reading import summing
from insights.reading.models import Feature, Mention, Reading
from insights.reading.summing import Felt
from insights.sources import services as sources
from insights.sources.models import Document

READ_IN = ("en", "zh")
MOST_NAMES = 2_000
REWEIGH_SQL = """
UPDATE mention m SET weight = d.weight FROM insight_document d
WHERE m.tenant_id = %(tenant)s AND d.tenant_id = m.tenant_id AND d.id = m.document_id
  AND d.leader_id = ANY(%(leaders)s) AND m.weight <> d.weight"""

SWEEP_SQL = """
UPDATE mention m SET feature_id = f.into_id FROM feature f
WHERE f.tenant_id = %(tenant)s AND f.state = 'merged' AND m.tenant_id = f.tenant_id
  AND m.feature_id = f.id"""


@dataclass(frozen=True, slots=True)
class Named:
    """A feature as a model found it: its place, how it is spoken of (-1, 0, 1), how sure that is,
    and the place of the words that say so (both 0: none)."""

    start: int
    end: int
    polarity: int
    confidence: float
    opinion_start: int = 0
    opinion_end: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """A document as a model read it; `vector` (384,) of length 1, where it has one."""

    model: str
    sentences: tuple[Felt, ...]
    named: tuple[Named, ...] = ()
    vector: np.ndarray | None = None


def sweep() -> int:
    """Move mentions that were kept under a feature while a person merged it; how many."""
    with connection.cursor() as cursor:
        cursor.execute(SWEEP_SQL, {"tenant": current_tenant()})
        return cursor.rowcount


def unread(document_id: uuid.UUID) -> None:
    """Set aside a text at which the model fails, so that all others are read."""
    rows = Document.objects.filter(pk=document_id, state="waiting")
    rows.update(state="aside", why="failed", found="")
    live.push(current_tenant(), "insights")


def waiting(most: int) -> list[Document]:
    """A portion of what waits to be read, the oldest first."""
    rows = Document.objects.filter(state="waiting").only("id", "tenant_id", "text", "language")
    return list(rows.order_by("id")[:most])


def unreadable(rows: Sequence[Document]) -> int:
    """Set aside what is written in a language that no model reads; how many."""
    ids = [row.pk for row in rows if row.language not in READ_IN]
    if not ids:
        return 0
    return Document.objects.filter(pk__in=ids, state="waiting").update(state="aside", why="unknown")


def keep(ids: Sequence[uuid.UUID], found: Sequence[Read]) -> int:
    """Keep readings of documents that still wait; how many. What a person set aside meanwhile, or
    another worker read, is left as it is."""
    rows = list(
        Document.objects.select_for_update()
        .filter(pk__in=ids, state="waiting")
        .order_by("id")
        .defer("bands")
    )
    of = dict(zip(ids, found, strict=True))
    _link_products(rows)
    features = _features(rows, of)
    readings, mentions = [], []
    for row in rows:
        read = of[row.pk]
        whole = summing.whole(read.sentences)
        readings.append(Reading(
            document=row, model=read.model, feeling=whole.feeling, negative=whole.negative,
            neutral=whole.neutral, positive=whole.positive, intensity=whole.intensity,
            sentences=[[s.start, s.end, *(round(p, 4) for p in
                        (s.negative, s.neutral, s.positive))] for s in read.sentences],
            vector=read.vector,
        ))  # fmt: skip
        for named in read.named:
            key = summing.term_key(row.text[named.start : named.end])
            if key:
                mentions.append(Mention(
                    document=row, feature_id=features[key], product_id=row.product_id, at=row.at,
                    weight=row.weight, start=named.start, end=named.end,
                    opinion_start=named.opinion_start, opinion_end=named.opinion_end,
                    polarity=named.polarity, confidence=named.confidence,
                ))  # fmt: skip
    Document.objects.filter(pk__in=[row.pk for row in rows]).update(state="read")
    Reading.objects.bulk_create(readings)
    Mention.objects.bulk_create(mentions)
    live.push(current_tenant(), "insights")
    return len(rows)


def _features(rows: Sequence[Document], of: dict[uuid.UUID, Read]) -> dict[str, uuid.UUID]:
    """Feature ids by key, of everything named in these documents; unknown ones are made."""
    labels: dict[str, str] = {}
    for row in rows:
        for named in of[row.pk].named:
            words = row.text[named.start : named.end]
            labels.setdefault(summing.term_key(words), " ".join(words.split())[:80])
    labels.pop("", None)
    if not labels:
        return {}
    made = [Feature(pk=new_id(), key=key, label=labels[key]) for key in sorted(labels)]
    Feature.objects.bulk_create(made, ignore_conflicts=True)
    rows_ = Feature.objects.filter(key__in=labels)
    return {key: into or pk for key, pk, into in rows_.values_list("key", "pk", "into_id")}


def _link_products(rows: Sequence[Document]) -> None:
    """A document without a product that names exactly one of the catalogue is about that one."""
    bare = [row for row in rows if row.product_id is None]
    names = dict(Product.objects.values_list("name", "pk")[:MOST_NAMES]) if bare else {}
    known = {name.casefold(): pk for name, pk in names.items() if len(name) > 3}
    if not known:
        return
    longest = sorted(known, key=len, reverse=True)
    pattern = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest)) + r")(?!\w)")
    linked = []
    for row in bare:
        found = {known[m.group()] for m in pattern.finditer(f"{row.title} {row.text}".casefold())}
        if len(found) == 1:
            row.product_id = found.pop()
            linked.append(row)
    Document.objects.bulk_update(linked, ["product"])


def set_aside(*, document: Document) -> None:
    """A person takes a text out: no model reads it from now on, and no figure counts it."""
    sources.set_aside(document=document)
    Mention.objects.filter(document=document).delete()
    Reading.objects.filter(document=document).delete()


def reweigh(leaders: Sequence[uuid.UUID]) -> None:
    """Give mentions the weights that their documents have now."""
    with connection.cursor() as cursor:
        cursor.execute(REWEIGH_SQL, {"tenant": current_tenant(), "leaders": list(leaders)})


# -- what people speak of ----------------------------------------------------------------------


def rename(*, feature: Feature, label: str) -> None:
    label = " ".join(label.split())
    if not 0 < len(label) <= 80:
        raise Invalid.one("label", say("Give it a name of at most 80 characters."))
    audit.record("insights.rename_feature", feature, before=feature.label, after=label)
    Feature.objects.filter(pk=feature.pk).update(label=label)
    live.push(current_tenant(), "insights")


def hide(*, feature: Feature) -> None:
    """Not counted any more where features are listed; `show` brings it back."""
    if not Feature.objects.filter(pk=feature.pk, state="active").update(state="hidden"):
        raise Conflict(say("This feature is not active."))
    audit.record("insights.hide_feature", feature)
    live.push(current_tenant(), "insights")


def show(*, feature: Feature) -> None:
    if not Feature.objects.filter(pk=feature.pk, state="hidden").update(state="active"):
        raise Conflict(say("This feature is not hidden."))
    audit.record("insights.show_feature", feature)
    live.push(current_tenant(), "insights")


def merge(*, feature: Feature, into: Feature) -> None:
    """Count a feature as another from now on, and all that was counted before."""
    held = Feature.objects.select_for_update().filter(pk__in=[feature.pk, into.pk])
    now = {row.pk: row for row in held.order_by("id")}  # two merges at once come one by one
    feature, into = now.get(feature.pk, feature), now.get(into.pk, into)
    if feature.pk == into.pk or into.state == Feature.State.MERGED:
        raise Invalid.one("into", say("Choose another feature that is not merged itself."))
    if feature.state == Feature.State.MERGED:
        raise Conflict(say("This feature is merged already."))
    Feature.objects.filter(into=feature).update(into=into)
    Feature.objects.filter(pk=feature.pk).update(state="merged", into=into)
    n = Mention.objects.filter(feature=feature).update(feature=into)
    audit.record("insights.merge_feature", feature, into=str(into.pk), mentions=n)
    live.push(current_tenant(), "insights")
