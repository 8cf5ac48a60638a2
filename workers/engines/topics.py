"""What texts are about: clusters of their senses that keep their identity, and their words.

Spherical k-means: a topic is a direction in the space of senses, its documents are those nearest to
it. What lies far from every topic is left unassigned, and the share of it is told. A refit begins
at the topics that are there, so that each keeps its identity; documents that no topic explains are
clustered by themselves and become candidates, and topics that came to say the same are named as
merges for a person to see.

Key terms are those that a topic's documents use more than others do (class-based TF-IDF,
Grootendorst 2022), chosen one by one so that they also occur together (normalised pointwise mutual
information, Bouma 2009), and each belongs to the topic that uses it most.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.cluster import AgglomerativeClustering, kmeans_plusplus
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

WORD = re.compile(r"[^\W\d_][\w'’-]+")
PORTION = 8_192


@dataclass(frozen=True, slots=True)
class Recipe:
    """`topics`: how many to look for (0: by the number of texts). `outside`: the share of texts,
    the farthest ones, that first stay unassigned. `least`: texts that a topic needs at least.
    `same`: cosine from which on two topics say the same."""

    topics: int = 0
    outside: float = 0.1
    least: int = 8
    same: float = 0.93
    rounds: int = 30
    starts: int = 3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Fitted:
    """`centroids` (K, C) of length 1; `near` (K,): the cosine from which on a text belongs to the
    topic; `label` (N,) of each text, -1 unassigned; `cosine` (N,) to the nearest topic. Of a refit,
    topics keep their number; `born` are new, `faded` have too few texts now, `twins` say the
    same."""

    centroids: np.ndarray
    near: np.ndarray
    label: np.ndarray
    cosine: np.ndarray
    born: tuple[int, ...] = ()
    faded: tuple[int, ...] = ()
    twins: tuple[tuple[int, int], ...] = ()


def wanted(texts: int) -> int:
    """How many topics to look for: half the root of the number of texts, 4 to 200."""
    return int(np.clip(round(texts**0.5 / 2), 4, 200))


def unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: np.ndarray = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return found


def nearest(vectors: np.ndarray, centroids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of the nearest centroid (N,) and the cosine to it (N,), a portion at a time."""
    label = np.empty(len(vectors), dtype=np.int64)
    cosine = np.empty(len(vectors), dtype=np.float32)
    for at in range(0, len(vectors), PORTION):
        likeness = vectors[at : at + PORTION] @ centroids.T
        label[at : at + PORTION] = likeness.argmax(1)
        cosine[at : at + PORTION] = likeness.max(1)
    return label, cosine


def assign(
    vectors: np.ndarray, centroids: np.ndarray, near: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Label (N,), -1 where the nearest topic is too far, and the cosine to it."""
    label, cosine = nearest(vectors, centroids)
    return np.where(cosine >= near[label], label, -1), cosine


def fit(vectors: np.ndarray, weights: np.ndarray, recipe: Recipe | None = None) -> Fitted:
    """Topics of texts: `vectors` (N, C) of length 1, `weights` (N,) of what each text counts.
    Raises ValueError for fewer texts than twice a topic's least."""
    recipe = recipe or Recipe()
    if len(vectors) < 2 * recipe.least:
        raise ValueError(f"At least {2 * recipe.least} texts are needed.")
    k = min(recipe.topics or wanted(len(vectors)), len(vectors) // recipe.least)
    centroids = _best(vectors, weights, k, recipe)
    centroids = _without_twins(vectors, weights, centroids, recipe)
    centroids = _without_small(vectors, weights, centroids, recipe)
    return _described(vectors, weights, centroids, recipe)


def refit(
    vectors: np.ndarray, weights: np.ndarray, before: np.ndarray, near: np.ndarray,
    recipe: Recipe | None = None, *, pinned: frozenset[int] = frozenset(),
) -> Fitted:  # fmt: skip
    """Topics of more texts, beginning at those that are there: `before` (K, C) with their `near`
    (K,). Only texts that are near move a topic, so that what is new makes none of them another. The
    first K topics of what is found are these K; those after them are born."""
    recipe = recipe or Recipe()
    if not len(vectors):
        raise ValueError("There are no texts to look at.")
    centroids = _moved(vectors, weights, before.copy(), recipe.rounds // 3, pinned, near)
    label, cosine = nearest(vectors, centroids)
    lost = cosine < near[label]
    born: tuple[int, ...] = ()
    more = min(max(1, wanted(len(vectors)) - len(before)), int(lost.sum()) // (2 * recipe.least))
    if more > 0:
        far = vectors[lost]
        found = _best(far, weights[lost], more, recipe)
        found = _without_twins(far, weights[lost], found, recipe)
        own, close = nearest(far, found)
        keep = [
            n for n in range(len(found))
            if (own == n).sum() >= 2 * recipe.least
            and np.median(close[own == n]) > 0.8 * np.median(cosine)
            and float((centroids @ found[n]).max()) < recipe.same
        ]  # fmt: skip
        born = tuple(range(len(before), len(before) + len(keep)))
        centroids = np.concatenate([centroids, found[keep]])
    made = _described(vectors, weights, centroids, recipe)
    counts = np.bincount(made.label[made.label >= 0], minlength=len(centroids))
    faded = tuple(n for n in range(len(before)) if counts[n] < recipe.least and n not in pinned)
    likeness = centroids @ centroids.T
    twins = tuple(
        (i, j) for i in range(len(centroids)) for j in range(i + 1, len(centroids))
        if likeness[i, j] >= recipe.same
    )  # fmt: skip
    return Fitted(centroids, made.near, made.label, made.cosine, born, faded, twins)


def _best(vectors: np.ndarray, weights: np.ndarray, k: int, recipe: Recipe) -> np.ndarray:
    """The best of several starts (k-means++, Arthur and Vassilvitskii 2007) by the mean cosine."""
    best, centroids = -1.0, vectors[:k]
    for seed in range(recipe.seed, recipe.seed + recipe.starts):
        start, _ = kmeans_plusplus(vectors, k, sample_weight=weights, random_state=seed)
        found = _moved(vectors, weights, unit(start), recipe.rounds)
        close = float(np.average(nearest(vectors, found)[1], weights=weights))
        if close > best:
            best, centroids = close, found
    return centroids


def _moved(
    vectors: np.ndarray, weights: np.ndarray, centroids: np.ndarray, rounds: int,
    pinned: frozenset[int] = frozenset(), near: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Lloyd's rounds on the sphere, until no text changes its topic; pinned topics stay. With
    `near` only the texts that are near move their topic."""
    before = None
    every = weights
    for _ in range(rounds):
        label, cosine = nearest(vectors, centroids)
        if near is not None:
            weights = np.where(cosine >= near[label], every, 0)
        if before is not None and np.array_equal(label, before):
            break
        before = label
        member = csr_matrix((weights, (label, np.arange(len(label)))),
                            shape=(len(centroids), len(label)))  # fmt: skip
        moved = member @ vectors
        empty = np.linalg.norm(moved, axis=1) < 1e-9
        moved[empty] = centroids[empty]
        for n in pinned:
            moved[n] = centroids[n]
        centroids = unit(moved)
    return centroids


def _without_twins(
    vectors: np.ndarray, weights: np.ndarray, centroids: np.ndarray, recipe: Recipe
) -> np.ndarray:
    """Centroids that say the same become one, the likest pair first."""
    while len(centroids) > 2:
        likeness = np.triu(centroids @ centroids.T, 1)
        i, j = np.unravel_index(int(likeness.argmax()), likeness.shape)
        if likeness[i, j] < recipe.same:
            break
        joined = unit((centroids[i] + centroids[j])[None])
        rest = [n for n in range(len(centroids)) if n not in (i, j)]
        centroids = _moved(vectors, weights, np.concatenate([centroids[rest], joined]), 3)
    return centroids


def _without_small(
    vectors: np.ndarray, weights: np.ndarray, centroids: np.ndarray, recipe: Recipe
) -> np.ndarray:
    label, _ = nearest(vectors, centroids)
    counts = np.bincount(label, minlength=len(centroids))
    keep = counts >= recipe.least
    return _moved(vectors, weights, centroids[keep], 5) if keep.any() else centroids


def _described(
    vectors: np.ndarray, weights: np.ndarray, centroids: np.ndarray, recipe: Recipe
) -> Fitted:
    """Each topic's own distance from which on a text is no part of it: the one that leaves
    `outside` of all texts unassigned, moved by how tight the topic is."""
    label, cosine = nearest(vectors, centroids)
    middle = np.array([
        np.median(cosine[label == n]) if (label == n).any() else 1.0 for n in range(len(centroids))
    ])  # fmt: skip
    ratio = cosine / np.maximum(middle[label], 1e-6)
    near = (middle * np.quantile(ratio, recipe.outside)).astype(np.float32)
    return Fitted(centroids, near, np.where(cosine >= near[label], label, -1), cosine)


# -- the words of topics -----------------------------------------------------------------------


def words(text: str) -> list[str]:
    """English words as they are counted: without case, digits and the commonest."""
    found = (w.strip("'’-").casefold().removesuffix("'s").removesuffix("’s")
             for w in WORD.findall(text))  # fmt: skip
    return [w for w in found if len(w) > 2 and w not in ENGLISH_STOP_WORDS]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Which words which text has: `has` (N, V) of 0 and 1."""

    has: csr_matrix
    names: list[str]

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]], least: int = 5, most: int = 20_000) -> Corpus:
        """From texts cut into words; words in fewer than `least` texts say nothing."""
        seen = Counter(word for text in texts for word in set(text))
        order = sorted(seen, key=lambda word: (-seen[word], word))
        names = [word for word in order[:most] if seen[word] >= least]
        place = {word: n for n, word in enumerate(names)}
        rows = [sorted({place[w] for w in text if w in place}) for text in texts]
        pointers = np.cumsum([0, *(len(r) for r in rows)])
        columns = np.fromiter((c for r in rows for c in r), dtype=np.int32, count=pointers[-1])
        data = np.ones(len(columns), dtype=np.float32)
        return cls(csr_matrix((data, columns, pointers), shape=(len(texts), len(names))), names)


@dataclass(frozen=True, slots=True)
class Together:
    """How words occur in texts, alone and in pairs, for words that were asked for."""

    place: dict[int, int]
    matrix: np.ndarray = field(repr=False)  # (A, A) normalised pointwise mutual information

    @classmethod
    def of(cls, corpus: Corpus, asked: Sequence[int]) -> Together:
        part = corpus.has[:, list(asked)]
        n = corpus.has.shape[0]
        joint = np.asarray((part.T @ part).todense(), dtype=np.float64) / n
        alone = np.maximum(np.diag(joint), 1e-12)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.log(joint / np.outer(alone, alone)) / -np.log(joint)
        found[~np.isfinite(found)] = -1.0
        return cls({word: i for i, word in enumerate(asked)}, found)


def terms(
    corpus: Corpus, label: np.ndarray, topics: int, *, most: int = 10, candidates: int = 40,
    together: float = 0.5,
) -> list[list[tuple[str, float]]]:  # fmt: skip
    """Of every topic up to `most` (word, weight), the strongest first."""
    inside = label >= 0
    member = csr_matrix((np.ones(inside.sum()), (label[inside], np.flatnonzero(inside))),
                        shape=(topics, len(label)))  # fmt: skip
    counts = np.asarray((member @ corpus.has).todense())  # (K, V)
    average = counts.sum() / max(1, topics)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    weight = share * np.log1p(average / np.maximum(counts.sum(0), 1e-9))  # (K, V)
    owner = weight.argmax(0)
    chosen = []
    for n in range(topics):
        mine = np.where(owner == n, weight[n], 0)
        order = [int(v) for v in np.argsort(-mine)[:candidates] if mine[v] > 0]
        chosen.append(order)
    asked = sorted({v for order in chosen for v in order})
    if not asked:
        return [[] for _ in range(topics)]
    pairs = Together.of(corpus, asked)
    picked = [_picked(order, weight[n], pairs, most, together) for n, order in enumerate(chosen)]
    return [[(corpus.names[v], float(weight[n, v])) for v in own] for n, own in enumerate(picked)]


def _picked(
    order: Sequence[int], weight: np.ndarray, pairs: Together, most: int, together: float
) -> list[int]:
    """Words one by one: each is strong, and occurs with those that are there."""
    if not order:
        return []
    strength = {v: float(weight[v] / weight[order[0]]) for v in order}
    picked = [order[0]]
    while len(picked) < min(most, len(order)):
        rows = [pairs.place[p] for p in picked]

        def worth(v: int, rows: list[int] = rows) -> float:
            likeness = float(pairs.matrix[pairs.place[v], rows].mean())
            return (1 - together) * strength[v] + together * likeness

        picked.append(max((v for v in order if v not in picked), key=worth))
    return sorted(picked, key=lambda v: -float(weight[v]))


def coherence(corpus: Corpus, found: Sequence[Sequence[str]]) -> float:
    """Mean normalised pointwise mutual information of the pairs of each topic's words (-1 to 1)."""
    place = {name: n for n, name in enumerate(corpus.names)}
    rows = [[place[w] for w in one if w in place] for one in found]
    pairs = Together.of(corpus, sorted({v for row in rows for v in row}))
    means = []
    for row in rows:
        at = [pairs.place[v] for v in row]
        values = [pairs.matrix[i, j] for n, i in enumerate(at) for j in at[n + 1 :]]
        if values:
            means.append(float(np.mean(values)))
    return float(np.mean(means)) if means else -1.0


def diversity(found: Sequence[Sequence[str]]) -> float:
    """Share of words that no other topic has among its own (Dieng et al. 2020)."""
    flat = [word for one in found for word in one]
    return len(set(flat)) / max(1, len(flat))


def representative(
    vectors: np.ndarray, label: np.ndarray, centroids: np.ndarray, most: int = 5
) -> list[list[int]]:
    """Of every topic the texts nearest to its centre, no two nearly alike."""
    found: list[list[int]] = []
    for n, centroid in enumerate(centroids):
        own = np.flatnonzero(label == n)
        order = own[np.argsort(-(vectors[own] @ centroid))][: 8 * most]
        kept: list[int] = []
        for i in order:
            if len(kept) < most and all(float(vectors[i] @ vectors[j]) < 0.92 for j in kept):
                kept.append(int(i))
        found.append(kept)
    return found


def families(centroids: np.ndarray, apart: float = 0.55) -> list[int]:
    """The family of each topic: average-linkage groups whose mean cosine distance is below
    `apart`."""
    if len(centroids) < 2:
        return [0] * len(centroids)
    grouping = AgglomerativeClustering(
        n_clusters=None, distance_threshold=apart, metric="cosine", linkage="average"
    )
    return [int(n) for n in grouping.fit_predict(centroids)]
