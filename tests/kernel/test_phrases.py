"""Sentences that are kept in English and said in the reader's language."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from django.utils import translation

from attune.kernel import phrases
from attune.kernel.phrases import Phrase, as_is, restored, say, say_many, word

CHINESE = {
    "“%(name)s” is %(state)s.": "“%(name)s”%(state)s。",
    "in review": "审核中",
    "%(n)s texts": "%(n)s 条文案",
    "%(n)s text": "%(n)s 条文案",
    ", ": "、",
    "at 95 %": "95 %",
}


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A reader whose language is known here, whatever the catalogs say."""
    monkeypatch.setattr(phrases, "gettext", lambda text: CHINESE.get(text, text))
    monkeypatch.setattr(phrases, "ngettext", lambda one, many, n: CHINESE[one])


def test_a_phrase_is_its_english_text_for_code_and_its_translation_for_a_reader(
    chinese: Any,
) -> None:
    phrase = say("“%(name)s” is %(state)s.", name="Spring", state=word("in_review"))
    assert phrase == "“Spring” is in review."
    assert str(phrase) == "“Spring”审核中。"
    assert f"{phrase}" == "“Spring”审核中。"


def test_whole_numbers_get_commas_and_the_plural_follows_the_number(chinese: Any) -> None:
    assert say_many("%(n)s text", "%(n)s texts", n=1) == "1 text"
    assert say_many("%(n)s text", "%(n)s texts", n=1200) == "1,200 texts"
    assert str(say_many("%(n)s text", "%(n)s texts", n=1200)) == "1,200 条文案"


def test_a_list_is_joined_as_the_language_joins(chinese: Any) -> None:
    phrase = say("%(names)s", names=["a", word("in_review")])
    assert phrase == "a, in review"
    assert str(phrase) == "a、审核中"


def test_a_percent_sign_stays_without_values_and_is_written_twice_with_them(chinese: Any) -> None:
    assert say("at 95 %") == "at 95 %"
    assert say("at %(n)s %%", n=95) == "at 95 %"


def test_what_is_stored_comes_back_with_nested_phrases_and_lists(chinese: Any) -> None:
    told = say(
        "%(all)s: %(one)s",
        all=[word("in_review"), "x"],
        one=say_many("%(n)s text", "%(n)s texts", n=2),
    )
    back = restored(told.stored())
    assert (back, str(back)) == ("in review, x: 2 texts", "审核中、x: 2 条文案")
    assert pickle.loads(pickle.dumps(told)).stored() == told.stored()  # noqa: S301


def test_text_of_another_program_is_kept_as_it_is() -> None:
    odd = "100 % of %(this)s"
    assert as_is(odd) == odd
    assert str(restored(as_is(odd).stored())) == odd
    assert restored("a row of before") == "a row of before"
    assert isinstance(restored({"text": ""}), Phrase)


def test_the_active_language_decides(settings: Any) -> None:
    with translation.override("zh-hans"):
        assert str(word("running")) == "运行中"
    with translation.override("en"):
        assert str(word("running")) == "running"
