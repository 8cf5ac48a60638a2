"""What the assistant does with a message: rules around what was learned. Pure.

    reading (intents, slots, next action: learned) + state (replayed) + domain (taught)
      → events to append, acts to carry out

The learned parts propose; these rules dispose: a tool that changes something is never called
without a yes, a slot is never asked for that is filled, a reply is said only where a person allowed
it, and what is not understood is clarified, then asked for in other words, then given to a person.
"""

from __future__ import annotations

import re

from attune.kernel.phrases import say
from chat.dialogue import domain as domains
from chat.dialogue.domain import Domain, Task
from chat.dialogue.state import DialogueState
from chat.dialogue.turns import Act, Reading, Turn, filled_in

SURE, MAYBE, POLICY_SURE, SLOT_SURE = 0.6, 0.2, 0.7, 0.5
MOST_FALLBACKS = 2  # then a person
YES = re.compile(
    r"^\W*(?:yes|yeah|yep|yup|sure|ok(?:ay)?|correct|right|exactly|please do|do it|go ahead|confirm"
    r"|that'?s (?:right|correct)|是的?|好的?|对的?|可以|确认|没错)(?:[ ,.!]*(?:please|thanks?"
    r"|do it|do that|go ahead|thank you|correct|that'?s right))*\W*$", re.I)  # fmt: skip
NO = re.compile(
    r"^\W*(?:no|nope|nah|not that|wrong|don'?t|neither|none(?: of (?:these|them|those))?"
    r"|不是?|否|不要|不对|都不是)"
    r"(?:[ ,.!]*(?:thanks?|thank you|please|don'?t|wrong))*\W*$", re.I)  # fmt: skip
CANCEL = re.compile(
    r"\b(?:cancel (?:that|this|it)|never ?mind|forget (?:it|that|about it)|stop (?:that|this|it)"
    r"|leave it|changed my mind|i do(?:n'?t| not) want (?:that|this|it) any ?more)\b"
    r"|^\W*(?:cancel|stop)\W*$|算了|取消吧|不用了", re.I)  # fmt: skip


def respond(state: DialogueState, reading: Reading, domain: Domain) -> Turn:
    """Take one message of the customer."""
    turn = Turn(state, reading, domain)
    awaited = state.awaited
    turn.add("user", text=reading.text, intent=reading.intent if reading.in_scope else "",
             confidence=round(reading.confidence, 4))  # fmt: skip
    if turn.task and CANCEL.search(reading.text):
        _cancel(turn)
    elif awaited and awaited.what == "confirm" and YES.match(reading.text) and turn.task:
        _call(turn, turn.task)
    elif awaited and awaited.what == "confirm" and NO.match(reading.text):
        _cancel(turn)
    elif awaited and awaited.what == "clarify" and (chosen := _chosen(turn, awaited.options)):
        _follow(turn, chosen)
    elif awaited and awaited.what == "clarify" and NO.match(reading.text):
        turn.do(rephrase(turn))
    elif turn.task and _fill(turn, turn.task):
        advance(turn)
    elif reading.in_scope and reading.confidence >= SURE:
        _follow(turn, reading.intent)
    elif learned := _learned(turn):
        turn.do(learned)
    else:
        _answer(turn, "")
    return turn


def _cancel(turn: Turn) -> None:
    task = turn.task
    if task is None:
        return
    turn.add("cancelled", name=task.name)
    turn.do(Act("say", say("All right, I leave it: %(task)s.", task=task.title)))
    _resume(turn)


def _chosen(turn: Turn, options: tuple[str, ...]) -> str:
    """The intent that the customer picked, by its title or a plain yes to the only one."""
    told = turn.reading.text.strip().lower()
    if len(options) == 1 and YES.match(told):
        return options[0]
    return next((o for o in options if turn.domain.titles.get(o, o).lower() == told), "")


def _fill(turn: Turn, task: Task, *, quiet: bool = False) -> bool:
    """Put what the message says into the task's slots; whether there was anything."""
    awaited, reading = turn.state.awaited, turn.reading
    asked = awaited.name if awaited and awaited.what == "slot" else ""
    if asked and _digresses(turn, asked):
        return False
    any_found = False
    for name in task.slots:
        slot = turn.domain.slots.get(name)
        if slot is None:
            continue
        value, sure = reading.filled.get(name, ("", 0.0))
        by = "tracker"
        if not value or sure < SLOT_SURE:
            value, by = domains.found(slot, reading.text, asked=name == asked), "rule"
        value = "any" if value == "dontcare" else value
        known = turn.state.slots.get(name, "")
        if not value or value == known:
            continue
        if known:
            turn.add("slot", name=name, value=value, by=by, before=known)
            if not quiet:
                turn.do(Act("say", say("%(new)s instead of %(old)s, noted.", new=value, old=known)))
        else:
            turn.add("slot", name=name, value=value, by=by)
        any_found = True
    return any_found


def _digresses(turn: Turn, asked: str) -> bool:
    """Whether the answer to a question for a free text is something else altogether."""
    reading, slot = turn.reading, turn.domain.slots.get(asked)
    if slot is None or slot.kind != "text":
        return False
    other = reading.in_scope and reading.confidence >= SURE
    return other and ("?" in reading.text or "？" in reading.text)


def _follow(turn: Turn, intent: str) -> None:
    """Do what an intent asks for."""
    task = turn.domain.task_of(intent)
    if task is None:
        _answer(turn, intent)
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
        turn.do(Act("say", slot.ask, tuple(quick), by=by))
    elif turn.domain.confirms(task):
        turn.add("asked", what="confirm", name=task.name)
        told = [f"{name.replace('_', ' ')}: {turn.state.slots[name]}" for name in task.slots]
        text = say("%(task)s (%(slots)s). Shall I do that?", task=task.title, slots=told)
        if not told:
            text = say("%(task)s. Shall I do that?", task=task.title)
        turn.do(Act("say", text, (say("Yes"), say("No"))))
    else:
        _call(turn, task)


def _next_slot(turn: Turn, missing: list[str]) -> tuple[str, str]:
    """Which slot to ask for: the one that the learned policy asks for, else the first."""
    for action, share in turn.reading.actions:
        name = action.removeprefix("ask_").removeprefix("ask:")
        if name != action and name in missing and share >= POLICY_SURE:
            return name, "policy"
    return missing[0], "rule"


def _call(turn: Turn, task: Task) -> None:
    arguments = {name: turn.state.slots[name] for name in task.slots if name in turn.state.slots}
    if task.tool:
        turn.do(Act("tool", name=task.tool, arguments=arguments))
        return
    turn.add("completed", name=task.name, result="")
    turn.do(Act("say", filled_in(task.done, arguments) or say("Thank you, that is noted.")))
    _resume(turn)


def finish(turn: Turn, result: str, *, failed: bool = False) -> None:
    """After the tool answered: say it, close the task, go on with the one that waits."""
    task = turn.task
    if task is None:
        return
    known = turn.state.slots
    turn.add("completed", name=task.name, result=result[:500])
    if not failed and task.done:
        turn.do(Act("say", filled_in(task.done, {**known, "result": result})))
    elif result:
        turn.do(Act("say", result))
    _resume(turn)


def _resume(turn: Turn) -> None:
    """Back to the task that was interrupted, if one was."""
    task = turn.task
    if task is None:
        return
    turn.add("resumed", name=task.name)
    turn.do(Act("say", say("Back to this: %(task)s.", task=task.title)))
    advance(turn)


def _answer(turn: Turn, intent: str) -> None:
    """From the knowledge; in the middle of a task it is a digression, and the open question is
    asked again after it."""
    if turn.task is None:
        turn.do(Act("answer", name=intent, otherwise=tuple(_fallback(turn))))
        return
    turn.do(Act("answer", name=intent))
    turn.add("interrupted", name=turn.task.name)
    _resume(turn)


def _learned(turn: Turn) -> Act | None:
    """A reply that past conversations teach here, where a person allowed it."""
    for action, share in turn.reading.actions[:1]:
        text = turn.domain.replies.get(action, "")
        if text and share >= POLICY_SURE:
            return Act("say", filled_in(text, turn.state.slots), name=action, by="policy")
    return None


def _fallback(turn: Turn) -> list[Act]:
    """Not understood, and the knowledge has nothing: which of these, other words, a person."""
    turns, likely = turn.state.fallbacks, _likely(turn)
    if turns >= MOST_FALLBACKS:
        return [Act("person", name="pending_clarification")]
    if turns == 0 and likely:
        return [Act("clarify", name=",".join(likely))]
    if turns == 0 and not turn.domain.titles:
        return []
    return [Act("rephrase")]


def _likely(turn: Turn) -> list[str]:
    known = [n for n, share in turn.reading.intents[:2] if share >= MAYBE and n in
             turn.domain.titles]  # fmt: skip
    return known


def clarify(turn: Turn, options: list[str]) -> Act:
    turn.add("asked", what="clarify", options=options)
    titles = [turn.domain.titles[o] for o in options]
    if len(titles) == 1:
        return Act("clarify", say("Do you mean: %(title)s?", title=titles[0]),
                   (say("Yes"), say("No")))  # fmt: skip
    return Act("clarify", say("What do you mean?"), (*titles, say("None of these")))


def rephrase(turn: Turn) -> Act:
    turn.add("asked", what="rephrase")
    text = say("I did not understand that. Could you put it in other words?")
    return Act("rephrase", text, (say("Talk to a person"),))
