"""A step of a dialogue in words, for the people who look at its log. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attune.kernel.phrases import Phrase, say
from chat.dialogue.domain import Domain
from chat.dialogue.state import DialogueEvent, DialogueState

Data = Mapping[str, Any]


def sentence(event: DialogueEvent, domain: Domain) -> Phrase:
    """What happened; names as the workspace calls its tasks and intents."""
    return SENTENCES[event.kind](event.data, domain)


def standing(state: DialogueState, domain: Domain) -> list[Phrase]:
    """Where a dialogue stands: the task under way and what is waited for."""
    task = domain.tasks.get(state.task)
    title = task.title if task else state.task
    told = [say("In the task: %(task)s", task=title) if title else say("In no task")]
    if state.awaited is not None:
        asked = {"what": state.awaited.what, "name": state.awaited.name,
                 "options": state.awaited.options}  # fmt: skip
        told.append(_asked(asked, domain))
    if state.intent:
        told.append(say("Last intent: %(intent)s",
                        intent=domain.titles.get(state.intent, state.intent)))  # fmt: skip
    return told


def _task(d: Data, domain: Domain) -> str:
    known = domain.tasks.get(str(d.get("name", "")))
    return known.title if known else str(d.get("name", ""))


def _user(d: Data, domain: Domain) -> Phrase:
    text, intent = str(d.get("text", "")), str(d.get("intent", ""))
    if not intent:
        return say("The customer: “%(text)s”", text=text)
    return say("The customer: “%(text)s” – understood as %(intent)s, %(share)s %% sure", text=text,
               intent=domain.titles.get(intent, intent),
               share=round(100 * float(d.get("confidence", 0))))  # fmt: skip


def _bot(d: Data, _: Domain) -> Phrase:
    text, who, name = str(d.get("text", "")), d.get("who", "house"), str(d.get("action", ""))
    if who == "tool":
        return say("Calls the tool %(name)s with %(what)s", name=name, what=text)
    if who == "result":
        return say("The tool answers: “%(text)s”", text=text)
    if d.get("by") == "policy":
        return say("The assistant: “%(text)s” – as past conversations teach", text=text)
    return say("The assistant: “%(text)s”", text=text)


def _slot(d: Data, _: Domain) -> Phrase:
    name, value = str(d["name"]).replace("_", " "), str(d["value"])
    if before := str(d.get("before", "")):
        return say("%(slot)s is %(value)s now, no longer %(before)s", slot=name, value=value,
                   before=before)  # fmt: skip
    if d.get("by") == "tracker":
        return say("%(slot)s is %(value)s, as the tracker read it", slot=name, value=value)
    return say("%(slot)s is %(value)s", slot=name, value=value)


def _asked(d: Data, domain: Domain) -> Phrase:
    name = str(d.get("name", ""))
    match d["what"]:
        case "slot":
            return say("Asks for %(slot)s", slot=name.replace("_", " "))
        case "confirm":
            return say("Asks for a yes to: %(task)s", task=_task(d, domain))
        case "clarify":
            titles = [domain.titles.get(o, o) for o in d.get("options", ())]
            return say("Asks what was meant: %(options)s", options=titles)
        case _:
            return say("Asks for other words")


def _handoff(d: Data, _: Domain) -> Phrase:
    if d.get("reason") == "time":
        return say("Too long ago to go on: the dialogue starts anew")
    return say("A person takes over: the dialogue starts anew")


def _ended(d: Data, domain: Domain) -> Phrase:
    if result := str(d.get("result", "")):
        return say("Done: %(task)s – %(result)s", task=_task(d, domain), result=result)
    return say("Done: %(task)s", task=_task(d, domain))


SENTENCES: dict[str, Callable[[Data, Domain], Phrase]] = {
    "user": _user,
    "bot": _bot,
    "slot": _slot,
    "asked": _asked,
    "handoff": _handoff,
    "completed": _ended,
    "task": lambda d, m: say("Begins: %(task)s", task=_task(d, m)),
    "interrupted": lambda d, m: say("Something else comes between: %(task)s", task=_task(d, m)),
    "resumed": lambda d, m: say("Back to: %(task)s", task=_task(d, m)),
    "cancelled": lambda d, m: say("Left: %(task)s", task=_task(d, m)),
    "refused": lambda d, m: say("Refused: %(task)s – %(result)s", task=_task(d, m),
                                result=str(d.get("result", ""))),
    "missed": lambda d, m: say("Nothing was known of that in the middle of a task"),
    "expired": lambda d, m: say("The yes came too late to count"),
    "rewind": lambda d, m: say("A person took back every step after number %(to)s",
                               to=str(d["to"])),
}  # fmt: skip
