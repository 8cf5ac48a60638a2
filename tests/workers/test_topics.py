"""Topics: clusters that keep their identity through refits, and the words they share."""

from __future__ import annotations

import numpy as np
import pytest

from workers.engines import topics
from workers.engines.topics import Corpus, Recipe


def cloud(centre: int, n: int, seed: int, spread: float = 0.15, width: int = 16) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = rng.normal(0, spread, (n, width))
    found[:, centre] += 1
    return topics.unit(found)


RECIPE = Recipe(topics=4, least=5, outside=0.05)


@pytest.fixture
def four() -> tuple[np.ndarray, np.ndarray]:
    vectors = np.concatenate([cloud(c, 60, c) for c in range(4)])
    return vectors, np.repeat(np.arange(4), 60)


def test_clouds_are_found_and_the_farthest_share_stays_unassigned(four):
    vectors, truth = four
    found = topics.fit(vectors, np.ones(240), RECIPE)
    assert len(found.centroids) == 4
    inside = found.label >= 0
    assert (~inside).mean() == pytest.approx(0.05, abs=0.01)
    for n in range(4):
        assert len(set(truth[found.label == n])) == 1
    label, cosine = topics.assign(vectors, found.centroids, found.near)
    assert np.array_equal(label, found.label)
    assert np.allclose(cosine, found.cosine)


def test_a_refit_keeps_every_topic_and_gives_new_things_a_new_number(four):
    vectors, _ = four
    before = topics.fit(vectors, np.ones(240), RECIPE)
    more = np.concatenate([vectors, *(cloud(c, 12, 50 + c) for c in range(4)), cloud(9, 40, 77)])
    after = topics.refit(
        more, np.ones(len(more)), before.centroids, before.near, Recipe(least=5, same=0.85)
    )
    assert (np.diag(after.centroids[:4] @ before.centroids.T) > 0.98).all()
    kept = before.label >= 0
    assert (after.label[:240][kept] == before.label[kept]).mean() > 0.9
    assert after.born == (4,)
    new = after.label[-40:]
    assert (new[new >= 0] == 4).all()
    assert (new == 4).mean() > 0.7
    assert after.faded == ()


def test_a_refit_names_what_faded_and_what_says_the_same(four):
    vectors, _ = four
    twice = np.concatenate(
        [np.eye(16)[:4], topics.unit(np.eye(16)[:1] + 0.05), np.eye(16)[10:11]]
    ).astype(np.float32)
    near = np.full(6, 0.5, dtype=np.float32)
    after = topics.refit(vectors, np.ones(240), twice, near, Recipe(least=5, rounds=0))
    assert (0, 4) in after.twins
    assert 5 in after.faded
    pinned = topics.refit(
        vectors, np.ones(240), twice, near, Recipe(least=5), pinned=frozenset({5})
    )
    assert 5 not in pinned.faded
    assert np.allclose(pinned.centroids[5], twice[5])


def test_too_few_texts_are_refused():
    with pytest.raises(ValueError, match="At least 16 texts"):
        topics.fit(cloud(0, 15, 0), np.ones(15))


def test_many_copies_weigh_no_more_than_their_weight(four):
    vectors, _ = four
    flood = np.repeat(cloud(12, 1, 5), 400, axis=0)
    weights = np.concatenate([np.ones(240), np.full(400, 0.01)])
    found = topics.fit(
        np.concatenate([vectors, flood]), weights, Recipe(topics=5, least=5, outside=0.05)
    )
    assert sorted(
        len(set(np.repeat(np.arange(4), 60)[found.label[:240] == n])) for n in range(5)
    ) == [0, 1, 1, 1, 1]


TEXTS = [
    *["the parcel came late and delivery was slow"] * 8, *["late delivery and a torn parcel"] * 8,
    *["the coffee roast tastes burnt"] * 8, *["burnt roast and bitter coffee"] * 8,
]  # fmt: skip


def test_terms_are_what_a_topic_says_more_than_others_and_each_has_one_owner():
    corpus = Corpus.of([topics.words(t) for t in TEXTS])
    label = np.repeat([0, 1], 16)
    found = topics.terms(corpus, label, 2, most=4)
    assert {w for w, _ in found[0]} >= {"late", "delivery", "parcel"}
    assert {w for w, _ in found[1]} >= {"coffee", "roast", "burnt"}
    plain = [[w for w, _ in one] for one in found]
    assert topics.diversity(plain) == 1.0
    assert topics.coherence(corpus, plain) > 0.3
    assert topics.coherence(corpus, [["late", "coffee"], ["burnt", "parcel"]]) == -1.0


def test_words_are_counted_without_case_and_the_commonest():
    assert topics.words("The Kettle's LID isn't tight — 2 lids!") == [
        "kettle",
        "lid",
        "isn't",
        "tight",
        "lids",
    ]


def test_representative_texts_are_near_the_centre_and_not_alike(four):
    vectors, _ = four
    both = np.concatenate([vectors, vectors[:1]])
    found = topics.fit(both, np.ones(241), RECIPE)
    chosen = topics.representative(both, found.label, found.centroids, 3)
    for own in chosen:
        assert len(own) == 3
        likeness = both[own] @ both[own].T
        assert (likeness - np.eye(3) < 0.92).all()


def test_topics_that_lie_together_are_a_family():
    centres = topics.unit(np.array([[1, 0.2, 0], [1, 0, 0.1], [0, 0, 1]]))
    family = topics.families(centres)
    assert family[0] == family[1] != family[2]
