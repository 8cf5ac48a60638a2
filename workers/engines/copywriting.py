"""From a brief to prompts, from samples to candidates. Pure.

Each part of a message is asked for by itself, with an example, so that a small model needs no
format and a large one is not hindered. Facts stand last, next to the question.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from workers.engines.protocol import Messages

SYSTEM = (
    "You write short marketing copy. Use only the facts you are given. Never invent prices, "
    "discounts, dates, numbers or names. Answer with the text alone."
)
ASK = {
    "subject": "Write the subject line of an e-mail, at most eight words.",
    "preheader": "Write one short preview sentence for the e-mail.",
    "body": "Write the e-mail in two or three short sentences to the reader.",
    "cta": "Write the words on the button, two or three words.",
    "headline": "Write a headline, at most six words.",
    "title": "Write a title, at most six words.",
}
EXAMPLE_BRIEF = (
    "Goal: bring back people who have not ordered for a while\n"
    "Tone: warm, plain\nFacts:\n- Morning Roast is a medium roast coffee.\n"
    "- Morning Roast costs 9.50 EUR.\n"
)
EXAMPLES = {
    "subject": "Your Morning Roast is waiting",
    "preheader": "A medium roast for slow mornings.",
    "body": "It has been a while, and we kept your favourite ready. Morning Roast is a medium "
    "roast coffee that makes the first cup easy to love, for 9.50 EUR.",
    "cta": "See Morning Roast",
    "headline": "Slow mornings, medium roast",
    "title": "Morning Roast is back",
}
SECOND_BRIEF = (
    "Goal: show gardeners a new tool\nTone: friendly, concrete\nFacts:\n"
    "- Oak Trowel is a hand tool with an oak handle.\n- Oak Trowel costs 18.00 EUR.\n"
)
SECOND = {
    "subject": "A trowel that fits your hand",
    "preheader": "Oak handle, made for digging.",
    "body": "Digging is easier with the right tool. Oak Trowel has an oak handle that sits well in "
    "the hand, and it costs 18.00 EUR.",
    "cta": "Meet Oak Trowel",
    "headline": "An oak handle for your garden",
    "title": "Meet Oak Trowel",
}
TOKENS = {"subject": 18, "preheader": 26, "body": 80, "cta": 8, "headline": 16, "title": 16}
PARTS = {
    "email": ("subject", "preheader", "body", "cta"),
    "banner": ("headline", "body", "cta"),
    "sms": ("body",),
    "push": ("title", "body"),
}


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the model is told: words only, nothing about a single person."""

    channel: str
    goal: str
    audience: str
    tone: str
    offer: str
    facts: tuple[str, ...]


def prompt(part: str, task: Assignment) -> Messages:
    """The conversation that ends in the question for one part."""
    messages = [{"role": "system", "content": SYSTEM}]
    for brief, answers in ((EXAMPLE_BRIEF, EXAMPLES), (SECOND_BRIEF, SECOND)):
        messages.append({"role": "user", "content": brief + ASK[part]})
        messages.append({"role": "assistant", "content": answers[part]})
    messages.append({"role": "user", "content": brief_text(task) + ASK[part]})
    return messages


def brief_text(task: Assignment) -> str:
    lines = [f"Goal: {task.goal}"]
    if task.audience:
        lines.append(f"Readers: {task.audience}")
    lines.append(f"Tone: {task.tone}")
    lines.append("Facts:")
    lines += [f"- {fact}" for fact in task.facts[:10]]
    if task.offer:
        lines.append(f"- Offer: {task.offer}")
    return "\n".join(lines) + "\n"


LABEL = re.compile(
    r"^\s*(?:subject(?: line)?|preheader|preview|body|e-?mail|button|headline|title|text|cta)"
    r"\s*:\s*",
    re.IGNORECASE,
)


def tidy(text: str, part: str) -> str:
    """A sample as a part: no label, no quotes, one line for titles, whole sentences for a body."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    if not lines:
        return ""
    text = " ".join(lines) if part == "body" else lines[0]
    text = LABEL.sub("", text).strip().strip("\"“”'*").strip()
    if part == "body":
        end = max(text.rfind("."), text.rfind("!"), text.rfind("?"))
        return text[: end + 1] if end > 10 else text
    return text.rstrip(".") if part in {"subject", "cta", "headline", "title"} else text


def compose(
    parts: dict[str, list[str]], sound: Callable[[str, str], bool], *, required: tuple[str, ...]
) -> list[dict[str, str]]:
    """Candidates from samples of each part: one for each body, the sound samples first.

    Short parts that are sound serve several bodies; an optional part of which no sample is sound
    is left out; a required one is kept as it is, so that the checks can say what is wrong.
    """
    pools: dict[str, list[str]] = {}
    for name, samples in parts.items():
        filled = list(dict.fromkeys(s for s in samples if s))
        good = [s for s in filled if sound(name, s)]
        if name == "body":
            pools[name] = good + [s for s in filled if s not in good]
        else:
            pools[name] = good or (filled if name in required else [])
    return [
        {
            name: pool[index] if name == "body" else pool[index % len(pool)]
            for name, pool in pools.items()
            if pool
        }
        for index in range(len(pools["body"]))
    ]


def distinct(candidates: list[dict[str, str]], *, against: list[str]) -> list[dict[str, str]]:
    """Drop candidates whose body repeats another's, word for word or nearly (Jaccard > 0.8)."""
    kept: list[dict[str, str]] = []
    bodies = [_words(text) for text in against]
    for candidate in candidates:
        words = _words(candidate.get("body", ""))
        if words and all(_overlap(words, other) <= 0.8 for other in bodies):
            kept.append(candidate)
            bodies.append(words)
    return kept


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0
