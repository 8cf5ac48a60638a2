"""Sentences of a text with their places. Pure."""

from __future__ import annotations

import re

MOST_LETTERS = 400  # a longer one is cut at a comma or a space
END = re.compile(r"[.!?]+[\"”’')\]]*(?=\s|$)|[。！？!?…]+[”’」』）]*|\n+")
SHORTENED = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|st|vs|etc|e\.g|i\.e|approx|no|inc|ltd|co)|\b[a-z])\.$", re.IGNORECASE
)
BREAK = re.compile(r"[,;:，；：、]\s*|\s+")


def spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of every sentence, in order, without outer white space. Together they hold every
    letter and mark of the text; none is longer than 400 characters."""
    found: list[tuple[int, int]] = []
    start = 0
    for match in END.finditer(text):
        if match.group() == "." and SHORTENED.search(text[start : match.end()]):
            continue
        _add(text, start, match.end(), found)
        start = match.end()
    _add(text, start, len(text), found)
    return found


def _add(text: str, start: int, end: int, found: list[tuple[int, int]]) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > MOST_LETTERS:
        cuts = [
            m.end() for m in BREAK.finditer(text, start + MOST_LETTERS // 2, start + MOST_LETTERS)
        ]
        cut = cuts[-1] if cuts else start + MOST_LETTERS
        _add(text, start, cut, found)
        start = cut
        while start < end and text[start].isspace():
            start += 1
    if end > start:
        found.append((start, end))
