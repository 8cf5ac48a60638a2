"""Topics looked for, split, and given to what was just read."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np

from attune.kernel.phrases import say
from insights.topics import selectors, services, texts
from insights.topics.jobs import FIT_TOPICS, SPLIT_TOPIC, FitTopics, SplitTopic
from insights.topics.models import Topic, TopicFit
from insights.topics.services import Found, Known, Quality
from workers.engines import topics
from workers.engines.topics import Corpus, Fitted, Recipe
from workers.runner import Run, handles

MOST = 100_000  # texts that a fit looks at; all others are placed by what it found
TERMS, EXAMPLES, SHOWN = 10, 5, 1_000


@handles(FIT_TOPICS)
def fit_topics(payload: FitTopics, run: Run) -> None:
    """Look for topics, or refit those that are there, then place every text."""
    began = time.monotonic()
    with run.unit():
        fit = TopicFit.objects.get(pk=payload.fit_id)
        before = services.known()
    if fit.state == TopicFit.State.DONE:  # a worker died while it placed the texts
        _place_all(run, *_directions(before), [k.id for k in before])
    if fit.state != TopicFit.State.RUNNING:
        return
    run.progress(note=say("Reading the senses of the texts"))
    documents, vectors, weights = _senses(run)
    try:
        found = _fitted(vectors, weights, before)
    except ValueError as few:
        with run.unit():
            services.failed(fit_id=fit.pk, why=say("%(why)s", why=str(few)))
        return
    run.progress(note=say("Finding the words of the topics"))
    corpus, said = _corpus(run, documents)
    made = _described(documents, vectors, found, before, corpus, said)
    quality = Quality(
        len(documents), float((found.label < 0).mean()),
        topics.coherence(corpus, [[w for w, _ in one.terms] for one in made]),
        topics.diversity([[w for w, _ in one.terms] for one in made]), time.monotonic() - began,
    )  # fmt: skip
    with run.unit():
        ids = services.finish(
            fit=fit, found=made, faded=[before[n].id for n in found.faded if n < len(before)],
            twins=found.twins, quality=quality,
        )  # fmt: skip
    if ids:
        _place_all(run, found.centroids, found.near, ids)


def _directions(known: Sequence[Known]) -> tuple[np.ndarray, np.ndarray]:
    """The centres (k, C) of topics and how near (k,) a text has to be."""
    return (topics.unit(np.stack([k.centroid for k in known])),
            np.array([k.near for k in known], dtype=np.float32))  # fmt: skip


def _senses(run: Run) -> tuple[list[uuid.UUID], np.ndarray, np.ndarray]:
    """At most about MOST texts, chosen by chance where there are more."""
    documents: list[uuid.UUID] = []
    vectors, weights = [], []
    after: uuid.UUID | None = None
    with run.unit():
        share = MOST / max(MOST, selectors.readable())
    while len(documents) < MOST + texts.PORTION:
        with run.unit():
            some = texts.portion(after=after, share=share)
        if not some.documents:
            break
        documents += some.documents
        vectors.append(some.vectors)
        weights.append(some.weights)
        after = some.last
        run.progress(done=len(documents))
    every = np.concatenate(vectors) if vectors else np.zeros((0, 1), dtype=np.float32)
    return documents, topics.unit(every), np.concatenate([*weights, np.zeros(0)])


def _fitted(vectors: np.ndarray, weights: np.ndarray, before: Sequence[Known]) -> Fitted:
    if not before:
        return topics.fit(vectors, weights, Recipe())
    return topics.refit(
        vectors, weights, topics.unit(np.stack([k.centroid for k in before])),
        np.array([k.near for k in before], dtype=np.float32), Recipe(),
        pinned=frozenset(n for n, k in enumerate(before) if k.pinned),
    )  # fmt: skip


def _corpus(run: Run, documents: Sequence[uuid.UUID]) -> tuple[Corpus, dict[uuid.UUID, str]]:
    """The words of the texts, and the first thousand letters of each."""
    said: dict[uuid.UUID, str] = {}
    for at in range(0, len(documents), texts.PORTION):
        with run.unit():
            found = texts.words_of(documents[at : at + texts.PORTION])
        said |= {pk: text[:SHOWN] for pk, text in found.items()}
    cut = [topics.words(said.get(pk, "")) for pk in documents]
    return Corpus.of(cut, least=max(2, min(5, len(documents) // 200))), said


def _described(
    documents: Sequence[uuid.UUID], vectors: np.ndarray, found: Fitted, before: Sequence[Known],
    corpus: Corpus, said: dict[uuid.UUID, str],
) -> list[Found]:  # fmt: skip
    k = len(found.centroids)
    terms = topics.terms(corpus, found.label, k, most=TERMS)
    examples = topics.representative(vectors, found.label, found.centroids, EXAMPLES)
    families = topics.families(found.centroids)
    counts = np.bincount(found.label[found.label >= 0], minlength=k)
    return [
        Found(
            before[n].id if n < len(before) else None, found.centroids[n], float(found.near[n]),
            terms[n], [documents[i] for i in examples[n]], families[n],
            " · ".join(word for word, _ in terms[n][:3]) or said.get(documents[0], "")[:40],
            "words", int(counts[n]),
        )
        for n in range(k)
    ]  # fmt: skip


def _place_all(run: Run, centroids: np.ndarray, near: np.ndarray, ids: Sequence[uuid.UUID]) -> None:
    after: uuid.UUID | None = None
    done = 0
    while True:
        with run.unit():
            some = texts.portion(after=after)
            if not some.documents:
                return
            _placed(some, centroids, near, ids)
        after, done = some.last, done + len(some.documents)
        run.progress(done=done, note=say("%(done)s texts placed", done=done))


def _placed(some: Any, centroids: np.ndarray, near: np.ndarray, ids: Sequence[uuid.UUID]) -> None:
    label, cosine = topics.assign(topics.unit(some.vectors), centroids, near)
    owners = services.owners(ids)  # people merge while texts are placed
    services.place(some.documents, [owners[n] if n >= 0 else None for n in label], cosine.tolist())


def place_new(run: Run) -> None:
    """Give what was just read its place among the topics that are there."""
    with run.unit():
        known = services.known()
    if not known:
        return
    centroids, near = _directions(known)
    while True:
        with run.unit():
            some = texts.portion(unplaced=True)
            if not some.documents:
                return
            _placed(some, centroids, near, [k.id for k in known])


@handles(SPLIT_TOPIC)
def split_topic(payload: SplitTopic, run: Run) -> None:
    """Two topics of one: the larger half keeps the id, the other begins as a candidate. Run again
    after it split, it does nothing."""
    with run.unit():
        done = services.was_split(topic_id=payload.topic_id, since=run.row.created_at)
    if done:
        return
    documents: list[uuid.UUID] = []
    vectors, weights = [], []
    after: uuid.UUID | None = None
    while len(documents) < MOST:
        with run.unit():
            some = texts.portion(after=after, topic=payload.topic_id)
        if not some.documents:
            break
        documents += some.documents
        after = some.last
        vectors.append(some.vectors)
        weights.append(some.weights)
    if len(documents) < 2 * services.LEAST_SPLIT:
        with run.unit():
            services.not_split(topic_id=payload.topic_id, why=say("Too few texts to be split."))
        return
    every = topics.unit(np.concatenate(vectors))
    found = topics.fit(every, np.concatenate(weights), Recipe(topics=2, outside=0.05))
    if len(found.centroids) < 2:
        told = say("Not split: its texts do not fall into two groups.")
        with run.unit():
            services.not_split(topic_id=payload.topic_id, why=told)
        return
    corpus, said = _corpus(run, documents)
    with run.unit():
        topic = Topic.objects.get(pk=payload.topic_id)
    kept = Known(topic.pk, found.centroids[0], 0.0, False)
    if (found.label == 0).sum() < (found.label == 1).sum():
        found = _turned(found)
    made = _described(documents, every, found, [kept], corpus, said)
    with run.unit():
        other = services.split(topic=topic, kept=made[0], born=made[1])
        where = [(topic.pk, other.pk)[n] if n >= 0 else None for n in found.label]
        services.place(documents, where, found.cosine.tolist())


def _turned(found: Fitted) -> Fitted:
    """The same two topics the other way round."""
    label = np.where(found.label >= 0, 1 - found.label, -1)
    return Fitted(found.centroids[::-1], found.near[::-1], label, found.cosine)
