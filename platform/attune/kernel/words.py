"""Words in running text, of languages with blanks and without. Pure."""

from __future__ import annotations

import re

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
UNSEEN = re.compile(
    "[\u00ad\u180e\u200b\u200e\u200f\u2060-\u2064\u202a-\u202e\u2066-\u2069\ufeff]"
    "|(?<=\\w)[\u200c\u200d](?=\\w)"
)


def visible(text: str) -> str:
    """Without signs that nobody sees but that part a word: zero-width blanks, soft hyphens, marks
    of direction. Joiners between signs that are no letters (in emoji) stay."""
    return UNSEEN.sub("", text)


def whole(phrase: str) -> str:
    """A pattern for the phrase as words of its own: "tea" is not in "teapot". Chinese, Japanese and
    Korean have no blanks, so beside their signs any place is the end of a word."""
    left = rf"(?<![^\W{CJK}])" if re.match(rf"[^\W{CJK}]", phrase) else ""
    right = rf"(?![^\W{CJK}])" if re.search(rf"[^\W{CJK}]$", phrase) else ""
    return left + re.escape(phrase) + right


def holds(text: str, phrase: str) -> re.Match[str] | None:
    """Where the phrase stands in the text as words of its own, in either case."""
    return re.search(whole(phrase), text, re.IGNORECASE)
