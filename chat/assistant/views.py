"""How the assistant does, what it lacks, and what was wrong."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from chat.assistant import drafting, quality, services, suggesting
from chat.assistant.models import Generation, Report
from chat.conversations import selectors as conversations
from chat.conversations import views as conversation_views
from chat.conversations.models import Conversation
from chat.dialogue import running, telling
from tenants.pages import go, page


@page("chat.view")
def overview(request: HttpRequest) -> HttpResponse:
    start = quality.since()
    context = {
        "measures": quality.measures(start), "handoffs": quality.handoffs(start),
        "routes": quality.routes(start), "days": quality.DAYS,
        "registers": quality.registers(), "drafts": quality.drafts(start),
        "outcomes": quality.outcomes(start), "reports": quality.reports()[:20],
        "suggestions": suggesting.suggestions()[:20],
    }  # fmt: skip
    return render(request, "assistant/quality.html", context)


@require_POST
@page("chat.answer")
def report(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """An answer in this conversation was not right."""
    seq = request.POST.get("seq", "")
    services.report(
        conversation=conversations.conversation(pk), by_id=request.user.pk,
        seq=int(seq) if seq.isdecimal() and len(seq) < 9 else 0,
        reason=request.POST.get("reason", ""), comment=request.POST.get("comment", ""),
    )  # fmt: skip
    messages.success(request, str(say("Reported: it stands on the quality page.")))
    return go(request, "conversations:conversation", pk)


@require_POST
@page("knowledge.edit")
def settle(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = Report.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such report in this workspace."))
    services.settle(row=row)
    return go(request, "assistant:quality")


@require_POST
@page("knowledge.edit")
def find(request: HttpRequest) -> HttpResponse:
    suggesting.ask()
    messages.success(request, str(say("The model reads what nothing answered; suggestions appear "
                                      "here.")))  # fmt: skip
    return go(request, "assistant:quality")


@require_POST
@page("knowledge.edit")
def suggestion(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = suggesting.suggestion(str(pk))
    if request.POST.get("verb") == "dismiss":
        suggesting.dismiss(row=row)
    else:
        suggesting.approve(
            row=row, question=request.POST.get("question", ""),
            answer=request.POST.get("answer", ""),
        )  # fmt: skip
    return go(request, "assistant:quality")


@page("chat.answer")
def draft(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The proposed answer beside the field, or the button that asks for one."""
    return _proposal(request, conversations.conversation(pk))


def _proposal(request: HttpRequest, row: Conversation) -> HttpResponse:
    proposed = drafting.proposed(row)
    context = {
        "conversation": row, "draft": proposed, "late": bool(proposed and drafting.late(proposed)),
        "waits": row.handler == "person" and services.question_of(row) is not None,
    }  # fmt: skip
    return render(request, "assistant/draft.html", context)


@require_POST
@page("chat.answer")
def ask_draft(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = conversations.conversation(pk)
    drafting.ask(conversation=row, by_id=request.user.pk)
    return _proposal(request, row)


@require_POST
@page("chat.answer")
def send_draft(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Send an answer that began as a proposal, and keep what became of it."""
    answer = conversation_views.replied(request, pk)
    drafting.settle(
        draft_id=request.GET.get("draft", ""), conversation=conversations.conversation(pk),
        sent=request.POST.get("body", ""),
    )  # fmt: skip
    return answer


@require_POST
@page("chat.answer")
def discard_draft(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = conversations.conversation(pk)
    drafting.discard(draft_id=request.POST.get("draft", ""), conversation=row)
    return _proposal(request, row)


@page("chat.view")
def mood(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """How the customer sounds over the turns, what was understood, and proposals so far."""
    row = conversations.conversation(pk)
    said = Generation.objects.filter(conversation=row).order_by("-reply_to_seq")
    newest = list(said.only("reply_to_seq", "sentiment")[:40])[::-1]
    turns = [(g.reply_to_seq, g.sentiment) for g in newest]
    state = running.state(row.pk)
    standing = telling.standing(state, running.domain())[0] if state.task else ""
    context = {"conversation": row, "turns": turns, "state": state, "standing": standing,
               "bars": quality.bars(turns)}  # fmt: skip
    return render(request, "assistant/mood.html", context)
