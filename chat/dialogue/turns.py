"""A turn of a dialogue: what was read, what is to be done, the state that moves with it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from attune.kernel.phrases import Phrase
from chat.dialogue.domain import Domain, Task
from chat.dialogue.state import DialogueEvent, DialogueState, after


@dataclass(frozen=True, slots=True)
class Reading:
    """What the models made of a message; empty where none is trained."""

    text: str
    intents: tuple[tuple[str, float], ...] = ()
    in_scope: bool = False
    filled: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    actions: tuple[tuple[str, float], ...] = ()

    @property
    def intent(self) -> str:
        return self.intents[0][0] if self.intents else ""

    @property
    def confidence(self) -> float:
        return self.intents[0][1] if self.intents else 0.0


@dataclass(frozen=True, slots=True)
class Act:
    """say: words; answer: from the knowledge, `otherwise` where it has none; tool: call it with
    `arguments`; person: hand over with `name` as the reason."""

    kind: str
    text: Phrase | str = ""
    quick: tuple[Phrase | str, ...] = ()
    name: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    confirmed: bool = False  # the customer said yes to it
    otherwise: tuple[Act, ...] = ()
    by: str = "rule"


class Turn:
    """One turn in the making: the state moves with every event that is added."""

    def __init__(self, state: DialogueState, reading: Reading, domain: Domain) -> None:
        self.state, self.reading, self.domain = state, reading, domain
        self.events: list[DialogueEvent] = []
        self.acts: list[Act] = []

    def add(self, kind: str, **data: Any) -> None:
        event = DialogueEvent(kind, data)
        self.events.append(event)
        self.state = after(self.state, event)

    def do(self, act: Act) -> None:
        self.acts.append(act)

    @property
    def task(self) -> Task | None:
        return self.domain.tasks.get(self.state.task)


def told(act: Act, text: str) -> DialogueEvent:
    """What the house said, as the log keeps it and a policy reads it."""
    understood = act.kind in {"say", "tool", "answer"}
    action = "" if act.kind == "answer" else act.name  # an answer's name is its intent
    return DialogueEvent("bot", {"text": text[:1000], "action": action, "by": act.by,
                                 "understood": understood})  # fmt: skip


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """{slot} in a text replaced by its value; an unknown one by nothing."""
    return re.sub(r"\{([\w-]{1,60})\}", lambda m: values.get(m.group(1), ""), text).strip()
