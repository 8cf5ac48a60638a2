"""What the assistant is taught by hand: intents, slots, tasks, replies, scripts."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.errors import AttuneError, NotFound
from attune.kernel.phrases import say
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import form_status
from chat.dialogue import registry, scripts, services, starters
from chat.dialogue.forms import IntentForm, OutsideForm, ScriptForm, SlotForm, TaskForm
from chat.dialogue.models import Action, Example, Intent, Script, Slot, Task
from chat.dialogue.tools import TOOLS
from tenants.pages import go, page


@page("knowledge.view")
def overview(request: HttpRequest) -> HttpResponse:
    """Everything that is taught, on one page."""
    made = set(Task.objects.values_list("name", flat=True))
    context = {
        "intents": Intent.objects.annotate(n=Count("examples")).order_by("title"),
        "outside": Example.objects.filter(intent=None).count(),
        "slots": Slot.objects.order_by("name"),
        "tasks": Task.objects.select_related("intent").order_by("title"),
        "scripts": Script.objects.order_by("name"),
        "actions": Action.objects.order_by("-allowed", "-seen", "name")[:200],
        "tools": [(t, t.name in made) for t in TOOLS.values()],
        "live": registry.live_one(),
    }
    return render(request, "dialogue/overview.html", context)


@require_POST
@page("knowledge.edit")
def begin(request: HttpRequest) -> HttpResponse:
    task = starters.begin(request.POST.get("tool", ""))
    messages.success(request, str(say("“%(task)s” is set up; look through its sentences.",
                                      task=task.title)))  # fmt: skip
    return go(request, "dialogue:overview")


def _edit(
    request: HttpRequest, form: forms.Form, save: Callable[[dict[str, Any]], Any], title: str,
    *, now: dict[str, Any] | None = None, last: Any = None,
) -> HttpResponse:  # fmt: skip
    """Draw a form, or save it and go back to the overview."""
    editing = Editing(form, now, last) if now is not None else None
    sent = request.method == "POST" and form.is_valid()
    if sent and (editing is None or editing.settled()):
        try:
            save(form.cleaned_data)
            messages.success(request, str(say("Saved.")))
            return go(request, "dialogue:overview")
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "title": title, "editing": editing}
    return render(request, "dialogue/edit.html", context, status=form_status(form, editing))


@page("knowledge.edit")
def intent(request: HttpRequest, pk: uuid.UUID | None = None) -> HttpResponse:
    row = _found(Intent, pk, request)
    if row is None:
        form = IntentForm(request.POST or None)
        return _edit(request, form, lambda v: services.save_intent(**v), str(say("New intent")))
    written = row.examples.filter(source="written").order_by("id")
    now = {"name": row.name, "title": row.title, "enabled": row.enabled,
           "examples": "\n".join(written.values_list("text", flat=True))}  # fmt: skip
    form = IntentForm(request.POST or None, initial=now)
    return _edit(request, form, lambda v: services.save_intent(intent=row, **v), row.title,
                 now=now, last=audit.latest_of(row, "dialogue.save_intent"))  # fmt: skip


@page("knowledge.edit")
def outside(request: HttpRequest) -> HttpResponse:
    texts = Example.objects.filter(intent=None).order_by("id").values_list("text", flat=True)
    form = OutsideForm(request.POST or None, initial={"examples": "\n".join(texts)})
    return _edit(request, form, lambda v: services.save_outside(**v), str(say("Out of scope")))


@page("knowledge.edit")
def slot(request: HttpRequest, pk: uuid.UUID | None = None) -> HttpResponse:
    row = _found(Slot, pk, request)
    if row is None:
        form = SlotForm(request.POST or None)
        return _edit(request, form, lambda v: services.save_slot(**v), str(say("New slot")))
    now = {"name": row.name, "kind": row.kind, "ask": row.ask, "values": "\n".join(row.values)}
    form = SlotForm(request.POST or None, initial=now)
    return _edit(request, form, lambda v: services.save_slot(slot=row, **v), row.name, now=now,
                 last=audit.latest_of(row, "dialogue.save_slot"))  # fmt: skip


@page("knowledge.edit")
def task(request: HttpRequest, pk: uuid.UUID | None = None) -> HttpResponse:
    row, known = _found(Task, pk, request), list(TOOLS)
    if row is None:
        form = TaskForm(request.POST or None)
        return _edit(request, form, lambda v: services.save_task(tools=known, **v),
                     str(say("New task")))  # fmt: skip
    now = {"name": row.name, "title": row.title, "intent": row.intent_id, "tool": row.tool,
           "slots": "\n".join(row.slots), "done": row.done, "enabled": row.enabled}  # fmt: skip
    form = TaskForm(request.POST or None, initial=now)
    return _edit(request, form, lambda v: services.save_task(task=row, tools=known, **v),
                 row.title, now=now, last=audit.latest_of(row, "dialogue.save_task"))  # fmt: skip


@page("knowledge.edit")
def script(request: HttpRequest, pk: uuid.UUID | None = None) -> HttpResponse:
    row = _found(Script, pk, request)
    if row is None:
        form = ScriptForm(request.POST or None)
        return _edit(request, form, lambda v: services.save_script(**v), str(say("New script")))
    now = {"name": row.name, "steps": scripts.written(row.steps), "enabled": row.enabled}
    form = ScriptForm(request.POST or None, initial=now)
    return _edit(request, form, lambda v: services.save_script(script=row, **v), row.name,
                 now=now, last=audit.latest_of(row, "dialogue.save_script"))  # fmt: skip


@require_POST
@page("knowledge.edit")
def allow(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = _found(Action, pk, request)
    if row is not None:
        services.allow_action(action=row, text=request.POST.get("text", ""),
                              allowed="allowed" in request.POST)  # fmt: skip
    return go(request, "dialogue:overview")


def _found(kind: Any, pk: uuid.UUID | None, request: HttpRequest) -> Any:
    """The row, held where it is about to be changed."""
    if pk is None:
        return None
    rows = kind.objects.filter(pk=pk)
    row = (rows.select_for_update() if request.method == "POST" else rows).first()
    if row is None:
        raise NotFound(say("There is nothing of this kind in this workspace."))
    return row
