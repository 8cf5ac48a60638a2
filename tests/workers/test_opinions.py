"""Readers of opinions: sentences, terms, opinions' words; trained on a tiny encoder."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.workers import tiny_encoder
from workers.engines import opinion_readers, opinion_terms, opinions, opinions_zh, senses, sentences
from workers.engines.embedding import Encoder
from workers.engines.opinions import Lesson, Recipe
from workers.engines.sentences import spans


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Good tea. Bad cup! Why?", ["Good tea.", "Bad cup!", "Why?"]),
        ("Dr. Byron paid approx. 3.50 for it.", ["Dr. Byron paid approx. 3.50 for it."]),
        ("茶很好喝。杯子坏了！为什么？", ["茶很好喝。", "杯子坏了！", "为什么？"]),
        ("one\n\n two  ", ["one", "two"]), ("", []), ("…", ["…"]),
    ],
)  # fmt: skip
def test_sentences_and_their_places(text, found):
    assert [text[s:e] for s, e in spans(text)] == found


def test_a_sentence_without_end_is_cut_and_nothing_is_lost():
    text = "very good " * 200
    cut = spans(text)
    assert all(e - s <= sentences.MOST_LETTERS for s, e in cut)
    assert " ".join(text[s:e] for s, e in cut) == text.strip()


def lessons() -> list[Lesson]:
    found = []
    for thing in ("tea", "cup", "kettle", "lid"):
        for word, side in (("good", 1), ("great", 1), ("bad", -1), ("awful", -1)):
            text = f"The {thing} is {word}."
            polarity = "positive" if side > 0 else "negative"
            feeling = (0.0, 0.0, 1.0) if side > 0 else (1.0, 0.0, 0.0)
            terms = ((4, 4 + len(thing), polarity),)
            found.append(Lesson(text, feeling, 3.0 * side, terms))
    return found * 6


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_encoder.make(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def reader(base):
    recipe = Recipe(epochs=25, rate=3e-3, head_rate=3e-3, tuned=2, batch=16, average=0.9)
    return opinions.train(lessons(), recipe=recipe, base=base)


def test_feeling_terms_polarity_and_the_words_that_say_so_are_learned(reader):
    good, bad = reader.read(["The kettle is great.", "The lid is awful."])
    assert good.feeling[2] > 0.8
    assert bad.feeling[0] > 0.8
    assert sum(good.feeling) == pytest.approx(1, abs=1e-5)
    assert good.intensity > 1 > -1 > bad.intensity
    assert [(t.start, t.end, t.polarity) for t in good.terms] == [(4, 10, "positive")]
    term = bad.terms[0]
    assert (term.start, term.end, term.polarity) == (4, 7, "negative")
    assert np.linalg.norm(good.sense) == pytest.approx(1, abs=1e-4)


def test_the_words_of_opinion_stand_near_the_term_in_its_clause():
    text = "Nice box, but the lid leaks badly every day"
    places = [(0, 0), *((m.start(), m.end()) for m in re.finditer(r"\w+|,", text)), (0, 0)]
    speaks = np.zeros(len(places))
    for word, value in (("Nice", 9.0), ("leaks", 3.0), ("badly", 2.5), ("every", 0.1), ("the", 8)):
        speaks[next(i for i, (s, e) in enumerate(places) if text[s:e] == word)] = value
    lid = next(i for i, (s, e) in enumerate(places) if text[s:e] == "lid")
    start, end = opinion_terms.opinion(text, places, speaks, (lid, lid + 1))
    assert text[start:end] == "leaks badly"
    assert opinion_terms.opinion(text, places, -speaks, (lid, lid + 1)) == (0, 0)


def test_the_sense_is_the_plain_encoders(reader, base):
    plain = Encoder(str(base)).encode(["The kettle is great.", "words"])
    read = reader.read(["The kettle is great.", "words"])
    assert np.abs(np.stack([r.sense for r in read]) - plain).max() < 1e-4


def test_a_kept_reader_reads_the_same_and_openvino_agrees(reader, base, tmp_path):
    reader.save(tmp_path)
    again = opinions.Opinions.load(tmp_path, base)
    texts = ["The kettle is great.", "The lid is awful.", "", "tea " * 100]
    before, after = reader.read(texts), again.read(texts)
    again.serve()
    assert again.fast is not None
    for one, two, three in zip(before, after, again.read(texts), strict=True):
        assert two.feeling == pytest.approx(one.feeling, abs=0.02)
        assert three.feeling == pytest.approx(two.feeling, abs=0.03)
        assert [t.polarity for t in one.terms] == [t.polarity for t in two.terms]


def test_weights_of_another_encoder_are_refused(reader, tmp_path):
    reader.save(tmp_path)
    with pytest.raises(ValueError, match="belong to another"):
        opinions.Opinions.load(tmp_path)  # the packaged encoder is no tiny one


CHINESE = [
    ("茶很好喝，物流很快", 1),
    ("杯子坏了，非常失望", 0),
    ("味道不错，包装精美", 1),
    ("质量太差，再也不买", 0),
]


@pytest.fixture(scope="module")
def chinese():
    texts, labels = zip(*(CHINESE * 12), strict=True)
    recipe = opinions_zh.Recipe(epochs=25, batch=8, width=16, average=0.9, blank=0.0)
    return opinions_zh.train(texts, np.array(labels), recipe=recipe)


def test_chinese_feeling_and_terms(chinese, tmp_path):
    good, bad = chinese.read(["味道很好喝，物流很快", "质量太差，非常失望"])
    assert good.feeling[2] > 0.5 > good.feeling[0]
    assert bad.feeling[0] > 0.5 > bad.feeling[2]
    text = "味道很好喝，物流很快"
    assert [(text[t.start : t.end], t.polarity) for t in good.terms] == [
        ("味道", "positive"), ("物流", "positive"),
    ]  # fmt: skip
    chinese.save(tmp_path)
    again = opinions_zh.ChineseOpinions.load(tmp_path)
    assert again.scores([text]) == pytest.approx(chinese.scores([text]), abs=0.05)


def test_a_letter_that_is_two_when_it_is_small_breaks_nothing(chinese):
    assert len(chinese.read(["İstanbul 的茶很好喝"])) == 1


def test_the_parts_of_the_characters_sum_to_the_linear_score(chinese):
    score, parts = chinese.linear.score("味道很好喝")
    assert parts.sum() + chinese.linear.bias == pytest.approx(score, abs=1e-6)


def test_documents_are_read_in_their_language_with_places_in_the_whole_text(
    reader, chinese, tmp_path, base
):
    reader.save(tmp_path / "opinions-en")
    chinese.save(tmp_path / "opinions-zh")
    readers = opinion_readers.OpinionReaders(tmp_path, base)
    text = "Hello. The kettle is great."
    one, two = readers.read([(text, "en"), ("质量太差。", "zh")])
    assert one["model"] == "opinions-en"
    assert [row[:2] for row in one["sentences"]] == [[0, 6], [7, 27]]
    assert "kettle" in [text[start:end] for start, end, *_ in one["terms"]]
    assert senses.unpacked(one["vector"]).shape == (48,)
    assert (two["model"], two["vector"]) == ("opinions-zh", "")
