"""Scripted conversations: what must keep happening before a version may talk to customers. Pure.

    customer: I want to be called back
    asks: phone
    customer: 040 1234567
    asks: time
    customer: tomorrow at ten
    confirms: call_back
    customer: yes
    tool: call_back

A line of the customer is followed by what must come of it: asks (a slot), confirms or tool (a
task's tool), answers (from the knowledge), clarifies, rephrases, person, says (words that must
stand in what is said), intent, slot (name=value).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attune.kernel.phrases import Phrase, say
from chat.dialogue import manager
from chat.dialogue.domain import Domain
from chat.dialogue.state import DialogueState, after
from chat.dialogue.turns import Reading, Turn, told

EXPECTS = ("asks", "confirms", "tool", "answers", "clarifies", "rephrases", "person", "says",
           "intent", "slot")  # fmt: skip
Read = Callable[[str, DialogueState], Reading]
MOST_LINES = 80
SAME = {"clarifies": "clarify", "rephrases": "rephrase", "answers": "answer"}


class WrongScript(ValueError):
    """A line that says nothing we know."""

    def __init__(self, line: int, why: Phrase) -> None:
        super().__init__(line)
        self.line, self.why = line, why


def parse(text: str) -> list[dict[str, Any]]:
    """[{customer, expect: [[what, value]]}]. Raises WrongScript with the line."""
    steps: list[dict[str, Any]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        what, colon, value = line.partition(":")
        what, value = what.strip().lower(), value.strip()
        if what == "customer" and value:
            steps.append({"customer": value[:1000], "expect": []})
        elif what in EXPECTS and steps and colon:
            steps[-1]["expect"].append([what, value[:300]])
        else:
            raise WrongScript(number, say(
                "Line %(n)s: begin it with customer: or, after one of the customer, with one of "
                "%(names)s.", n=number, names=", ".join(f"{e}:" for e in EXPECTS)))  # fmt: skip
        if number > MOST_LINES:
            raise WrongScript(number, say("A script has at most %(most)s lines.", most=MOST_LINES))
    return steps


def written(steps: Sequence[dict[str, Any]]) -> str:
    """The steps as people write them."""
    lines = []
    for step in steps:
        lines.append(f"customer: {step['customer']}")
        lines += [f"{what}: {value}".rstrip() for what, value in step["expect"]]
    return "\n".join(lines)


def run(steps: Sequence[dict[str, Any]], domain: Domain, read: Read) -> Phrase | None:
    """Go through a script; why it fails, or None. Tools are not called: they answer "…"."""
    state = DialogueState()
    for step in steps:
        turn = manager.respond(state, read(step["customer"], state), domain)
        kinds = _carried_out(turn)
        for what, value in step["expect"]:
            if not _met(what, value, turn, kinds):
                return say("after “%(text)s” it should be %(what)s", text=step["customer"][:80],
                           what=f"{what}: {value}".rstrip(": "))  # fmt: skip
        state = turn.state
        for act in turn.acts:
            state = after(state, told(act, str(act.text)))
    return None


def _carried_out(turn: Turn) -> set[str]:
    """The kinds of acts, with tools and clarifications carried out as far as words go."""
    kinds, place = set[str](), 0
    while place < len(turn.acts):
        act = turn.acts[place]
        place += 1
        if act.kind != "answer" or act.name:
            kinds.add(act.kind if act.kind != "tool" else f"tool:{act.name}")
        if act.kind == "answer":  # of no intent: whatever the knowledge says, or what follows
            kinds |= {o.kind for o in act.otherwise}
        elif act.kind == "tool":
            manager.finish(turn, "…")
    return kinds


def _met(what: str, value: str, turn: Turn, kinds: set[str]) -> bool:
    awaited = turn.state.awaited
    match what:
        case "asks":
            return awaited is not None and awaited.what == "slot" and awaited.name == value
        case "confirms":
            task = turn.task
            return awaited is not None and awaited.what == "confirm" and bool(
                task and (not value or value in {task.tool, task.name}))  # fmt: skip
        case "tool":
            return any(k == f"tool:{value}" or (not value and k.startswith("tool:")) for k in kinds)
        case "answers" | "clarifies" | "rephrases" | "person":
            return SAME.get(what, what) in kinds
        case "says":
            return any(value.lower() in str(a.text).lower() for a in turn.acts)
        case "intent":
            return turn.state.intent == value
    name, _, wanted = value.partition("=")
    filled = {e.data["name"]: str(e.data["value"]) for e in turn.events if e.kind == "slot"}
    known = {**turn.state.slots, **filled}
    return known.get(name.strip(), "").lower() == wanted.strip().lower()
