"""What the knowledge answers: find, write, check, cite. For customers, and as drafts for agents."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from django.conf import settings

from attune.kernel import live
from campaigns.content import injection
from campaigns.generators import meter, servers
from campaigns.generators.meter import CapReached
from chat.assistant import drafting, suggesting, words
from chat.assistant.jobs import FIND_GAPS, WRITE_DRAFT, FindGaps, WriteDraft
from chat.assistant.services import Made, Question
from chat.conversations import wire
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
from workers.runner import Run, handles

SECONDS, TOKENS = 20.0, 90


def known(question: Question, began: float, run: Run) -> Made:
    """What the knowledge answers. Raises CapReached."""
    question = replace(question, text=words.asked(question.text))
    found = _found(question, run)
    answer, model, tokens = _written(question, found, run)
    return Made(
        answer.text, answer.route, _cited(answer, found), answer.confidence, model,
        seconds=time.monotonic() - began, tokens=tokens,
    )  # fmt: skip


@handles(WRITE_DRAFT)
def write_draft(payload: WriteDraft, run: Run) -> None:
    """An answer for an agent to use, change or throw away."""
    with run.unit():
        found = drafting.waiting(payload.draft_id)
    if found is None:
        return
    row, question = found
    try:
        made = known(question, time.monotonic(), run)
    except CapReached:
        made = Made("", "none")
    with run.unit():
        text = made.text if made.route != "none" else ""
        drafting.written(row=row, text=text, citations=made.citations, model=made.model)


def _found(question: Question, run: Run) -> list[Found]:
    """Passages by words and sense. A short question that leans on the last is read with it."""
    asked = question.text
    if question.before and len(answering.terms(asked)) < 2:
        asked = f"{question.before[-1]}\n{asked}"
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


def _written(question: Question, found: list[Found], run: Run) -> tuple[Answer, str, int]:
    """The answer, by which model, and its new tokens."""
    with run.unit():
        meter.demand_allowance(paid=servers.costs("chat"))
        engine, server = models.writer("chat")
    spent = {"in": 0, "out": 0}
    began = time.monotonic()

    def draft(messages: Messages) -> str:
        request = Request(messages, 1, TOKENS, 0.2, 0.9, question.seq, SECONDS)
        try:
            one = engine.generate_many([request])[0][0]
        except (DeadlinePassed, ServerTrouble, ModelAway):
            return ""  # the passages themselves are said
        spent["in"] += engine.count(messages)
        spent["out"] += one.new_tokens
        return one.text

    commanded = bool(injection.command_in(question.text))
    answer = answering.answer(
        question.text, sources_of(found), encode=_encode, draft=None if commanded else draft,
        language=question.conversation.language, said=_streamed(question, run),
    )  # fmt: skip
    if spent["in"]:
        with run.unit():
            meter.record(
                task="chat", model=engine.name, requests=1, tokens_in=spent["in"],
                tokens_out=spent["out"], seconds=time.monotonic() - began,
                micros=server.micros(spent["in"], spent["out"]) if server else 0,
            )  # fmt: skip
    return answer, engine.name if spent["out"] else "", spent["out"]


def _streamed(question: Question, run: Run) -> Any:
    """The open sockets read along: sentences that passed their check. An agent's draft is read by
    nobody yet."""
    if question.conversation.handler != "bot":
        return lambda text: None
    name = wire.group(run.row.tenant_id, question.conversation.pk)
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
