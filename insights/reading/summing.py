"""From sentences to a document, and from words to features. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

CLEAR = 0.6  # a sentence's probability from which on it says so clearly
PART = 0.2  # of what is said with feeling: as much on either side makes a document mixed
ARTICLES = re.compile(r"^(?:the|a|an|my|our|your|its|his|her|their|this|that)\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Felt:
    """A sentence: where it stands, and its probabilities."""

    start: int
    end: int
    negative: float
    neutral: float
    positive: float


@dataclass(frozen=True, slots=True)
class Whole:
    """A document: its feeling, its probabilities, and its intensity from -1 to 1."""

    feeling: str
    negative: float
    neutral: float
    positive: float
    intensity: float


def whole(sentences: Sequence[Felt]) -> Whole:
    """Sentences weigh by their length, and by how much they feel: ten plain sentences around one
    angry one do not make a plain review. Mixed is what says both, each clearly and as at least a
    fifth of what is said with feeling."""
    if not sentences:
        return Whole("neutral", 0.0, 1.0, 0.0, 0.0)
    weights = [(s.end - s.start) ** 0.5 * (1.02 - s.neutral) ** 1.5 for s in sentences]
    total = sum(weights)
    parts = [
        sum(w * value for w, value in zip(weights, column, strict=True)) / total
        for column in zip(*((s.negative, s.neutral, s.positive) for s in sentences), strict=True)
    ]
    negative, neutral, positive = parts
    bad = sum(w for w, s in zip(weights, sentences, strict=True) if s.negative >= CLEAR) / total
    good = sum(w for w, s in zip(weights, sentences, strict=True) if s.positive >= CLEAR) / total
    if bad >= PART and good >= PART:
        feeling = "mixed"
    else:
        feeling = max(("neutral", neutral), ("negative", negative), ("positive", positive),
                      key=lambda pair: pair[1])[0]  # fmt: skip
    return Whole(feeling, negative, neutral, positive, positive - negative)


def term_key(words: str) -> str:
    """A term as it is compared: without article, case and plural; 80 letters at most."""
    plain = ARTICLES.sub("", " ".join(words.split()).casefold()).strip(" .,;:!?\"'()[]-")
    head, _, last = plain.rpartition(" ")
    if last.isascii():
        last = singular(last)
    return f"{head} {last}".strip()[:80]


def singular(word: str) -> str:
    """An English noun without its plural, where its ending tells: batteries, boxes, screens."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(("ches", "shes", "xes", "zes", "sses")):
        return word[:-2]
    return word[:-1]
