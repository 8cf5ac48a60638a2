"""What the assistant does with a message: rules around what was learned. Pure.

    reading (intents, slots, next action: learned) + state (replayed) + domain (taught)
      → events to append, acts to carry out

The learned parts propose; these rules dispose: a tool that changes something is never called
without a yes, a slot is never asked for that is filled, a reply is said only where a person allowed
it, and what is not understood is clarified, then asked for in other words, then given to a person.
"""

from __future__ import annotations

from attune.kernel.phrases import say
from chat.dialogue import domain as domains
from chat.dialogue import repairs
from chat.dialogue.domain import Domain, Task
from chat.dialogue.repairs import CANCEL, NO
from chat.dialogue.state import DialogueState
from chat.dialogue.turns import Act, Reading, Turn, filled_in

SURE, CERTAIN, POLICY_SURE, SLOT_SURE = 0.6, 0.8, 0.7, 0.5


def respond(state: DialogueState, reading: Reading, domain: Domain) -> Turn:
    """Take one message of the customer."""
    turn = Turn(state, reading, domain)
    awaited = state.awaited
    what = awaited.what if awaited else ""
    turn.add("user", text=reading.text, intent=reading.intent if reading.in_scope else "",
             confidence=round(reading.confidence, 4))  # fmt: skip
    while turn.state.stack and turn.task is None:  # the task was taken out of use meanwhile
        turn.add("cancelled", name=turn.state.task)
    declines = what == "confirm" and NO.match(reading.text)
    if turn.task and (declines or CANCEL.search(reading.text)):
        _cancel(turn, turn.task)
    elif turn.task and what == "confirm" and repairs.agrees(reading.text):
        _call(turn, turn.task, confirmed=True)
    elif turn.task and what == "confirm" and _corrected(turn, turn.task):
        advance(turn)
    elif turn.task is None and turn.state.done and _takes_back(reading.text):
        _nothing_to_cancel(turn)
    elif awaited and what == "clarify" and (chosen := _chosen(turn, awaited.options)):
        _follow(turn, chosen)
    elif what == "clarify" and NO.match(reading.text):
        turn.do(repairs.rephrase(turn))
    else:
        _understand(turn)
    return turn


def _understand(turn: Turn) -> None:
    """What the message fills, what it wants, what past conversations teach; else the knowledge."""
    reading = turn.reading
    wants = reading.in_scope and reading.confidence >= SURE
    if turn.task and not _switches(turn, turn.task) and _fill(turn, turn.task):
        advance(turn)
    elif wants:
        _follow(turn, reading.intent)
    elif learned := _learned(turn):
        turn.do(learned)
    else:
        _answer(turn, "")


def _switches(turn: Turn, task: Task) -> bool:
    """Whether the message is about something else altogether, whatever its words would fill."""
    reading = turn.reading
    if not reading.in_scope or reading.intent == task.intent:
        return False
    other = turn.domain.task_of(reading.intent)
    asks = "?" in reading.text or "？" in reading.text
    return reading.confidence >= (CERTAIN if other is not None else SURE) and (
        other is not None or asks
    )


def _cancel(turn: Turn, task: Task) -> None:
    turn.add("cancelled", name=task.name)
    turn.do(Act("say", say("All right, I leave it: %(task)s.", task=task.title),
                name=f"cancelled_{task.name}"))  # fmt: skip
    _resume(turn)


def _takes_back(text: str) -> bool:
    return bool(CANCEL.search(text)) and not text.rstrip().endswith(("?", "？"))


def _nothing_to_cancel(turn: Turn) -> None:
    """What is done is not undone by the assistant."""
    text = say("Nothing is under way any more. Where something that is done should be undone, a "
               "person does it.")  # fmt: skip
    turn.do(Act("say", text, (say("Talk to a person"),), name="nothing_to_cancel"))


def _corrected(turn: Turn, task: Task) -> bool:
    """Other words for a free text, where they were to be confirmed; forms and choices are found in
    a message anyway."""
    better, known = repairs.corrected(turn.reading.text), turn.domain.slots
    free = [name for name in task.slots if name in known and known[name].kind == "text"]
    formed = any(domains.found(known[n], better, asked=False) for n in task.slots if n in known)
    if not better or not free or formed:
        return False
    before = turn.state.slots.get(free[-1], "")
    turn.add("slot", name=free[-1], value=better[:200], by="rule", before=before)
    turn.do(Act("say", say("%(new)s instead of %(old)s, noted.", new=better[:200], old=before)))
    return True


def _chosen(turn: Turn, options: tuple[str, ...]) -> str:
    """The intent that the customer picked, by its title or a plain yes to the only one."""
    told = turn.reading.text.strip().lower()
    if len(options) == 1 and repairs.agrees(told):
        return options[0]
    return next((o for o in options if turn.domain.titles.get(o, o).lower() == told), "")


def _fill(turn: Turn, task: Task, *, quiet: bool = False) -> bool:
    """Put what the message says into the task's slots; whether there was anything."""
    awaited = turn.state.awaited
    asked = awaited.name if awaited and awaited.what == "slot" else ""
    any_found = False
    for name in task.slots:
        value, by = _value(turn, name, asked=name == asked)
        known = turn.state.slots.get(name, "")
        if not value or value == known:
            continue
        turn.add("slot", name=name, value=value, by=by, **({"before": known} if known else {}))
        if known and not quiet:
            turn.do(Act("say", say("%(new)s instead of %(old)s, noted.", new=value, old=known)))
        any_found = True
    return any_found


def _value(turn: Turn, name: str, *, asked: bool) -> tuple[str, str]:
    """What the message says of a slot, and who found it: the tracker where it is sure, else its
    form."""
    slot = turn.domain.slots.get(name)
    if slot is None:
        return "", ""
    value, sure = turn.reading.filled.get(name, ("", 0.0))
    if value and sure >= SLOT_SURE:
        return ("any" if value == "dontcare" else value), "tracker"
    return domains.found(slot, turn.reading.text, asked=asked), "rule"


def _follow(turn: Turn, intent: str) -> None:
    """Do what an intent asks for."""
    task = turn.domain.task_of(intent)
    if task is None:
        _answer(turn, intent)
        return
    if why := turn.domain.barred.get(task.tool):
        turn.do(Act("say", why, (say("Talk to a person"),), name=f"barred_{task.name}"))
        return
    if task.name in {frame.name for frame in turn.state.stack}:
        advance(turn)
        return
    if turn.task is not None:
        turn.add("interrupted", name=turn.task.name)
    turn.add("task", name=task.name)
    _fill(turn, task, quiet=True)
    advance(turn)


def advance(turn: Turn) -> None:
    """The task's next step: ask, confirm, call."""
    task = turn.task
    if task is None:
        return
    missing = [s for s in task.slots if s in turn.domain.slots and not turn.state.slots.get(s)]
    if missing:
        name, by = _next_slot(turn, missing)
        turn.add("asked", what="slot", name=name)
        slot = turn.domain.slots[name]
        quick = slot.values if len(slot.values) <= 6 else ()
        turn.do(Act("say", slot.ask, tuple(quick), name=f"ask_{name}", by=by))
    elif turn.domain.confirms(task):
        turn.add("asked", what="confirm", name=task.name)
        known = turn.state.slots
        told = [f"{name.replace('_', ' ')}: {known[name]}" for name in task.slots if name in known]
        text = say("%(task)s. Shall I do that?", task=task.title)
        if told:
            text = say("%(task)s (%(slots)s). Shall I do that?", task=task.title, slots=told)
        turn.do(Act("say", text, (say("Yes"), say("No")), name="confirm"))
    else:
        _call(turn, task, confirmed=False)


def _next_slot(turn: Turn, missing: list[str]) -> tuple[str, str]:
    """Which slot to ask for: the one that the learned policy asks for, else the first."""
    for action, share in turn.reading.actions:
        name = action.removeprefix("ask_")
        if name != action and name in missing and share >= POLICY_SURE:
            return name, "policy"
    return missing[0], "rule"


def _call(turn: Turn, task: Task, *, confirmed: bool) -> None:
    known = turn.state.slots
    arguments = {name: known[name] for name in task.slots if name in known}
    if task.tool:
        turn.do(Act("tool", name=task.tool, arguments=arguments, confirmed=confirmed))
        return
    turn.add("completed", name=task.name, result="")
    turn.do(Act("say", filled_in(task.done, arguments) or say("Thank you, that is noted."),
                name=f"completed_{task.name}"))  # fmt: skip
    _resume(turn)


def finish(turn: Turn, result: str, *, outcome: str = "done") -> None:
    """After the tool answered (`done`, `refused` or `failed`): say it, close the task, go on with
    the one that waits. A failed one stays open: a person takes it over with what is known."""
    task = turn.task
    if task is None:
        return
    if outcome == "failed":
        turn.do(Act("say", result, name=f"failed_{task.name}"))
        return
    known = turn.state.slots
    kind = "completed" if outcome == "done" else "refused"
    turn.add(kind, name=task.name, result=result[:500])
    text = result
    if outcome == "done" and task.done:
        text = filled_in(task.done, {**known, "result": result})
    if text:
        turn.do(Act("say", text, name=f"{kind}_{task.name}"))
    _resume(turn)


def _resume(turn: Turn) -> None:
    """Back to the task that was interrupted, if one was."""
    task = turn.task
    if task is None:
        return
    turn.add("resumed", name=task.name)
    turn.do(Act("say", say("Back to this: %(task)s.", task=task.title), name="resume"))
    advance(turn)


def _answer(turn: Turn, intent: str) -> None:
    """From the knowledge; in the middle of a task it is a digression, and the open question is
    asked again after it. What nothing answers there is a miss."""
    if turn.task is None:
        turn.do(Act("answer", name=intent, otherwise=tuple(repairs.fallback(turn))))
        return
    turn.do(Act("answer", name=intent, otherwise=(Act("missed"),)))
    turn.add("interrupted", name=turn.task.name)
    _resume(turn)


def _learned(turn: Turn) -> Act | None:
    """A reply that past conversations teach here, where a person allowed it."""
    for action, share in turn.reading.actions[:1]:
        text = turn.domain.replies.get(action, "")
        if text and share >= POLICY_SURE:
            return Act("say", filled_in(text, turn.state.slots), name=action, by="policy")
    return None
