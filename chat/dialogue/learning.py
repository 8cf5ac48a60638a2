"""Pages of what the assistant learns: past conversations, versions, and one dialogue's log."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.text import capfirst
from django.views.decorators.http import require_POST

from attune.kernel import jobs
from attune.kernel.errors import Conflict, Invalid, NotFound
from attune.kernel.phrases import say, say_many
from attune.web.pages import paged
from chat.conversations import handing
from chat.conversations import selectors as conversations
from chat.dialogue import lessons, own, registry, running, taking, telling, training
from chat.dialogue.forms import PastForm
from chat.dialogue.models import PastConversation, PastImport, ToolCall
from chat.dialogue.state import effective, replay
from tenants.pages import go, page

STEPS = 100  # of a log, on a page; the newest on the first
MOVES = {"go_live", "roll_back", "retire"}


@page("knowledge.view")
def versions(request: HttpRequest) -> HttpResponse:
    """What was learned, what there is to learn from, and what the gate says of it."""
    part = request.htmx and request.headers.get("HX-Target") == "versions"
    context = {"versions": registry.versions(), "live": registry.live_one()}
    if not part:
        there = training.there_is()
        context |= {"there": there, "verdict": there.verdict, "lacking": there.lacking}
    return render(request, f"dialogue/{'versions_list' if part else 'versions'}.html", context)


@page("knowledge.view")
def version(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = registry.version(pk)
    parts = [
        {"slot_f1": None, **p, "name": lessons.NAMES[name], "share": p["right"] / max(1, p["n"])}
        for name, p in row.results.get("parts", {}).items()
    ]
    context = {"version": row, "parts": parts, "scripts": row.results.get("scripts", [])}
    part = request.htmx and request.headers.get("HX-Target") == "version"
    name = "version_body" if part else "version"
    return render(request, f"dialogue/{name}.html", context)


@require_POST
@page("models.train")
def train(request: HttpRequest) -> HttpResponse:
    row = training.request(author_id=request.user.pk, now=timezone.now())
    return go(request, "dialogue:version", row.pk)


@require_POST
@page("models.manage")
def move(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row, verb = registry.version(pk), request.POST.get("verb", "")
    if verb not in MOVES:
        raise Conflict(say("This is not a step of a dialogue version."))
    if verb == "go_live":
        registry.go_live(row=row)
        messages.success(
            request, capfirst(str(say("%(version)s talks to customers now.", version=row)))
        )
    elif verb == "retire":
        registry.retire(row=row)
        messages.success(request, str(say("The rules alone go on; no version is live.")))
    else:
        before = registry.roll_back(row=row)
        told = (say("%(version)s talks again.", version=before) if before
                else say("The rules alone go on; no version is live."))  # fmt: skip
        messages.success(request, capfirst(str(told)))
    return go(request, "dialogue:versions")


@require_POST
@page("models.train")
def cancel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = registry.version(pk)
    if row.job is not None and row.state == "training":
        jobs.cancel(row.job)
    return go(request, "dialogue:version", pk)


@page("knowledge.view")
def past(request: HttpRequest) -> HttpResponse:
    """Files of past conversations, and what came of them."""
    rows = PastImport.objects.select_related("job").defer("content").order_by("-id")
    talks = PastConversation.objects
    context = {
        "page": paged(request, rows), "form": PastForm(), "n": talks.count(),
        "slots": talks.filter(has_slots=True).count(),
        "actions": talks.filter(has_actions=True).count(),
        "held": talks.filter(held_out=True).count(),
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "past"
    return render(request, f"dialogue/{'past_list' if part else 'past'}.html", context)


@require_POST
@page("knowledge.edit")
def upload(request: HttpRequest) -> HttpResponse:
    sent = request.FILES.get("file")
    if sent is None:
        raise Invalid.one("file", say("Choose a file first."))
    row = taking.upload(file=sent, by_id=request.user.pk)
    return go(request, "dialogue:past-file", row.pk)


@page("knowledge.view")
def past_file(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = _file(pk)
    context = {
        "file": row, "problems": row.problems.order_by("line")[:200],
        "samples": row.conversations.order_by("key")[:5],
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "file"
    return render(request, f"dialogue/{'file_body' if part else 'file'}.html", context)


@require_POST
@page("knowledge.edit")
def forget(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    taking.forget_past(of=_file(pk))
    messages.success(request, str(say("Taken out: no later version learns from it.")))
    return go(request, "dialogue:past")


@require_POST
@page("knowledge.edit")
def take_own(request: HttpRequest) -> HttpResponse:
    """Our own conversations that ended well."""
    n = own.take()
    told = say_many("%(n)s conversation taken in.", "%(n)s conversations taken in.", n=n)
    messages.success(request, str(told))
    return go(request, "dialogue:past")


def _file(pk: uuid.UUID) -> PastImport:
    row = PastImport.objects.select_related("job").defer("content").filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such file in this workspace."))
    return row


@page("chat.view")
def log(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One conversation's dialogue, step by step, and where it stands."""
    row, domain = conversations.conversation(pk), running.domain()
    events = running.events(row.pk)
    kept = {e.n for e in effective(events)}
    page = paged(request, events[::-1], size=STEPS)
    state = replay(events)
    context = {
        "conversation": row, "state": state, "page": page,
        "standing": telling.standing(state, domain),
        "steps": [(e, e.n in kept, telling.sentence(e, domain)) for e in reversed(page)],
        "calls": ToolCall.objects.filter(conversation=row).order_by("id"),
    }  # fmt: skip
    return render(request, "dialogue/log.html", context)


@require_POST
@page("chat.answer")
def rewind(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = handing.lock(conversations.conversation(pk))
    to = request.POST.get("to", "")
    running.rewind(conversation=row, to=int(to) if to.isdecimal() and len(to) < 7 else -1)
    return go(request, "dialogue:log", pk)
