"""How the assistant does, what it lacks, and what was wrong."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from chat.assistant import quality, services, suggesting
from chat.assistant.models import Report
from chat.conversations import selectors as conversations
from tenants.pages import go, page


@page("chat.view")
def overview(request: HttpRequest) -> HttpResponse:
    start = quality.since()
    context = {
        "measures": quality.measures(start), "handoffs": quality.handoffs(start),
        "routes": quality.routes(start), "days": quality.DAYS,
        "reports": quality.reports()[:20], "suggestions": suggesting.suggestions()[:20],
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
