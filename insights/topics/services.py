"""Looking for topics, keeping what was found under the ids that are there, and curating it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db import IntegrityError, connection, transaction
from django.db.models import Max

from attune.kernel import audit, jobs, live
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow, new_id
from attune.kernel.phrases import Phrase, known_words, say, say_many
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from insights.sources.models import Document
from insights.topics import selectors
from insights.topics.jobs import (
    FIT_TOPICS,
    NAME_TOPICS,
    SPLIT_TOPIC,
    FitTopics,
    NameTopics,
    SplitTopic,
)
from insights.topics.models import Belonging, Topic, TopicChange, TopicFit

LEAST_TEXTS, LEAST_SPLIT = 30, 8
TOPIC = Machine(
    "topic",
    {
        ("candidate", "accept"): "active", ("candidate", "block"): "blocked",
        ("active", "block"): "blocked", ("blocked", "accept"): "active",
        ("candidate", "retire"): "retired", ("active", "retire"): "retired",
        ("retired", "accept"): "active",
        ("candidate", "merge"): "merged", ("active", "merge"): "merged",
    },
)  # fmt: skip
known_words("rising", "falling", "steady", "little")
PLACE_SQL = """
INSERT INTO topic_belonging (id, tenant_id, document_id, topic_id, cosine, by_person)
SELECT n.id, %(tenant)s, n.document, n.topic, n.cosine, false
FROM unnest(%(ids)s::uuid[], %(documents)s::uuid[], %(topics)s::uuid[], %(cosines)s::float[])
     AS n(id, document, topic, cosine)
JOIN insight_document d ON d.tenant_id = %(tenant)s AND d.id = n.document
ON CONFLICT (tenant_id, document_id) DO UPDATE SET topic_id = excluded.topic_id,
  cosine = excluded.cosine WHERE NOT topic_belonging.by_person"""


@dataclass(frozen=True, slots=True)
class Known:
    """A topic that is there, as a refit begins at it. What was merged goes on being found by
    itself, and its texts count for its owner: two directions in one topic stay two directions."""

    id: uuid.UUID
    centroid: np.ndarray
    near: float
    pinned: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as a fit found it: `id` None where it is new. `label` is what the model or its words
    name it (`named_by`)."""

    id: uuid.UUID | None
    centroid: np.ndarray
    near: float
    terms: list[tuple[str, float]]
    examples: list[uuid.UUID]
    family: int
    label: str
    named_by: str
    texts: int


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a fit is, over how many texts, and what it took."""

    texts: int
    unassigned: float
    coherence: float
    diversity: float
    seconds: float


# -- looking -----------------------------------------------------------------------------------


def request_fit() -> TopicFit:
    """Look for topics in all that was read. Raises Conflict where that is on its way, or where
    there is too little to find any in."""
    n = selectors.readable()
    if n < LEAST_TEXTS:
        raise Conflict(say("Topics need at least %(least)s texts that were read in English; there "
                           "are %(n)s.", least=LEAST_TEXTS, n=n))  # fmt: skip
    number = (TopicFit.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    try:
        with transaction.atomic():
            row = TopicFit.objects.create(number=number)
    except IntegrityError as twin:
        raise Conflict(say("Topics are being looked for already.")) from twin
    row.job = FIT_TOPICS.enqueue(FitTopics(row.pk))
    row.save(update_fields=["job"])
    audit.record("insights.fit_topics", row, texts=n)
    live.push(current_tenant(), "topics")
    return row


@jobs.on_cancel(FIT_TOPICS)
def _cancelled(payload: FitTopics) -> None:
    failed(fit_id=payload.fit_id, why=say("Cancelled by a person."))


def failed(*, fit_id: uuid.UUID, why: Phrase) -> None:
    TopicFit.objects.filter(pk=fit_id, state="running").update(state="failed", verdict=why)
    live.push(current_tenant(), "topics")


def close_interrupted() -> None:
    """A fit whose job gave up does not look busy for ever."""
    for row in TopicFit.objects.filter(state="running", job__state__in=JobRow.GAVE_UP):
        failed(fit_id=row.pk, why=say("Its job gave up; see Jobs."))


def known() -> list[Known]:
    """Topics that a refit begins at: what is shown, what was merged into that, and what is blocked
    so that it stays away."""
    rows = Topic.objects.exclude(state="retired").order_by("id")
    return [Known(r.pk, r.centre, r.near, r.pinned) for r in rows]


def owners(ids: Sequence[uuid.UUID]) -> list[uuid.UUID | None]:
    """Where texts near to each of these topics count now: what was merged counts elsewhere, what
    faded nowhere."""
    rows = Topic.objects.filter(pk__in=ids).values_list("pk", "state", "into_id")
    now = {pk: None if state == "retired" else into or pk for pk, state, into in rows}
    return [now.get(pk) for pk in ids]


def finish(
    *, fit: TopicFit, found: Sequence[Found], faded: Sequence[uuid.UUID],
    twins: Sequence[tuple[int, int]], quality: Quality,
) -> list[uuid.UUID]:  # fmt: skip
    """Keep a fit: topics that were there under their ids, new ones as candidates (of the first fit:
    as active), what faded retired, what says the same (`twins`: places in `found`) noted as
    to be merged. The ids in order; none where the fit was cancelled or kept meanwhile."""
    if not TopicFit.objects.select_for_update().filter(pk=fit.pk, state="running").exists():
        return []
    first = not Topic.objects.exists()
    ids = [_keep(one, fit, "active" if first else "candidate") for one in found]
    for pk in faded:
        topic = Topic.objects.get(pk=pk)
        if (topic.state, "retire") in TOPIC.moves:
            advance(TOPIC, topic, "retire", fit=fit.number)
            _note(topic, "faded", say("Hardly any text is about it now."), fit)
    for one, other in twins:
        pair = [Topic.objects.get(pk=ids[n]) for n in (one, other)]
        if any(t.state not in Topic.SHOWN for t in pair):
            continue
        told = say("Says nearly the same as “%(other)s”: merge them?", other=pair[1].label)
        _note(pair[0], "twin", told, fit)
    born = sum(one.id is None for one in found)
    TopicFit.objects.filter(pk=fit.pk).update(
        state="done", texts=quality.texts, topics=len(found), unassigned=quality.unassigned,
        coherence=quality.coherence, diversity=quality.diversity, seconds=quality.seconds,
        verdict=_verdict(first, born, len(faded), len(twins)),
    )  # fmt: skip
    NAME_TOPICS.enqueue(NameTopics(), dedupe_key="names")
    live.push(current_tenant(), "topics")
    return ids


def _verdict(first: bool, born: int, faded: int, twins: int) -> Phrase:
    if first:
        return say_many("%(n)s topic found.", "%(n)s topics found.", n=born)
    return say("%(born)s new candidates, %(faded)s faded, %(twins)s pairs that say the same; all "
               "others kept their identity.", born=born, faded=faded, twins=twins)  # fmt: skip


def _keep(one: Found, fit: TopicFit, state: str) -> uuid.UUID:
    if one.id is not None:
        _refreshed(one)
        return one.id
    topic = Topic.objects.create(
        state=state, label=one.label[:120], named_by=one.named_by, born_in=fit, **_values(one)
    )
    told = say_many("Found in %(n)s text.", "Found in %(n)s texts.", n=one.texts)
    _note(topic, "born", told, fit)
    return topic.pk


def _values(one: Found) -> dict[str, Any]:
    return {
        "centroid": one.centroid, "near": one.near, "family": one.family,
        "terms": [[word, round(weight, 5)] for word, weight in one.terms],
        "examples": [str(pk) for pk in one.examples],
    }  # fmt: skip


def _refreshed(one: Found) -> None:
    """A topic that was there: what it is about now. The name that a person or a model gave it
    stays."""
    rows = Topic.objects.filter(pk=one.id)
    rows.update(**_values(one))
    rows.filter(named_by="words").update(label=one.label[:120])


def place(
    documents: Sequence[uuid.UUID], topics: Sequence[uuid.UUID | None], cosines: Sequence[float]
) -> None:
    """Say which topic each document is about. What a person placed stays there."""
    if not documents:
        return
    with connection.cursor() as cursor:
        cursor.execute(PLACE_SQL, {
            "tenant": current_tenant(), "ids": [new_id() for _ in documents],
            "documents": list(documents), "topics": list(topics),
            "cosines": [float(c) for c in cosines],
        })  # fmt: skip


def _note(topic: Topic, kind: str, told: Phrase, fit: TopicFit | None = None) -> None:
    TopicChange.objects.create(topic=topic, fit=fit, kind=kind, told=told)


# -- curating ----------------------------------------------------------------------------------


def rename(*, topic: Topic, label: str) -> None:
    """Name it; no refit names it anew from then on."""
    label = " ".join(label.split())
    if not 0 < len(label) <= 120:
        raise Invalid.one("label", say("Give it a name of at most 120 characters."))
    _note(topic, "renamed", say("“%(before)s” became “%(after)s”.", before=topic.label,
                                after=label))  # fmt: skip
    Topic.objects.filter(pk=topic.pk).update(label=label, named_by="person")
    audit.record("insights.rename_topic", topic, before=topic.label, after=label)
    live.push(current_tenant(), "topics")


def unnamed() -> list[tuple[uuid.UUID, list[str], list[str]]]:
    """(topic, its words, the texts that show it best) of what only its words name."""
    rows = list(Topic.objects.filter(state__in=Topic.SHOWN, named_by="words").order_by("id"))
    ids = {pk for row in rows for pk in row.examples}
    there = Document.objects.filter(pk__in=ids, state="read").only("id", "text")
    texts = {str(d.pk): d.text for d in there}
    return [
        (row.pk, [w for w, _ in row.terms], [texts[pk] for pk in row.examples if pk in texts])
        for row in rows
    ]  # fmt: skip


def named(*, topic_id: uuid.UUID, label: str, model: str) -> None:
    """A model's name for a topic that only its words named; a person's is never replaced."""
    rows = Topic.objects.filter(pk=topic_id, named_by="words")
    if Topic.objects.filter(label=label[:120], state__in=Topic.SHOWN).exists():
        return  # two topics of one name cannot be told apart; their words can
    if rows.update(label=label[:120], named_by="model"):
        topic = Topic.objects.get(pk=topic_id)
        _note(topic, "named", say("%(model)s named it “%(label)s”.", model=model, label=label))
        live.push(current_tenant(), "topics")


def pin(*, topic: Topic, pinned: bool) -> None:
    """A pinned topic neither moves nor fades."""
    Topic.objects.filter(pk=topic.pk).update(pinned=pinned)
    told = say("Pinned: no refit moves it.") if pinned else say("No longer pinned.")
    _note(topic, "pinned", told)
    audit.record("insights.pin_topic", topic, pinned=pinned)
    live.push(current_tenant(), "topics")


def move(*, topic: Topic, verb: str) -> None:
    """`accept`, `block` or `retire`."""
    if verb not in {"accept", "block", "retire"}:
        raise Invalid.one("verb", say("Choose accept, block or retire."))
    advance(TOPIC, topic, verb)
    told = {"accept": say("Accepted."), "block": say("Blocked: it is shown nowhere."),
            "retire": say("Retired.")}  # fmt: skip
    _note(topic, verb, told[verb])
    live.push(current_tenant(), "topics")


def merge(*, topic: Topic, into: Topic) -> int:
    """Count a topic as another, now and after every refit; how many texts moved."""
    held = Topic.objects.select_for_update().filter(pk__in=[topic.pk, into.pk]).order_by("id")
    now = {row.pk: row for row in held}  # two merges at once come one by one
    topic, into = now.get(topic.pk, topic), now.get(into.pk, into)
    if topic.pk == into.pk or into.state not in Topic.SHOWN:
        raise Invalid.one("into", say("Choose another topic that is shown."))
    Topic.objects.filter(pk=topic.pk).update(into=into)
    advance(TOPIC, topic, "merge", into=str(into.pk))
    Topic.objects.filter(into=topic).update(into=into)
    moved = Belonging.objects.filter(topic=topic).update(topic=into)
    _note(topic, "merged", say("Merged into “%(other)s”.", other=into.label))
    told = say_many("Took in “%(other)s” with %(n)s text.", "Took in “%(other)s” with %(n)s texts.",
                    other=topic.label, n=moved)  # fmt: skip
    _note(into, "merged", told)
    live.push(current_tenant(), "topics")
    return moved


def split(*, topic: Topic, kept: Found, born: Found) -> Topic:
    """Two topics of one: `kept` goes on under its id, `born` is new."""
    _refreshed(kept)
    Topic.objects.filter(into=topic).update(state="retired", into=None)  # what it took in is parted
    other = Topic.objects.create(
        state=topic.state, label=born.label[:120], named_by=born.named_by, **_values(born)
    )
    _note(topic, "split", say("Split: “%(other)s” is a topic of its own.", other=other.label))
    _note(other, "born", say("Split from “%(other)s”.", other=topic.label))
    audit.record("insights.split_topic", topic, born=str(other.pk))
    live.push(current_tenant(), "topics")
    return other


def was_split(*, topic_id: uuid.UUID, since: datetime) -> bool:
    return TopicChange.objects.filter(
        topic_id=topic_id, kind="split", created_at__gte=since
    ).exists()


def not_split(*, topic_id: uuid.UUID, why: Phrase) -> None:
    """Its history says why it stayed one."""
    topic = Topic.objects.filter(pk=topic_id).first()
    if topic is not None:
        _note(topic, "whole", why)
        live.push(current_tenant(), "topics")


def request_split(*, topic: Topic) -> None:
    """Ask for two topics of one, where it has texts enough."""
    if Belonging.objects.filter(topic=topic).count() < 2 * LEAST_SPLIT:
        raise Conflict(say("A topic needs at least %(least)s texts to be split.",
                           least=2 * LEAST_SPLIT))  # fmt: skip
    SPLIT_TOPIC.enqueue(SplitTopic(topic.pk), dedupe_key=str(topic.pk))


def put(*, document_id: uuid.UUID, topic: Topic | None) -> None:
    """A person says what a document is about; no refit changes that."""
    if topic is not None and topic.state not in Topic.SHOWN:
        raise Invalid.one("topic", say("Choose a topic that is shown."))
    row = Belonging.objects.filter(document_id=document_id).first()
    if row is None:
        raise Conflict(say("This text has no place among the topics yet."))
    row.topic, row.by_person = topic, True
    row.save(update_fields=["topic", "by_person"])
    audit.record("insights.put_in_topic", topic, document=str(document_id))
    live.push(current_tenant(), "topics")
