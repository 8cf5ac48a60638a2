"""How near a text is to the way a brand writes: a score from 0 to 100, and what differs. Pure.

Style, not topic: eleven rates of a text (long sentences, exclamation marks, "you", contractions …)
are compared with those of the brand's own samples. The distance is the mean absolute z-score, in
units of how much such rates vary between brands (SPREAD), with the sample mean shrunken towards
general copy as long as there are few samples: mu = (n m + 2 m0) / (n + 2). Score = 100 exp(-d).
After Burrows's Delta (Burrows 2002), with rates that survive texts of one sentence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from attune.kernel.phrases import Phrase, known_words, say, word

SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")
WORD = re.compile(r"[\u4e00-\u9fff]|[A-Za-zÀ-ɏ0-9]+(?:['’][A-Za-z]+)?")
YOU = {"you", "your", "yours", "yourself", "您", "你"}
WE = {"we", "our", "ours", "us", "i", "my", "我", "咱"}
EMOJI = re.compile(r"[\U0001F300-\U0001FAFF\u2600-\u27BF]")

# general marketing copy: mean and spread between brands of each rate
GENERAL: dict[str, tuple[float, float]] = {
    "words in a sentence": (11.0, 4.0),
    "letters in a word": (4.5, 0.6),
    "exclamation marks": (0.15, 0.25),
    "questions": (0.1, 0.2),
    "words to the reader": (0.05, 0.04),
    "words about us": (0.03, 0.03),
    "capital letters": (0.05, 0.06),
    "numbers": (0.03, 0.04),
    "contractions": (0.02, 0.03),
    "commas": (0.5, 0.5),
    "emoji": (0.05, 0.2),
}
known_words(*GENERAL)


@dataclass(frozen=True, slots=True)
class Score:
    """0 to 100, and the two rates that are furthest from the brand's."""

    value: float
    differs: tuple[Phrase, ...] = ()


def rates(text: str) -> dict[str, float]:
    """The eleven rates of a text; of an empty one, those of general copy."""
    sentences = [s for s in SENTENCE.findall(text) if WORD.search(s)]
    words = WORD.findall(text)
    if not words:
        return {name: mean for name, (mean, _) in GENERAL.items()}
    n, lower = len(sentences) or 1, [w.lower() for w in words]
    letters = sum(c.isalpha() for c in text) or 1
    return {
        "words in a sentence": len(words) / n,
        "letters in a word": sum(map(len, words)) / len(words) if words[0].isascii() else 4.5,
        "exclamation marks": sum(text.count(mark) for mark in "!！") / n,
        "questions": sum(text.count(mark) for mark in "?？") / n,
        "words to the reader": sum(w in YOU for w in lower) / len(words),
        "words about us": sum(w in WE for w in lower) / len(words),
        "capital letters": sum(c.isupper() for c in text) / letters,
        "numbers": sum(w[0].isdigit() for w in words) / len(words),
        "contractions": sum("'" in w or "’" in w for w in words) / len(words),
        "commas": sum(text.count(mark) for mark in ",，、") / n,
        "emoji": len(EMOJI.findall(text)) / n,
    }


def score(text: str, samples: Sequence[str], *, preferred: Sequence[str] = ()) -> Score | None:
    """How near `text` is to the samples; None without samples. Each preferred word that is used
    takes off a tenth of the distance, three at most."""
    if not samples:
        return None
    own, each = rates(text), [rates(sample) for sample in samples]
    n = len(each)
    distance: dict[str, float] = {}
    for name, (mean, spread) in GENERAL.items():
        brand = (sum(r[name] for r in each) + 2 * mean) / (n + 2)
        distance[name] = (own[name] - brand) / spread
    used = sum(1 for w in preferred if re.search(rf"(?<!\w){re.escape(w)}", text, re.IGNORECASE))
    total = sum(min(abs(z), 4.0) for z in distance.values()) / len(distance)
    total *= 1 - 0.1 * min(used, 3)
    far = sorted(distance, key=lambda name: -abs(distance[name]))[:2]
    differs = tuple(
        say("more: %(what)s", what=word(name)) if distance[name] > 0
        else say("fewer: %(what)s", what=word(name))
        for name in far if abs(distance[name]) > 1
    )  # fmt: skip
    return Score(round(100 * math.exp(-total), 1), differs)
