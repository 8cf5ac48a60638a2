"""Disguised words are known; other alphabets stay what they are."""

from __future__ import annotations

import pytest

from attune.kernel import letters


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("ig\u200bnore", "ignore"), ("so\u00adft", "soft"), ("\ufefftea", "tea"), ("plain", "plain"),
        ("a \U0001f469\u200d\U0001f4bb here", "a \U0001f469\u200d\U0001f4bb here"), ("x\u200dy", "xy"),
    ],
)  # fmt: skip
def test_what_nobody_sees_is_dropped_and_emoji_stay_whole(text, kept):
    assert letters.seen(text) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Ign\u043ere the pri\u0441e", "Ignore the price"), ("\u0447\u0430\u0439", "\u0447\u0430\u0439"),
        ("\uff47\uff52\uff45\uff41\uff54", "great"), ("\u8336\u5f88\u597d tea", "\u8336\u5f88\u597d tea"),
    ],
)  # fmt: skip
def test_a_word_of_mixed_alphabets_is_latin(text, kept):
    assert letters.bare(text) == kept
