"""What a workspace's assistant can talk about and do: intents, slots, tasks. Pure values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from attune.kernel.phrases import Phrase
from attune.kernel.privacy import EMAIL, PHONE
from attune.kernel.words import holds

KINDS = ("choice", "text", "number", "email", "date", "phone")
NUMBER = re.compile(r"(?<![\w.])#?(\d[\d.,-]{0,18}\d|\d)(?![\w])")
CODE = re.compile(r"\b[A-Z0-9][A-Z0-9-]{3,23}\b", re.IGNORECASE)
MOST_DOUBT, MOST_HAN = 3, 7  # words and Han letters of an answer that ends with a question mark
ASKING = re.compile(
    r"(?:what|how|when|where|who|why|which|do|does|can|could|is|are|will|would|may)\b"
    r"|请问|什么|怎么|为什么|多少|哪", re.I)  # fmt: skip
MOST_READ = 1_000  # letters of a message in which slots are looked for
DATE = re.compile(
    r"\b(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}(?:[./]\d{2,4})?"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|today|tomorrow|the day after tomorrow"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* \d{1,2}(?:st|nd|rd|th)?"
    r"|\d{1,2}(?:st|nd|rd|th)?(?: of)? (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)\b"
    r"|今天|明天|后天|\d{1,2}月\d{1,2}[日号]|(?:星期|周)[一二三四五六日天]",
    re.IGNORECASE,
)
CODES = re.compile(r"number|code|order|booking|(?:^|_)(?:id|no|nr)(?:_|$)")
ALL = {"number": NUMBER, "email": EMAIL, "date": DATE, "phone": PHONE}


@dataclass(frozen=True, slots=True)
class Slot:
    """Something a task must know. `values` are the choices of a choice."""

    name: str
    kind: str
    ask: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """What an intent sets going: slots filled in this order, then a tool or a person."""

    name: str
    title: str
    intent: str
    slots: tuple[str, ...]
    tool: str = ""
    done: str = ""


@dataclass(frozen=True, slots=True)
class Domain:
    """Everything that the assistant of a workspace is taught, by name."""

    slots: Mapping[str, Slot] = field(default_factory=dict)
    tasks: Mapping[str, Task] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)  # of intents
    replies: Mapping[str, str] = field(default_factory=dict)  # learned actions that may be said
    writes: frozenset[str] = frozenset()  # tools that change something: confirmed before
    barred: Mapping[str, Phrase] = field(default_factory=dict)  # tools not for this customer: why

    def task_of(self, intent: str) -> Task | None:
        return next((t for t in self.tasks.values() if t.intent == intent), None)

    def confirms(self, task: Task) -> bool:
        return task.tool in self.writes


def found(slot: Slot, text: str, *, asked: bool) -> str:
    """The slot's value in a text without any model: a choice by its words, the others by their
    form; a free text only as the answer to its question. Empty where there is none."""
    text = text.strip()[:MOST_READ]
    if slot.kind == "choice":
        low = text.lower()
        there = [v for v in slot.values if v.lower() in low and holds(text, v)]
        return max(there, key=len, default="")
    if slot.kind in {"text", "number"} and CODES.search(slot.name):
        codes = [m.group(0) for m in CODE.finditer(DATE.sub(" ", text))]
        if code := next((c for c in codes if _coded(c)), ""):
            return code  # HB-10023
    if slot.kind == "text":
        return text[:200] if asked and not is_question(text) else ""
    if slot.kind == "number":
        text = DATE.sub(" ", text)
    match = ALL[slot.kind].search(text)
    return match.group(match.lastindex or 0).strip() if match else ""


def is_question(text: str) -> bool:
    """Whether it asks something else; "tomorrow at ten?" is an answer that doubts."""
    asks = text.rstrip().endswith(("?", "？"))
    han = sum("\u4e00" <= letter <= "\u9fff" for letter in text)
    long = len(text.split()) > MOST_DOUBT or han > MOST_HAN
    return asks and (long or bool(ASKING.match(text.strip())))


def _coded(word: str) -> bool:
    """Letters and digits together: HB-10023."""
    return any(c.isdigit() for c in word) and not word.isdecimal()
