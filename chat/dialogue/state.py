"""The state of a dialogue is what its events say: append-only, replayed, never stored beside them.

    user {text, intent, confidence}      task {name}            slot {name, value, by[, before]}
    interrupted {name} resumed {name}    cancelled {name}       completed {name, result}
    refused {name, result}               missed {} expired {}   bot {text, action, by, who}
    asked {what: slot|confirm|clarify|rephrase, name, options}  handoff {reason}  rewind {to}

`rewind` takes back everything after the event with that number. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class DialogueEvent:
    """One step. `n` numbers the events of a conversation from 1."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    n: int = 0


@dataclass(frozen=True, slots=True)
class Awaited:
    """What the house asked last and waits for: a slot, a yes, a choice, other words."""

    what: str
    name: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """A task under way, with what it knows."""

    name: str
    slots: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DialogueState:
    """Where a dialogue stands. The last frame of `stack` is the one that goes on."""

    stack: tuple[Frame, ...] = ()
    awaited: Awaited | None = None
    intent: str = ""
    fallbacks: int = 0  # turns in a row that were not understood
    misses: int = 0  # and those in the middle of a task
    turn: int = 0
    done: tuple[str, ...] = ()
    handed: bool = False
    said: tuple[tuple[str, str, str], ...] = ()  # (kind, text, action), what a policy reads

    @property
    def task(self) -> str:
        return self.stack[-1].name if self.stack else ""

    @property
    def slots(self) -> Mapping[str, str]:
        """What the task that goes on knows."""
        return self.stack[-1].slots if self.stack else {}


def replay(events: Iterable[DialogueEvent]) -> DialogueState:
    """The state after these events, in their order."""
    state = DialogueState()
    for event in effective(events):
        state = after(state, event)
    return state


def effective(events: Iterable[DialogueEvent]) -> list[DialogueEvent]:
    """The events that still hold: what a rewind took back is gone, and the rewind itself."""
    kept: list[DialogueEvent] = []
    for event in events:
        if event.kind == "rewind":
            kept = [e for e in kept if e.n <= int(event.data["to"])]
        else:
            kept.append(event)
    return kept


def after(state: DialogueState, event: DialogueEvent) -> DialogueState:
    """One step. An unknown kind raises ValueError: the log and this code must agree."""
    step = STEPS.get(event.kind)
    if step is None:
        raise ValueError(f"{event.kind} is no event of a dialogue.")
    return step(state, event.data)


Data = Mapping[str, Any]


def _user(state: DialogueState, d: Data) -> DialogueState:
    said = (*state.said, ("customer", str(d.get("text", "")), ""))[-40:]
    return replace(state, turn=state.turn + 1, intent=str(d.get("intent", "")), said=said)


def _bot(state: DialogueState, d: Data) -> DialogueState:
    step = (str(d.get("who", "house")), str(d.get("text", "")), str(d.get("action", "")))
    fallbacks = 0 if d.get("understood") else state.fallbacks
    return replace(state, said=(*state.said, step)[-40:], fallbacks=fallbacks)


def _slot(state: DialogueState, d: Data) -> DialogueState:
    if not state.stack:
        return state
    top = state.stack[-1]
    slots = {k: v for k, v in {**top.slots, d["name"]: str(d["value"])}.items() if v}
    stack = (*state.stack[:-1], Frame(top.name, slots))
    return replace(state, stack=stack, awaited=None, fallbacks=0, misses=0)


def _asked(state: DialogueState, d: Data) -> DialogueState:
    awaited = Awaited(d["what"], str(d.get("name", "")), tuple(d.get("options", ())))
    unsure = d["what"] in {"clarify", "rephrase"}
    return replace(state, awaited=awaited, fallbacks=state.fallbacks + unsure)


def _task(state: DialogueState, d: Data) -> DialogueState:
    return replace(state, stack=(*state.stack, Frame(d["name"])), awaited=None, fallbacks=0)


def _closed(state: DialogueState, d: Data) -> DialogueState:
    places = [n for n, frame in enumerate(state.stack) if frame.name == d["name"]]
    stack = state.stack
    if places:
        stack = stack[: places[-1]] + stack[places[-1] + 1 :]
    return replace(state, stack=stack, awaited=None, fallbacks=0, misses=0)


STEPS: dict[str, Callable[[DialogueState, Data], DialogueState]] = {
    "user": _user,
    "bot": _bot,
    "slot": _slot,
    "asked": _asked,
    "task": _task,
    "interrupted": lambda s, d: replace(s, awaited=None),
    "resumed": lambda s, d: replace(s, awaited=None),
    "cancelled": _closed,
    "refused": _closed,
    "expired": lambda s, d: replace(s, awaited=None),
    "missed": lambda s, d: replace(s, misses=s.misses + 1),
    "completed": lambda s, d: replace(_closed(s, d), done=(*s.done, d["name"])),
    "handoff": lambda s, d: replace(s, handed=True, awaited=None, stack=()),
}
