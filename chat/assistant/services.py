"""What the assistant does after it made up its mind: say it, admit it, hand over, be corrected."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils import timezone, translation

from attune.kernel import audit
from attune.kernel.errors import Conflict, Invalid, NotFound
from attune.kernel.phrases import Phrase, say
from campaigns.generators.models import ModelVersion
from chat.assistant import words
from chat.assistant.models import Generation, Report
from chat.conversations import appending, handing, wire
from chat.conversations.appending import Said
from chat.conversations.models import Conversation, Message
from chat.dialogue import running
from chat.dialogue.state import DialogueEvent

logger = logging.getLogger(__name__)
QUESTION = ("?", "？")
MOST_WAITING, MOST_TURNS = 12, 4  # messages that are answered together, and turns made of them


@dataclass(frozen=True, slots=True)
class Question:
    """What waits for the assistant: everything that the customer wrote since the last answer."""

    conversation: Conversation
    text: str
    seq: int
    before: tuple[str, ...] = ()  # what the customer wrote earlier
    sayings: tuple[str, ...] = ()  # the question message by message, but for what belongs together


@dataclass(frozen=True, slots=True)
class Made:
    """An answer as the engine made it, with what it stood on."""

    text: str
    route: str
    citations: list[dict[str, Any]] = field(default_factory=list)
    confidence: float = 0.0
    model: str = ""
    version: ModelVersion | None = None
    seconds: float = 0.0
    tokens: int = 0
    intent: str = ""


def open_question(conversation_id: UUID) -> Question | None:
    """What the customer waits for, or None: somebody answered, or a person owns it."""
    row = handing.unanswered(conversation_id)
    if row is None:
        return None
    return question_of(row)


def question_of(row: Conversation) -> Question | None:
    """What the customer wrote since the last answer, whoever answers here."""
    newest = list(Message.objects.filter(conversation=row).order_by("-seq")[:30])[::-1]
    answered = max((m.seq for m in newest if m.kind == "outgoing"), default=0)
    open_ones = [m for m in newest if m.kind == "incoming" and m.seq > answered and m.body]
    if not open_ones:
        return None
    bodies = [m.body for m in open_ones[-MOST_WAITING:]]
    before = [m.body for m in newest if m.seq <= answered and m.kind == "incoming"][-3:]
    return Question(row, "\n".join(bodies), open_ones[-1].seq, tuple(before), sayings(bodies))


def sayings(bodies: Sequence[str]) -> tuple[str, ...]:
    """Messages in a row as turns: a question is one by itself, words between questions are one. Of
    very many the first are one, so that the answer does not take forever."""
    found: list[list[str]] = []
    after_question = True
    for body in bodies:
        asks = body.rstrip().endswith(QUESTION) and len(body.strip()) > len("ok?")
        if asks or after_question:
            found.append([body])
        else:
            found[-1].append(body)
        after_question = asks
    if len(found) > MOST_TURNS:
        first = [body for part in found[: 1 - MOST_TURNS] for body in part]
        found = [first, *found[1 - MOST_TURNS :]]
    return tuple("\n".join(part) for part in found)


def still(question: Question) -> bool:
    """Whether the assistant may answer this now, held: nobody took over or answered meanwhile, it
    was not done before, and the customer wrote nothing since (a job of its own answers all)."""
    row = handing.unanswered(question.conversation.pk)
    if row is None or running.seen(question.conversation.pk, question.seq):
        return False
    newer = Message.objects.filter(conversation=row, kind="incoming", seq__gt=question.seq)
    return not newer.exists()


def reply(
    *, question: Question, made: Made, sentiment: float, quick: Sequence[Phrase | str] = ()
) -> bool:  # fmt: skip
    """Say it, once for each question; False where a person took over meanwhile."""
    row = question.conversation
    payload: dict[str, Any] = {}
    if made.citations:
        payload["citations"] = made.citations
    if quick:
        with translation.override(row.language or "en"):
            payload["quick_replies"] = [str(q) for q in quick]
    said = Said(made.text, "outgoing", "bot", f"answer:{question.seq}", None, row.inbox.bot_name,
                {**payload, "ai": True})  # fmt: skip
    receipt = appending.append(conversation=row.pk, said=said)
    if receipt.refused:
        return False
    _keep(question, made, sentiment, receipt.seq)
    felt(row, sentiment)
    if receipt.fresh:
        wire.push(row.pk, {"type": "message", **wire.fresh(said, receipt)})
    return True


def felt(row: Conversation, sentiment: float) -> None:
    """How the customer sounds now; who is not content is answered earlier by people, too."""
    values: dict[str, Any] = {"sentiment": sentiment}
    if sentiment <= words.SOUR:
        values["upset_at"] = timezone.now()
    if sentiment <= words.SOUR and row.priority < Conversation.Priority.HIGH:
        values["priority"] = Conversation.Priority.HIGH
    Conversation.objects.filter(pk=row.pk).update(**values)


def _keep(question: Question, made: Made, sentiment: float, seq: int | None) -> Generation:
    row, _ = Generation.objects.get_or_create(
        conversation=question.conversation, reply_to_seq=question.seq,
        defaults={
            "seq": seq, "route": made.route, "question": question.text[:4000],
            "model": made.model[:200], "version": made.version, "citations": made.citations,
            "confidence": made.confidence, "sentiment": sentiment, "seconds": made.seconds,
            "tokens": made.tokens, "intent": made.intent[:60],
        },
    )  # fmt: skip
    return row


def admit(*, question: Question, made: Made, sentiment: float) -> None:
    """Nothing known answers it: say so and offer a person; the second time in a row ask one."""
    before = Generation.objects.filter(
        conversation=question.conversation, reply_to_seq__lt=question.seq
    )
    last = before.order_by("-reply_to_seq").first()
    if last is not None and last.route == Generation.Route.NONE:
        _keep(question, made, sentiment, None)
        hand_over(question=question, by="model", reason="missing_knowledge", sentiment=sentiment)
        return
    with translation.override(question.conversation.language or "en"):
        text = str(say(
            "I find nothing about this in what I know, and I do not want to guess. Could you put "
            "it in other words, or shall a person look at it?"
        ))  # fmt: skip
    told = Made(text, Generation.Route.NONE, [], made.confidence, made.model, None, made.seconds)
    reply(question=question, made=told, sentiment=sentiment, quick=[say("Talk to a person")])


def hand_over(*, question: Question, by: str, reason: str, sentiment: float) -> None:
    """Give the conversation to people with a summary of it and what the assistant learned so far;
    upset customers come first."""
    _keep(question, Made("", Generation.Route.PERSON), sentiment, None)
    felt(question.conversation, sentiment)
    priority = 2 if sentiment <= words.UPSET else None
    known = running.state(question.conversation.pk).slots
    handing.hand_off(
        conversation=question.conversation, by=by, reason=reason, summary=summary(question),
        priority=priority, slots=dict(known),
    )  # fmt: skip
    running.append(conversation=question.conversation, seq=question.seq,
                   steps=[DialogueEvent("handoff", {"reason": reason})])  # fmt: skip


def summary(question: Question) -> str:
    """What an agent must know in four lines: the customer's own words, not a retelling."""
    said = [*question.before[-2:], question.text]
    lines = [f"“{' '.join(text.split())[:160]}”" for text in said]
    return "\n".join(dict.fromkeys(lines))


def report(
    *, conversation: Conversation, seq: int, reason: str, comment: str = "",
    by_id: int | None = None,
) -> Report:  # fmt: skip
    """An answer of the assistant was not right; who reads the reports mends the knowledge."""
    if reason not in Report.Reason.values:
        raise Invalid.one("reason", say("This is not one of the reasons."))
    found = Generation.objects.filter(conversation=conversation, seq=seq).first()
    if found is None:
        raise NotFound(say("There is no answer of the assistant with this number."))
    row, made = Report.objects.get_or_create(
        generation=found, by_visitor=by_id is None, by_id=by_id,
        defaults={"reason": reason, "comment": comment.strip()[:500]},
    )  # fmt: skip
    if not made:
        raise Conflict(say("You reported this answer already."))
    audit.record("assistant.report", row, reason=reason)
    return row


def settle(*, row: Report) -> None:
    Report.objects.filter(pk=row.pk, settled_at=None).update(settled_at=timezone.now())
    audit.record("assistant.settle", row)


def overdue(conversation_id: UUID, seconds: float) -> Conversation | None:
    """A conversation whose customer has waited too long for the assistant, held."""
    row = handing.unanswered(conversation_id)
    if row is None or row.waiting_since is None:
        return None
    waited = (timezone.now() - row.waiting_since).total_seconds()
    return row if waited >= seconds else None
