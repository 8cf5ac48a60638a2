"""A customer waits for the assistant: read, decide, answer, say, or hand over.

Who wrote several messages meanwhile is answered once, but each question among them is read by
itself: "what is the price?" and then "Saturday" both count.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from django.utils import translation

from attune.kernel.phrases import say
from campaigns.generators.meter import CapReached
from chat.assistant import register as registers
from chat.assistant import services, words
from chat.assistant.services import Made, Question
from chat.conversations.jobs import ANSWER_MESSAGE, AnswerMessage
from chat.dialogue import manager, repairs, running
from chat.dialogue.domain import Domain
from chat.dialogue.models import DialogueVersion
from chat.dialogue.state import DialogueState
from chat.dialogue.turns import Act, Reading
from chat.dialogue.turns import Turn as Step
from workers.model_tasks import dialogue
from workers.model_tasks.answering import known
from workers.runner import Run, handles

TALK = {
    "hello": say("Hello! What can I do for you?"),
    "thanks": say("You are welcome. Is there anything else?"),
    "bye": say("Goodbye, and thank you for writing."),
}


class Overtaken(RuntimeError):
    """The dialogue's log moved while the models read."""


@dataclass(frozen=True, slots=True)
class Part:
    """One saying of the customer: how it was read, and what the knowledge answers where the rules
    want that."""

    reading: Reading
    made: Made


@handles(ANSWER_MESSAGE)
def answer_message(payload: AnswerMessage, run: Run) -> None:
    """Answer everything since the last answer at once; a second run finds nothing to do."""
    with run.unit():
        question = services.open_question(payload.conversation_id)
        if question is None:
            return
        mood = words.sentiment(question.text)
        if words.wants_person(question.text):
            services.hand_over(
                question=question, by="customer", reason="customer_request", sentiment=mood
            )
            return
        if mood <= words.UPSET:
            services.hand_over(
                question=question, by="rule", reason="negative_sentiment", sentiment=mood
            )
            return
        state, at, domain, version = dialogue.dialogue_of(question.conversation)
        talk = words.small_talk(question.text)
        if talk and not state.stack:
            with translation.override(question.conversation.language or "en"):
                made = Made(str(TALK[talk]), "small_talk", confidence=1.0)
            services.reply(question=question, made=made, sentiment=mood)
            return
    try:
        parts = _read(question, state, domain, version, run)
    except CapReached:
        with run.unit():
            services.hand_over(question=question, by="rule", reason="usage_limit", sentiment=mood)
        return
    with run.unit():
        if services.still(question):
            if running.last(question.conversation.pk) != at:
                raise Overtaken  # an agent took steps back meanwhile: tried again from there
            _carry_out(question, state, domain, parts, mood)


def _read(
    question: Question,
    state: DialogueState,
    domain: Domain,
    version: DialogueVersion | None,
    run: Run,
) -> list[Part]:
    """Each saying as the models read it where the ones before it lead; nothing is kept yet. A yes
    in the same breath is none: what it would agree to was not shown."""
    parts: list[Part] = []
    before = question.before
    for text in question.sayings:
        if parts and _unseen(state, text):
            continue
        reading = dialogue.read(version, text, state, run)
        step = manager.respond(state, reading, domain)
        for act in step.acts:  # what follows a tool is foreseen, the tool is not called
            if act.kind == "tool":
                manager.finish(step, "…")
        made = Made("", "task", confidence=1.0)
        if any(act.kind == "answer" for act in step.acts):
            made = known(replace(question, text=text, before=before), time.monotonic(), run)
        parts.append(Part(reading, made))
        before = (*before, text)
        state = step.state
    return parts


def _unseen(state: DialogueState, text: str) -> bool:
    """Whether this is a yes to a question of ours that was not shown yet."""
    awaited = state.awaited
    return bool(awaited and awaited.what in {"confirm", "clarify"} and repairs.agrees(text))


def _carry_out(
    question: Question, state: DialogueState, domain: Domain, parts: list[Part], mood: float
) -> None:
    """Carry every saying out and say it all as one message, in the register for this customer."""
    said: list[Said] = []
    mades: list[Made] = []
    for part in parts:
        if said and _unseen(state, part.reading.text):
            continue
        step = manager.respond(state, part.reading, domain)
        mades.append(replace(part.made, intent=step.state.intent))
        said.append(_carried(question, step, mades[-1]))
        running.append(conversation=question.conversation, seq=question.seq, steps=step.events)
        state = step.state
        if said[-1].carried.person:
            break
    person = said[-1].carried.person
    unclear = person == "pending_clarification"  # of that a person answers, of the rest we do
    spoken = _spoken(said[:-1] if unclear else said)
    if not spoken and not person:
        services.admit(question=question, made=mades[-1], sentiment=mood)
        return
    if spoken:
        _speak(question, spoken, said[-1].carried.quick, _as_one(mades), mood)
    if person:
        services.hand_over(question=question, by="model", reason=person, sentiment=mood)


@dataclass(frozen=True, slots=True)
class Said:
    """A saying carried out: its words, and whether nothing known answers it."""

    carried: dialogue.Carried
    lost: bool


def _carried(question: Question, step: Step, made: Made) -> Said:
    """The acts of one saying, carried out."""
    carried = dialogue.Carried(
        step, question.conversation, question.seq, question.conversation.language
    )
    place, lost = 0, False
    while place < len(step.acts):  # a tool or a digression adds acts
        act = step.acts[place]
        place += 1
        if act.kind != "answer":
            carried.do(act)
        elif made.route not in {"none", "task"}:
            carried.say(replace(act, text=made.text))
        elif act.otherwise:
            for other in act.otherwise:
                carried.do(other)
        else:
            lost = True
    return Said(carried, lost)


def _spoken(said: list[Said]) -> list[str]:
    """All that is to be said; nothing where nothing is known at all. A question of ours that what
    follows answers is not asked any more; what nothing answers is named."""
    found: list[str] = []
    known_at_all = False
    for place, one in enumerate(said):
        last = place == len(said) - 1
        told = [text for act, text in one.carried.said if last or not _asks(act)]
        known_at_all = known_at_all or bool(told)
        asked = one.carried.turn.reading.text
        unclear = [act for act, _ in one.carried.said if act.name in {"clarify", "rephrase"}]
        unknown = one.lost or bool(unclear)
        named = asked.rstrip().endswith(services.QUESTION) and unknown
        if not told and len(said) > 1 and named:
            with translation.override(one.carried.language or "en"):
                told = [str(say("About “%(question)s” I find nothing in what I know.",
                                question=asked))]  # fmt: skip
        found += told
    return list(dict.fromkeys(found)) if known_at_all else []


def _asks(act: Act) -> bool:
    return act.name.startswith("ask_") or act.name in {"confirm", "resume", "clarify", "rephrase"}


def _as_one(mades: list[Made]) -> Made:
    """What answered, for the log: all citations, the least sure, everything that it took."""
    answers = [m for m in mades if m.route not in {"none", "task"}] or mades[-1:]
    return replace(
        answers[0], citations=[c for m in answers for c in m.citations],
        confidence=min(m.confidence for m in answers), seconds=sum(m.seconds for m in mades),
        tokens=sum(m.tokens for m in mades), intent=mades[-1].intent,
    )  # fmt: skip


def _speak(
    question: Question, spoken: list[str], quick: list[str], made: Made, mood: float
) -> None:
    """What was gathered, in the register for this customer; the choice is logged with it."""
    register = registers.choose(question.conversation, mood)
    with translation.override(question.conversation.language or "en"):
        before = [str(register.before)] if register and register.before else []
        quick = list(quick)
        if register and register.offer:
            quick.append(str(say("Talk to a person")))
    text = "\n\n".join([*before, *spoken])
    route = "task" if made.route == "none" else made.route
    services.reply(question=question, made=replace(made, text=text, route=route), sentiment=mood,
                   quick=list(dict.fromkeys(quick)))  # fmt: skip
