"""Letters that look like others, and marks that nobody sees: folded, so that a word is known
however it is disguised. Pure."""

from __future__ import annotations

import unicodedata

LOOK_ALIKE = str.maketrans(
    "аеорсухіјѕԁԛԝһкмтвнзАЕОРСУХІЈЅКМТВНαορνικτχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijsdqwhkmtbhzAEOPCYXIJSKMTBHaopviktxwABEZHIKMNOPTYX",
)
JOINERS = {"\u200d", "\ufe0f"}  # of emoji: 👩‍💻 is three signs


def seen(text: str) -> str:
    """Without format characters such as zero-width spaces and soft hyphens; emoji stay whole."""
    if text.isascii():
        return text
    return "".join(
        c for i, c in enumerate(text)
        if unicodedata.category(c) != "Cf" or (c in JOINERS and i and ord(text[i - 1]) > 0x2000)
    )  # fmt: skip


def bare(text: str) -> str:
    """For comparing: look-alikes of other alphabets as the Latin letters that they pass for where a
    word mixes alphabets, wide letters narrow, no marks over them."""
    if text.isascii():
        return text
    narrow = unicodedata.normalize("NFKC", seen(text))
    return "".join(map(_unmixed, _pieces(narrow)))


def _pieces(text: str) -> list[str]:
    """Words and what is between them; together they are the text."""
    found: list[str] = []
    for c in text:
        if found and c.isalpha() == found[-1][-1].isalpha():
            found[-1] += c
        else:
            found.append(c)
    return found


def _unmixed(word: str) -> str:
    """A word of both Latin letters and look-alikes of them is Latin; Russian stays Russian."""
    mixed = any("a" <= c.lower() <= "z" for c in word) and not word.isascii()
    return word.translate(LOOK_ALIKE) if mixed else word
