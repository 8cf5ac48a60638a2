"""Factual claims in copy, and where each comes from. Pure.

A claim is a price, a percentage, a number with a unit, a date, a promise ("free", "guaranteed"), a
word about health, exclusivity or fame, a superlative, or a proper name. Each must stand in a fact
of the catalogue or in the brief. Claims in other words are not found here: a person reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from attune.kernel.phrases import known_words
from campaigns.content.claim_words import (
    COMMON,
    DATE,
    EXCLUSIVE,
    HEALTH,
    MONEY,
    NAME,
    NUMBERS,
    PERCENT,
    PROMISE,
    QUANTITY,
    SUPERLATIVE,
)

known_words("price", "percentage", "date", "quantity", "promise", "health claim", "superlative")
known_words("claim of fame or exclusivity", "name")


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim: its kind, its words, where it starts, and the source that supports it, if any."""

    kind: str
    text: str
    start: int
    source: str = ""
    evidence: str = ""

    @property
    def supported(self) -> bool:
        return bool(self.source)


def find(text: str, sources: list[dict[str, Any]], *, title_case: bool = False) -> list[Claim]:
    """Every claim of a text with its support. `sources` are {source, text}.

    In a title-case text (a subject, a headline) single capitalised words are not names.
    """
    claims: list[Claim] = []
    taken: list[tuple[int, int]] = []
    for kind, pattern in (
        ("price", MONEY),
        ("percentage", PERCENT),
        ("date", DATE),
        ("quantity", QUANTITY),
        ("promise", PROMISE),
        ("health claim", HEALTH),
        ("claim of fame or exclusivity", EXCLUSIVE),
        ("superlative", SUPERLATIVE),
    ):
        for match in pattern.finditer(text):
            if not _overlaps(match.span(), taken):
                taken.append(match.span())
                claims.append(
                    _trace(kind, match.group().strip().rstrip(".,"), match.start(), sources)
                )
    if not title_case:
        claims += _names(text, taken, sources)
    return sorted(claims, key=lambda c: c.start)


def _names(text: str, taken: list[tuple[int, int]], sources: list[dict[str, Any]]) -> list[Claim]:
    found = []
    for match in NAME.finditer(text):
        words = [w for w in match.group(1).split() if w.lower().strip("'’") not in COMMON]
        if words and not _overlaps(match.span(), taken):
            found.append(_trace("name", " ".join(words), match.start(), sources))
    return found


def _overlaps(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in taken)


def _trace(kind: str, words: str, start: int, sources: list[dict[str, Any]]) -> Claim:
    for source in sources:
        if _stands_in(kind, words, str(source["text"])):
            return Claim(kind, words, start, str(source["source"]), str(source["text"]))
    return Claim(kind, words, start)


def _stands_in(kind: str, words: str, fact: str) -> bool:
    if kind in {"price", "percentage", "quantity"}:
        return _number_and_unit(kind, words) in _numbers(kind, fact)
    if kind == "name":
        known = set(re.findall(r"[\w&-]+", fact.lower()))
        return all(_stem(w) in {_stem(k) for k in known} for w in words.lower().split())
    return _plain(words) in _plain(fact)


def _numbers(kind: str, fact: str) -> set[tuple[float, str]]:
    pattern = {"price": MONEY, "percentage": PERCENT, "quantity": QUANTITY}[kind]
    return {_number_and_unit(kind, m.group()) for m in pattern.finditer(fact)}


UNITS = {
    "€": "eur", "euro": "eur", "$": "usd", "dollar": "usd", "£": "gbp", "¥": "cny", "gram": "g",
    "litre": "l", "liter": "l",
}  # fmt: skip


def _number_and_unit(kind: str, words: str) -> tuple[float, str]:
    for written, number in NUMBERS.items():
        words = re.sub(rf"\b{written}\b", str(number), words, flags=re.IGNORECASE)
    digits = re.search(r"\d[\d.,]*", words)
    raw = digits.group().rstrip(".,") if digits else "0"
    if re.search(r",\d{1,2}$", raw):
        raw = raw.replace(".", "").replace(",", ".")
    unit = re.sub(r"[\d.,\s-]", "", words).lower().rstrip("s") if kind != "percentage" else "%"
    try:
        return float(raw.replace(",", "")), UNITS.get(unit, unit)
    except ValueError:
        return float("nan"), unit


def _stem(word: str) -> str:
    return word.strip("'’").removesuffix("'s").removesuffix("’s").removesuffix("s")


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w%#]+", text.lower()))
