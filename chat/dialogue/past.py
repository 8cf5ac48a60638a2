"""Files of past conversations, read and checked. Pure.

JSONL, one conversation a line:
  {"id": "c1", "turns": [
    {"who": "customer", "text": "A table in the north", "intent": "book_table",
     "slots": {"area": "north"}, "requests": ["phone"]},
    {"who": "agent", "text": "For how many?", "action": "ask_people", "asks": ["people"],
     "offers": {"food": "thai"}},
    {"who": "tool", "text": "tables north", "action": "query"},
    {"who": "result", "text": "2 free"}]}

CSV, one turn a row, columns conversation, who, text and, where known, intent, slots
("area=north; people=4"), requests ("phone; address"), action, asks, offers. Rows of a conversation
stand together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from attune.kernel.phrases import Phrase, say
from campaigns.contacts import imports

WHO = ("customer", "agent", "tool", "result")
ALIASES = {"user": "customer", "visitor": "customer", "bot": "agent", "house": "agent",
           "assistant": "agent", "system": "agent", "wizard": "agent"}  # fmt: skip
MOST_TURNS, MOST_LETTERS, MOST_NAME = 400, 4000, 60
HELD_OUT = 0.2


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something was not taken: the line, the field, the sentence."""

    line: int
    field: str
    why: Phrase
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """One checked conversation."""

    key: str
    line: int
    turns: list[dict[str, Any]] = field(default_factory=list)

    @property
    def has_slots(self) -> bool:
        return any(t.get("slots") or t.get("requests") for t in self.turns)

    @property
    def has_actions(self) -> bool:
        return any(t.get("action") for t in self.turns)


class Wrong(ValueError):
    """A turn that cannot be taken: (field, sentence)."""

    def __init__(self, field: str, why: Phrase) -> None:
        super().__init__(field)
        self.field, self.why = field, why


def held_out(key: str) -> bool:
    """A fifth of all conversations, by their keys alone."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") / 2**32 < HELD_OUT


def read(file: BinaryIO, format: str) -> Iterator[Past | Problem]:
    """Every conversation of a file, or why it is not taken; a broken one does not stop the rest."""
    if format == "jsonl":
        for row in imports.rows(file, format="jsonl"):
            if row.problem:
                yield Problem(row.line, "row", row.problem, row.raw)  # type: ignore[arg-type]
                continue
            yield _checked(row.cells.get("id"), row.cells.get("turns"), row.line, row.raw)
        return
    yield from _grouped(file)


def _grouped(file: BinaryIO) -> Iterator[Past | Problem]:
    """The rows of a CSV, those that stand together with one conversation as one."""
    open_key, turns, began, seen = "", list[Any](), 0, set[str]()
    for row in imports.rows(file, format="csv"):
        if row.problem:
            yield Problem(row.line, "row", row.problem, row.raw)  # type: ignore[arg-type]
            continue
        key = str(row.cells.get("conversation", "")).strip()
        if not key:
            yield Problem(row.line, "conversation",
                          say("The row names no conversation."), row.raw)  # fmt: skip
            continue
        if key != open_key:
            if turns:
                yield _checked(open_key, turns, began, "")
            open_key, turns, began = key, [], row.line
            if key in seen:
                yield Problem(row.line, "conversation", say(
                    "The rows of “%(key)s” do not stand together; sort the file by conversation.",
                    key=key), row.raw)  # fmt: skip
            seen.add(key)
        turns.append(_cells(row.cells))
    if turns:
        yield _checked(open_key, turns, began, "")


def _cells(cells: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {k: cells.get(k, "") for k in ("who", "text", "intent", "action")}
    for name in ("slots", "offers"):
        parts = [p.partition("=") for p in str(cells.get(name, "")).split(";") if p.strip()]
        found[name] = {k.strip(): v.strip() for k, _, v in parts}
    for name in ("requests", "asks"):
        found[name] = [p.strip() for p in str(cells.get(name, "")).split(";") if p.strip()]
    return found


def _checked(key: Any, turns: Any, line: int, raw: str) -> Past | Problem:
    try:
        if not isinstance(key, str | int) or not str(key).strip() or len(str(key)) > 100:
            raise Wrong("id", say("Give each conversation an id of at most 100 characters."))
        if not isinstance(turns, list) or not 1 < len(turns) <= MOST_TURNS:
            raise Wrong("turns", say("A conversation has 2 to %(most)s turns.", most=MOST_TURNS))
        return Past(str(key).strip(), line, [_turn(t, n) for n, t in enumerate(turns, start=1)])
    except Wrong as wrong:
        return Problem(line, wrong.field, wrong.why, raw[:2000])


def _turn(value: Any, n: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Wrong(f"turns[{n}]", say("Turn %(n)s is not an object.", n=n))
    who = str(value.get("who", "")).strip().lower()
    who = ALIASES.get(who, who)
    if who not in WHO:
        raise Wrong("who", say("Turn %(n)s: who is one of %(names)s.", n=n, names=", ".join(WHO)))
    text = value.get("text", "")
    if (
        not isinstance(text, str)
        or len(text) > MOST_LETTERS
        or (not text.strip() and who == "customer")
    ):
        raise Wrong("text", say("Turn %(n)s: give a text of 1 to %(most)s characters.", n=n,
                                most=MOST_LETTERS))  # fmt: skip
    return {"who": who, "text": text, **_labels(value, n)}


def _labels(value: Mapping[str, Any], n: int) -> dict[str, Any]:
    """What a turn is labelled with, of what it names."""
    found: dict[str, Any] = {}
    for name in ("intent", "action"):
        if value.get(name):
            found[name] = _name(value[name], n, name)
    for name in ("slots", "offers"):
        if value.get(name):
            found[name] = _pairs(value[name], n, name)
    for name in ("requests", "asks"):
        if value.get(name):
            if not isinstance(value[name], list):
                raise Wrong(name, say("Turn %(n)s: give a list of slots.", n=n))
            found[name] = [_name(v, n, name) for v in value[name][:40]]
    return found


def _name(value: Any, n: int, field: str) -> str:
    slug = "_".join(str(value).strip().lower().split())
    ok = isinstance(value, str) and 0 < len(slug) <= MOST_NAME
    if not ok or not slug.replace("_", "").replace("-", "").isalnum() or not slug.isascii():
        raise Wrong(field, say(
            "Turn %(n)s: a name is made of Latin letters, digits, - and _, at most %(most)s.", n=n,
            most=MOST_NAME))  # fmt: skip
    return slug


def _pairs(value: Any, n: int, field: str) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > 40:
        raise Wrong(field, say("Turn %(n)s: give slots as names with values.", n=n))
    found = {}
    for name, one in value.items():
        if not isinstance(one, str | int | float) or not 0 < len(str(one)) <= 120:
            raise Wrong(field, say("Turn %(n)s: a value has 1 to 120 characters.", n=n))
        found[_name(name, n, field)] = str(one).strip()
    return found
