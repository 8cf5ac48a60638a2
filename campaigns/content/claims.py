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
    DATE_ZH,
    EXCLUSIVE,
    EXCLUSIVE_ZH,
    HEALTH,
    HEALTH_ZH,
    MONEY,
    MONEY_ZH,
    NAME,
    NUMBERS,
    PERCENT,
    PERCENT_ZH,
    PROMISE,
    PROMISE_ZH,
    QUANTITY,
    QUANTITY_ZH,
    SAVING,
    SHELF_LIFE,
    SUPERLATIVE,
    SUPERLATIVE_ZH,
)

known_words(
    "price", "percentage", "discount", "date", "quantity", "promise", "health claim", "superlative"
)
known_words("claim of fame or exclusivity", "name")


CHINESE = re.compile(r"[\u4e00-\u9fff]")
PATTERNS = (
    ("price", MONEY), ("price", MONEY_ZH), ("percentage", PERCENT), ("discount", PERCENT_ZH),
    ("date", DATE), ("date", DATE_ZH), ("quantity", QUANTITY), ("quantity", QUANTITY_ZH),
    ("promise", PROMISE), ("promise", PROMISE_ZH), ("health claim", HEALTH),
    ("health claim", HEALTH_ZH), ("claim of fame or exclusivity", EXCLUSIVE),
    ("claim of fame or exclusivity", EXCLUSIVE_ZH), ("superlative", SUPERLATIVE),
    ("superlative", SUPERLATIVE_ZH),
)  # fmt: skip


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
    for kind, pattern in PATTERNS:
        for match in pattern.finditer(text):
            if _overlaps(match.span(), taken) or SHELF_LIFE.match(text, match.start()):
                continue
            taken.append(match.span())
            start = _compound(text, match.start())
            words = text[start : match.end()].strip().rstrip(".,")
            saved = kind == "price" and _saves(text, *match.span())
            claims.append(_trace("discount" if saved else kind, words, start, sources))
    if not title_case:
        claims += _names(text, taken, sources)
    return sorted(claims, key=lambda c: c.start)


def _compound(text: str, start: int) -> int:
    """Where the word that the claim ends began: "sugar-free" is one claim, not "free"."""
    before = re.search(r"[\w]+-$", text[max(0, start - 40) : start])
    return start - len(before.group()) if before else start


def _saves(text: str, start: int, end: int) -> bool:
    """Whether a sum of money is one that is saved, not paid."""
    before, after = text[max(0, start - 20) : start], text[end : end + 20].lstrip()
    return bool(SAVING.search(before) or SAVING.match(after))


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
    if kind == "superlative":
        fact = SHELF_LIFE.sub("", fact)
    if kind == "discount" and MONEY.search(words):
        said = _number_and_unit("price", words) in _numbers("price", fact)
        return said and bool(SAVING.search(fact))
    if CHINESE.search(words):
        return _plain(words) in _plain(fact)
    return f" {_plain(words)} " in f" {_plain(fact)} "


def _numbers(kind: str, fact: str) -> set[tuple[float, str]]:
    patterns = [pattern for name, pattern in PATTERNS if name == kind]
    return {_number_and_unit(kind, m.group()) for p in patterns for m in p.finditer(fact)}


UNITS = {
    "€": "eur", "euro": "eur", "$": "usd", "dollar": "usd", "£": "gbp", "¥": "cny", "￥": "cny",
    "元": "cny", "块钱": "cny", "人民币": "cny", "gram": "g", "litre": "l", "liter": "l", "克": "g",
    "公斤": "kg", "千克": "kg", "毫升": "ml", "升": "l", "毫克": "mg",
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
    return " ".join(re.findall(r"[\w%#]+(?:-[\w%#]+)*", text.lower()))
