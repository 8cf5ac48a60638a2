"""The proof of topics: ours beside BERTopic, on the same senses of 11,394 short English texts.

    pip install bertopic && python -m benchmarks.run topics

The texts are the sentences of SemEval-2014 (laptops, restaurants) and the Amazon snippets; both get
the same MiniLM vectors, the same words and the same number of topics. Coherence is the mean NPMI of
the pairs of ten words of each topic, counted in these texts. Identity: four fifths are fitted, then
all are refitted; a topic kept its id where most of its texts stand under it again.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from benchmarks import bench
from benchmarks import opinion_data as data
from workers.engines import topics
from workers.engines.embedding import Encoder
from workers.engines.topics import Corpus, Recipe

WANTED = 50


def texts() -> list[str]:
    found = [row["text"] for domain in ("laptops", "restaurants") for split in ("train", "test")
             for row in data.terms(domain, split)]  # fmt: skip
    return found + [text for _, _, text in data.rated("amazon_snippets")]


def bertopic(said: Sequence[str], vectors: np.ndarray, corpus: Corpus) -> dict[str, float]:
    """BERTopic with its defaults, cut to the wanted number of topics."""
    from bertopic import BERTopic  # noqa: PLC0415 - a peer, installed for this alone
    from umap import UMAP  # noqa: PLC0415

    known = set(corpus.names)
    counter = CountVectorizer(
        tokenizer=lambda text: [w for w in topics.words(text) if w in known], lowercase=False,
        token_pattern=None,
    )  # fmt: skip
    chance = UMAP(n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=0)
    model = BERTopic(nr_topics=WANTED + 1, vectorizer_model=counter, umap_model=chance)
    began = time.perf_counter()
    label, _ = model.fit_transform(list(said), vectors)
    seconds = time.perf_counter() - began
    words = [[w for w, _ in model.get_topic(n)[:10]] for n in sorted(set(label)) if n >= 0]
    return {
        "npmi": topics.coherence(corpus, words), "diversity": topics.diversity(words),
        "unassigned": float(np.mean(np.array(label) < 0)), "seconds": seconds, "topics": len(words),
    }  # fmt: skip


def ours(vectors: np.ndarray, corpus: Corpus, k: int) -> dict[str, float]:
    began = time.perf_counter()
    found = topics.fit(vectors, np.ones(len(vectors)), Recipe(topics=k))
    named = topics.terms(corpus, found.label, len(found.centroids))
    seconds = time.perf_counter() - began
    words = [[w for w, _ in one] for one in named]
    plain = topics.terms(corpus, found.label, len(found.centroids), together=0.0)
    return {
        "npmi": topics.coherence(corpus, words), "diversity": topics.diversity(words),
        "unassigned": float((found.label < 0).mean()), "seconds": seconds, "topics": len(words),
        "plain": topics.coherence(corpus, [[w for w, _ in one] for one in plain]),
    }  # fmt: skip


def identity(vectors: np.ndarray) -> float:
    """Share of topics whose texts mostly stand under the same id after a fifth more came."""
    order = np.random.default_rng(0).permutation(len(vectors))
    first = order[: int(0.8 * len(order))]
    ones = np.ones(len(vectors))
    before = topics.fit(vectors[first], ones[first], Recipe(topics=WANTED))
    after = topics.refit(vectors, ones, before.centroids, before.near, Recipe(topics=WANTED))
    again = after.label[first]
    kept = [
        int(np.bincount(again[before.label == n] + 1).argmax()) - 1 == n
        for n in range(len(before.centroids)) if (before.label == n).any()
    ]  # fmt: skip
    return float(np.mean(kept))


def main() -> None:
    said = texts()
    vectors = Encoder().encode(said)
    corpus = Corpus.of([topics.words(text) for text in said])
    peer: dict[str, Any] = {"npmi": None}
    try:
        peer = bertopic(said, vectors, corpus)
    except ImportError:
        print("BERTopic is not installed: pip install bertopic; ours alone is measured.")
    k = int(peer.get("topics", WANTED))
    mine = ours(vectors, corpus, k)
    tracemalloc.start()
    topics.fit(vectors, np.ones(len(vectors)), Recipe(topics=k))
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    n = len(said)
    rows = [
        bench.row("topics.npmi", mine["npmi"], "", n=n, peer=peer["npmi"], peer_name="BERTopic"),
        bench.row("topics.npmi_plain_words", mine["plain"], "", n=n, peer=peer["npmi"],
                  peer_name="BERTopic; ours with words by weight alone"),
        bench.row("topics.diversity", mine["diversity"], "", n=n, goal=">= 0.8",
                  peer=peer.get("diversity"), peer_name="BERTopic"),
        bench.row("topics.unassigned", 100 * mine["unassigned"], "%", n=n, goal="<= 15",
                  peer=100 * peer["unassigned"] if "unassigned" in peer else None,
                  peer_name="BERTopic"),
        bench.row("topics.identity_kept", 100 * identity(vectors), "%", n=k, goal=">= 95"),
        bench.row("topics.seconds", mine["seconds"], "s", n=n, peer=peer.get("seconds"),
                  peer_name="BERTopic, after encoding"),
        bench.row("topics.peak_mb", peak, "MB", n=n),
    ]  # fmt: skip
    if peer["npmi"] is not None:
        rows.insert(0, bench.row("topics.npmi_gain", mine["npmi"] - peer["npmi"], "", n=n,
                                 goal=">= 0.03"))  # fmt: skip
    bench.write("topics", rows, command="make prove, with bertopic installed")


if __name__ == "__main__":
    main()
