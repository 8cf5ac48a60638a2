"""Terms in a sentence and the words of opinion beside them, from what a model says of each token.

A token is (start, end) in the text; special tokens are (0, 0). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

POLARITIES = ("negative", "neutral", "positive")
OUTSIDE, BEGIN, INSIDE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Term:
    """A term that was found: its place in the sentence, its polarity with the probability, and the
    place of the words that say so (both 0: none)."""

    start: int
    end: int
    polarity: str
    confidence: float
    opinion_start: int = 0
    opinion_end: int = 0


def covered(places: Sequence[Sequence[int]], start: int, end: int) -> tuple[int, int] | None:
    """First and last-plus-one of the tokens that lie in text[start:end]; None where none does."""
    found = [i for i, (s, e) in enumerate(places) if e > s and s < end and e > start]
    return (found[0], found[-1] + 1) if found else None


def decode(tags: np.ndarray, places: Sequence[Sequence[int]], text: str) -> list[tuple[int, int]]:
    """Spans of tokens from tag scores (T, 3): they begin with a letter or digit, and hold whole
    words."""
    found: list[tuple[int, int]] = []
    chosen = tags.argmax(1)
    at = 0
    while at < len(places):
        start, end = places[at]
        if end <= start or chosen[at] != BEGIN or not text[start].isalnum():
            at += 1
            continue
        last = at + 1
        while last < len(places) and places[last][1] > places[last][0] and (
            chosen[last] == INSIDE or (places[last][0] == places[last - 1][1]
            and chosen[last] != BEGIN and _letters(places, last))
        ):  # fmt: skip
            last += 1
        found.append((at, last))
        at = last
    return found


def _letters(places: Sequence[Sequence[int]], at: int) -> bool:
    """Whether a token goes on with the word before it: both stand without a gap."""
    return places[at][0] == places[at - 1][1] and places[at][1] - places[at][0] > 1


def term_of(
    text: str,
    places: Sequence[Sequence[int]],
    leaning: np.ndarray,
    inside: tuple[int, int],
    chances: np.ndarray,
) -> Term:  # fmt: skip
    """A term with its likeliest polarity (`chances` of the three) and its words of opinion."""
    best = int(chances.argmax())
    start, end = places[inside[0]][0], places[inside[1] - 1][1]
    words = (0, 0)
    if best != 1:
        words = opinion(text, places, leaning * (1 if best == 2 else -1), inside)
    return Term(start, end, POLARITIES[best], float(chances[best]), *words)


CLAUSE = frozenset(",;:()—")
LINKS = frozenset(  # words that link others and are no opinion, whatever flows through them
    "a an the this that these those my our your his her its their i we you he she it they me us "
    "him them and or but so as if than then when while because of in on at by for from to with "
    "into over after before about is are was were be been being am has have had do does did will "
    "would can could should may might must there here who which what where s t re ve ll m d also "
    "just".split()
)
REACH, FADES = 8, 0.9  # tokens on either side of a term, and what each step away takes


def opinion(
    text: str, places: Sequence[Sequence[int]], speaks: np.ndarray, inside: tuple[int, int]
) -> tuple[int, int]:
    """The words that speak most for a term's polarity, near it and in its clause: (start, end) in
    the text, both 0 where none speaks for it. `speaks` (T,) is each token's part."""
    first = last = inside[0]
    for _ in range(REACH):
        if first > 0 and places[first - 1][1] and text[places[first - 1][0]] not in CLAUSE:
            first -= 1
    last = inside[1]
    for _ in range(REACH):
        if last < len(places) and places[last][1] and text[places[last][0]] not in CLAUSE:
            last += 1
    near = [
        i for i in (*range(first, inside[0]), *range(inside[1], last))
        if text[places[i][0]].isalpha() and text[places[i][0] : places[i][1]].lower() not in LINKS
    ]  # fmt: skip
    if not near:
        return 0, 0
    best = max(near, key=lambda i: float(speaks[i]) * FADES ** _apart(i, inside))
    if float(speaks[best]) <= 0:
        return 0, 0
    enough = 0.7 * float(speaks[best])
    left = right = best
    while left - 1 in near and (speaks[left - 1] >= enough or _joined(places, left)):
        left -= 1
    while right + 1 in near and (speaks[right + 1] >= enough or _joined(places, right + 1)):
        right += 1
    return places[left][0], places[right][1]


def _apart(at: int, inside: tuple[int, int]) -> int:
    return inside[0] - at if at < inside[0] else at - inside[1] + 1


def _joined(places: Sequence[Sequence[int]], at: int) -> bool:
    return places[at][0] == places[at - 1][1]
