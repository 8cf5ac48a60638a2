"""A readable name for a group of texts: what the model is asked, and what of it holds. Pure.

A name of the model is kept only where each of its content words is among the group's foremost words
or in at least two of the texts that show it best, and one is a foremost word: a small model likes
to name what is not there, or what one text says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from workers.engines.answering import STOP, WORD, stem, terms
from workers.engines.protocol import Messages

FOREMOST, MOST_WORDS, MOST_LETTERS, LEAST_TEXTS = 6, 5, 48, 2
SYSTEM = (
    "You give a group of customer texts a short title of two to four words. "
    "Reply with the title only."
)
SHOTS = (
    (("delivery", "late", "parcel", "days"),
     ("The parcel came a week late.", "Delivery took nine days."), "Late parcel delivery"),
    (("lid", "leaks", "pour"), ("The lid leaks when I pour.", "Water drips from the lid."),
     "Leaking lid"),
)  # fmt: skip
EDGES = re.compile(r"^[\s\"'“”‘’*#\-:.]+|[\s\"'“”‘’*.:;,!]+$")


def prompt(words: Sequence[str], texts: Sequence[str]) -> Messages:
    """The group's foremost words and the texts nearest to its middle."""
    messages: Messages = [{"role": "system", "content": SYSTEM}]
    for shot_words, shot_texts, title in SHOTS:
        messages += [{"role": "user", "content": _asked(shot_words, shot_texts)},
                     {"role": "assistant", "content": title}]  # fmt: skip
    return [*messages, {"role": "user", "content": _asked(words, texts)}]


def _asked(words: Sequence[str], texts: Sequence[str]) -> str:
    lines = "\n".join(f"- {text[:160]}" for text in texts)
    return f"Words: {', '.join(words[:FOREMOST])}\nTexts:\n{lines}\nTitle:"


def checked(answer: str, words: Sequence[str], texts: Sequence[str]) -> str:
    """The first line of the answer as a name; empty where it does not hold."""
    name = EDGES.sub("", answer.strip().partition("\n")[0]).removeprefix("Title:").strip()
    said = [w for w in WORD.findall(name.lower()) if w not in STOP]
    if not said or len(name.split()) > MOST_WORDS or len(name) > MOST_LETTERS:
        return ""
    held = [terms(text) for text in texts]
    least = min(LEAST_TEXTS, max(1, len(texts) // 2))
    often = {one for own in held for one in own if sum(one in t for t in held) >= least}
    foremost = {stem(w.lower()) for w in words[:FOREMOST]}
    stems = {stem(w) for w in said}
    fits = stems <= often | foremost and stems & foremost
    return name[:1].upper() + name[1:] if fits else ""
