"""From a brief to prompts, from samples to candidates. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from workers.engines.prompts import ASK, BODY_TOKENS, LABELS, SHOTS, SYSTEM, TOKENS
from workers.engines.protocol import Messages

MOST_FACTS, MOST_LETTERS = 10, 300
CONTROL = re.compile(r"<\|[^|]{0,40}\|>|</?s>|\[/?INST\]|[\x00-\x08\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the model is told: words only. `reader` is what of one person's profile may be used."""

    channel: str
    goal: str
    audience: str
    tone: str
    offer: str
    facts: tuple[str, ...]
    locale: str = "en"
    reader: str = ""
    voice: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    must: tuple[str, ...] = ()
    like: str = ""


def language(locale: str) -> str:
    """The language that prompts are kept in: zh for every Chinese locale, else en."""
    return "zh" if locale.lower().startswith("zh") else "en"


def prompt(part: str, task: Assignment, *, shots: bool = True) -> Messages:
    """The conversation that ends in the question for one part. A base model is shown examples; an
    adapter has learned the form, and is asked without (`shots=False`), as it was in training."""
    tongue = language(task.locale)
    question = ask(part, task.channel, tongue)
    messages = [{"role": "system", "content": SYSTEM[tongue]}]
    for brief, answers in SHOTS[tongue] if shots else []:
        messages.append({"role": "user", "content": brief + question})
        said = answers.get(f"{task.channel} {part}") or answers[part]
        messages.append({"role": "assistant", "content": said})
    messages.append({"role": "user", "content": brief_text(task) + question})
    return messages


def ask(part: str, channel: str, tongue: str) -> str:
    questions = ASK[tongue]
    return questions.get(f"{channel} {part}") or questions[part]


def most_tokens(part: str, channel: str) -> int:
    """New tokens that a part may take: enough for its longest allowed text, no more."""
    return BODY_TOKENS.get(channel, TOKENS[part]) if part == "body" else TOKENS[part]


def brief_text(task: Assignment) -> str:
    """The brief as the model reads it. Values are single lines without a model's control signs, so
    that a text of the catalogue stays data."""
    tongue = language(task.locale)
    label = LABELS[tongue]
    colon = "：" if tongue == "zh" else ": "
    lines = [
        label[name] + colon + plain(value)
        for name, value in (
            ("goal", task.goal), ("readers", task.audience), ("reader", task.reader),
            ("tone", task.tone), ("words", ", ".join(task.words[:8])),
            ("must", ", ".join(task.must)), ("voice", " / ".join(task.voice[:2])),
            ("like", task.like),
        )
        if value
    ]  # fmt: skip
    lines.append(label["facts"] + colon.rstrip())
    lines += [f"- {plain(fact)}" for fact in task.facts[:MOST_FACTS]]
    if task.offer:
        lines.append(f"- {label['offer']}{colon}{plain(task.offer)}")
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    """One line, no control signs, at most 300 letters, cut at a sentence where there is one."""
    text = " ".join(CONTROL.sub(" ", text).split())
    if len(text) <= MOST_LETTERS:
        return text
    cut = text[:MOST_LETTERS]
    end = max(cut.rfind(mark) for mark in (". ", "! ", "? ", "。", "！", "？"))
    return cut[: end + 1] if end > MOST_LETTERS // 3 else cut


LABEL = re.compile(
    r"^\s*(?:subject(?: line)?|preheader|preview|body|e-?mail|button|headline|title|text|cta"
    r"|主题|标题|正文|按钮|预览|短信)\s*[:：]\s*",
    re.IGNORECASE,
)


def tidy(text: str, part: str, *, whole: bool = True) -> str:
    """A sample as a part: no label, no quotes, one line for titles, whole sentences for a body.
    A title that was not written to its end (not `whole`) ends with its last sentence, else with
    its last whole word."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    if not lines:
        return ""
    text = " ".join(lines) if part == "body" else lines[0]
    text = LABEL.sub("", text).strip().strip("\"“”'*\ufffd").strip()  # \ufffd: half a character
    if part == "body":
        end = max(text.rfind(mark) for mark in ".!?。！？")
        return text[: end + 1] if end > 10 else text
    if not whole and len(lines) == 1:
        end = max(text.rfind(mark) for mark in ".!?。！？")
        text = text[: end + 1] if end > 10 else text.rpartition(" ")[0] or text
    return text.rstrip(".。") if part in {"subject", "cta", "headline", "title"} else text


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
    return frozenset(re.findall(r"[\u4e00-\u9fff]|\w+?(?=[\u4e00-\u9fff]|\b)", text.lower()))


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0
