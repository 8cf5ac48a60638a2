"""A customer waits for the assistant: read, understand, find, write, say, or hand over."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from django.conf import settings
from django.utils import translation

from attune.kernel import live
from attune.kernel.phrases import say
from campaigns.content import injection
from campaigns.generators import meter, servers
from campaigns.generators.meter import CapReached
from chat.assistant import drafting, services, suggesting, words
from chat.assistant import register as registers
from chat.assistant.jobs import FIND_GAPS, WRITE_DRAFT, FindGaps, WriteDraft
from chat.assistant.services import Made, Turn
from chat.conversations import wire
from chat.conversations.jobs import ANSWER_MESSAGE, AnswerMessage
from chat.dialogue import manager, running
from chat.dialogue.turns import Turn as Step
from chat.knowledge import passages
from chat.knowledge import selectors as knowledge
from chat.knowledge import services as knowledge_services
from chat.knowledge.jobs import EMBED_DOCUMENT, EmbedDocument
from chat.knowledge.selectors import Found
from workers import models
from workers.engines import answering
from workers.engines.answering import Answer, Source
from workers.engines.openai_runtime import ServerTrouble
from workers.engines.process_client import ModelAway
from workers.engines.protocol import DeadlinePassed, Messages, Request
from workers.model_tasks import dialogue
from workers.runner import Run, handles

SECONDS, TOKENS = 20.0, 90
TALK = {
    "hello": say("Hello! What can I do for you?"),
    "thanks": say("You are welcome. Is there anything else?"),
    "bye": say("Goodbye, and thank you for writing."),
}


class Overtaken(RuntimeError):
    """The dialogue's log moved while the models read."""


@handles(ANSWER_MESSAGE)
def answer_message(payload: AnswerMessage, run: Run) -> None:
    """Answer everything since the last answer at once; a second run finds nothing to do."""
    began = time.monotonic()
    with run.unit():
        turn = services.turn(payload.conversation_id)
        if turn is None:
            return
        mood = words.sentiment(turn.question)
        if words.wants_person(turn.question):
            services.hand_over(turn=turn, by="customer", reason="customer_request", sentiment=mood)
            return
        if mood <= words.UPSET:
            services.hand_over(turn=turn, by="rule", reason="negative_sentiment", sentiment=mood)
            return
        state, at, domain, version = dialogue.dialogue_of(turn.conversation)
        talk = words.small_talk(turn.question)
        if talk and not state.stack:
            with translation.override(turn.conversation.language or "en"):
                made = Made(str(TALK[talk]), "small_talk", confidence=1.0)
            services.reply(turn=turn, made=made, sentiment=mood)
            return
    step = manager.respond(state, dialogue.read(version, turn.question, state, run), domain)
    try:
        knows = any(a.kind == "answer" for a in step.acts)
        made = _known(turn, began, run) if knows else Made("", "task", confidence=1.0)
    except CapReached:
        with run.unit():
            services.hand_over(turn=turn, by="rule", reason="usage_limit", sentiment=mood)
        return
    with run.unit():
        if services.still(turn):
            if running.last(turn.conversation.pk) != at:
                raise Overtaken  # an agent took steps back meanwhile: tried again from there
            _say(turn, step, replace(made, intent=step.state.intent), mood)


def _known(turn: Turn, began: float, run: Run) -> Made:
    """What the knowledge answers."""
    turn = replace(turn, question=words.asked(turn.question))
    found = _found(turn, run)
    answer, model, tokens = _written(turn, found, run)
    return Made(
        answer.text, answer.route, _cited(answer, found), answer.confidence, model,
        seconds=time.monotonic() - began, tokens=tokens,
    )  # fmt: skip


def _say(turn: Turn, step: Step, made: Made, mood: float) -> None:
    """Carry the turn out and say it as one message, in the register for this customer."""
    language = turn.conversation.language
    carried = dialogue.Carried(step, turn.conversation, turn.seq, language)
    place, lost = 0, False
    while place < len(step.acts):  # a tool or a digression adds acts
        act = step.acts[place]
        place += 1
        if act.kind != "answer":
            carried.do(act)
        elif made.route != "none":
            carried.say(replace(act, text=made.text))
        elif act.otherwise:
            for other in act.otherwise:
                carried.do(other)
        else:
            lost = True
    if carried.person == "pending_clarification":
        carried.words = []  # a person answers instead
    running.append(conversation=turn.conversation, seq=turn.seq, steps=step.events)
    if lost and not carried.words:
        services.admit(turn=turn, made=made, sentiment=mood)
        return
    if carried.words:
        _speak(turn, carried, made, mood)
    if carried.person:
        services.hand_over(turn=turn, by="model", reason=carried.person, sentiment=mood)


def _speak(turn: Turn, carried: dialogue.Carried, made: Made, mood: float) -> None:
    """What was gathered, in the register for this customer; the choice is logged with it."""
    register = registers.choose(turn.conversation, mood)
    with translation.override(turn.conversation.language or "en"):
        before = [str(register.before)] if register and register.before else []
        quick = list(carried.quick)
        if register and register.offer:
            quick.append(str(say("Talk to a person")))
    text = "\n\n".join([*before, *carried.words])
    route = "task" if made.route == "none" else made.route
    services.reply(turn=turn, made=replace(made, text=text, route=route), sentiment=mood,
                   quick=list(dict.fromkeys(quick)))  # fmt: skip


@handles(WRITE_DRAFT)
def write_draft(payload: WriteDraft, run: Run) -> None:
    """An answer for an agent to use, change or throw away."""
    with run.unit():
        found = drafting.waiting(payload.draft_id)
    if found is None:
        return
    row, turn = found
    try:
        made = _known(turn, time.monotonic(), run)
    except CapReached:
        made = Made("", "none")
    with run.unit():
        text = made.text if made.route != "none" else ""
        drafting.written(row=row, text=text, citations=made.citations, model=made.model)


def _found(turn: Turn, run: Run) -> list[Found]:
    """Passages by words and sense. A short question that leans on the last is read with it."""
    asked = turn.question
    before = [m.body for m in turn.before if m.kind == "incoming"]
    if before and len(answering.terms(asked)) < 2:
        asked = f"{before[-1]}\n{asked}"
    try:
        vector: np.ndarray | None = models.embed([asked])[0]
    except ModelAway:
        vector = None  # words alone find something
    with run.unit():
        found = knowledge.search(asked, vector=vector, encoder=settings.EMBEDDING_NAME)
    return found


def sources_of(found: list[Found]) -> list[Source]:
    """What the answer may stand on; sentences that command a model are not read by it."""
    return [
        Source(f.title, f.answer, f.title) if f.kind == "faq"
        else Source(f"{f.title} {f.heading}".strip(), _harmless(f.text))
        for f in found
    ]  # fmt: skip


def _harmless(text: str) -> str:
    kept = [s for s in passages.sentences(text) if not injection.command_in(s)]
    return " ".join(kept)


def _written(turn: Turn, found: list[Found], run: Run) -> tuple[Answer, str, int]:
    """The answer, by which model, and its new tokens."""
    with run.unit():
        meter.demand_allowance(paid=servers.costs("chat"))
        engine, server = models.writer("chat")
    spent = {"in": 0, "out": 0}
    began = time.monotonic()

    def draft(messages: Messages) -> str:
        request = Request(messages, 1, TOKENS, 0.2, 0.9, turn.seq, SECONDS)
        try:
            one = engine.generate_many([request])[0][0]
        except (DeadlinePassed, ServerTrouble, ModelAway):
            return ""  # the passages themselves are said
        spent["in"] += engine.count(messages)
        spent["out"] += one.new_tokens
        return one.text

    commanded = bool(injection.command_in(turn.question))
    answer = answering.answer(
        turn.question, sources_of(found), encode=_encode, draft=None if commanded else draft,
        language=turn.conversation.language, said=_streamed(turn, run),
    )  # fmt: skip
    if spent["in"]:
        with run.unit():
            meter.record(
                task="chat", model=engine.name, requests=1, tokens_in=spent["in"],
                tokens_out=spent["out"], seconds=time.monotonic() - began,
                micros=server.micros(spent["in"], spent["out"]) if server else 0,
            )  # fmt: skip
    return answer, engine.name if spent["out"] else "", spent["out"]


def _streamed(turn: Turn, run: Run) -> Any:
    """The open sockets read along: sentences that passed their check. An agent's draft is read by
    nobody yet."""
    if turn.conversation.handler != "bot":
        return lambda text: None
    name = wire.group(run.row.tenant_id, turn.conversation.pk)
    return lambda text: live.send_now(name, wire.event({"type": "stream", "text": text}))


def _encode(texts: list[str]) -> np.ndarray:
    return models.embed(texts)


def _cited(answer: Answer, found: list[Found]) -> list[dict[str, Any]]:
    """Every passage that was read, with whether the answer stands on it."""
    return [
        {"document": str(f.document), "title": f.title, "url": f.url, "text": f.text[:500],
         "used": n in answer.used}
        for n, f in enumerate(found)
        if answer.route != "none" or n < 3
    ]  # fmt: skip


@handles(FIND_GAPS)
def find_gaps(payload: FindGaps, run: Run) -> None:
    with run.unit():
        questions = suggesting.unanswered(payload.days)
    if not questions:
        return
    vectors = models.embed(questions)
    with run.unit():
        suggesting.keep(questions, vectors)


@handles(EMBED_DOCUMENT)
def embed_document(payload: EmbedDocument, run: Run) -> None:
    """Vectors of a document's passages, in portions."""
    with run.unit():
        rows = knowledge_services.blind_passages(payload.document_id, settings.EMBEDDING_NAME)
    for at in range(0, len(rows), 64):
        part = rows[at : at + 64]
        vectors = models.embed([text for _, text in part])
        with run.unit():
            knowledge_services.keep_vectors(
                [pk for pk, _ in part], vectors, settings.EMBEDDING_NAME
            )
        run.progress(done=at + len(part), total=len(rows))
