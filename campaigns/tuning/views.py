"""The models page: who writes, what it learned from, how it did, and the way back."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel import audit, jobs
from attune.kernel.errors import AttuneError, Conflict, NotFound
from attune.kernel.phrases import say, say_many, word
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import form_status
from campaigns.content.models import Channel, Revision
from campaigns.generators import meter, registry, servers
from campaigns.generators.models import ModelServer, Usage
from campaigns.tuning import charts, selectors, services
from campaigns.tuning.forms import CapsForm, ForgetForm, ServerForm
from campaigns.tuning.models import LessonItem
from tenants.pages import go, page

MOVES = ("shadow", "canary", "go_live", "retire", "revoke")


@page("models.view")
def models(request: HttpRequest) -> HttpResponse:
    live_one, trial = registry.writers()
    rows = registry.versions()
    context = {
        "versions": rows,
        "live": live_one,
        "trial": trial,
        "base": settings.MODEL_NAME,
        "month": meter.month(),
        "exclusions": selectors.exclusions()[:10],
    }
    part = request.htmx and request.headers.get("HX-Target") == "versions"
    return render(request, "tuning/versions.html" if part else "tuning/models.html", context)


@page("models.view")
def evidence(request: HttpRequest) -> HttpResponse:
    """What a training would see now, and what the gate says of it: asked for beside the page."""
    known, verdict = services.state_of_evidence(timezone.now())
    context = {
        "evidence": known,
        "sources": [
            (dict(LessonItem.Source.choices)[source], n) for source, n in known.by_source.items()
        ],
        "verdict": verdict,
        "contradictions": services.contradictions(known),
        "training": registry.by_state("training"),
    }
    return render(request, "tuning/evidence.html", context)


@require_POST
@page("models.train")
def train(request: HttpRequest) -> HttpResponse:
    row = services.request_training(
        base=settings.MODEL_NAME, author_id=request.user.pk, now=timezone.now()
    )
    return go(request, "tuning:version", row.pk)


@page("models.view")
def version(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = registry.version(pk)
    verbs = [v for v in registry.VERSION.verbs_from(row.state) if v in MOVES]
    context = {
        "version": row,
        "curve": charts.learning_curve(row.results.get("curve", [])),
        "channels": [(Channel(key).label, n) for key, n in row.card.get("channels", {}).items()],
        "samples": row.results.get("samples", []),
        "items": selectors.items_by_source(row.pk),
        "verbs": verbs,
        "shadow": selectors.shadow_runs(row.pk),
        "trials": selectors.live_tests(row.pk),
        "arms": selectors.ready_to_test(row.pk) if row.state in {"canary", "live"} else [],
        "made": selectors.made_by(row.pk),
    }
    part = request.htmx and request.headers.get("HX-Target") == "version"
    return render(request, "tuning/version_body.html" if part else "tuning/version.html", context)


@require_POST
@page("models.manage")
def move(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One step of a version: shadow, canary, live, retired, revoked."""
    row = registry.version(pk)
    verb = request.POST.get("verb", "")
    if verb not in MOVES:
        raise Conflict(say("This is not a step of a model version."))
    registry.move(row=row, verb=verb)
    messages.success(request, str(say("%(version)s: %(state)s.", version=row,
                                      state=word(registry.version(pk).state))))  # fmt: skip
    return go(request, "tuning:version", pk)


@require_POST
@page("models.manage")
def roll_back(request: HttpRequest) -> HttpResponse:
    previous = registry.roll_back()
    told = (
        say("%(version)s writes again.", version=previous)
        if previous
        else say("The base model writes again.")
    )
    messages.success(request, str(told))
    return go(request, "tuning:models")


@require_POST
@page("models.train")
def cancel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = registry.version(pk)
    if row.job is not None and row.state == "training":
        jobs.cancel(row.job)
    return go(request, "tuning:version", pk)


@page("models.manage")
def forget(request: HttpRequest) -> HttpResponse:
    """Take a text out of all learning; the versions that saw it are marked."""
    form = ForgetForm(request.POST or None)
    found: list[Revision] = []
    if request.method == "POST" and form.is_valid() and "sure" not in request.POST:
        found = services.holding(form.cleaned_data["words"].strip())
    if request.method == "POST" and form.is_valid() and not found:
        try:
            texts, marked = services.forget_words(**form.cleaned_data)
        except AttuneError as refusal:
            add_refusal(form, refusal)
        else:
            told = say(
                "%(texts)s taken out of learning; %(versions)s marked.",
                texts=say_many("%(n)s text", "%(n)s texts", n=texts),
                versions=say_many("%(n)s version", "%(n)s versions", n=marked),
            )
            messages.success(request, str(told))
            return go(request, "tuning:models")
    context = {"form": form, "found": found[:20], "n": len(found)}
    return render(request, "tuning/forget.html", context, status=form_status(form))


@page("models.manage")
def usage(request: HttpRequest) -> HttpResponse:
    """The meter, the caps, and the servers of others."""
    row = meter.settings_of(lock=request.method == "POST")
    now = {"tokens_a_month": row.tokens_a_month, "money_a_month": row.cents_a_month / 100,
           "canary_share": round(row.canary_share * 100),
           "profile_fields": "\n".join(row.profile_fields)}  # fmt: skip
    form = CapsForm(request.POST or None, initial=now)
    editing = Editing(form, now, audit.latest_of(row, "generators.save_caps"))
    if request.method == "POST" and form.is_valid() and editing.settled():
        try:
            meter.save_caps(**form.values())
            messages.success(request, str(say("Saved.")))
            return go(request, "tuning:usage")
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context: dict[str, Any] = {
        "form": form, "editing": editing, "month": meter.month(),
        "days": Usage.objects.order_by("-day", "task", "model")[:60],
        "chart": charts.usage_by_day(list(Usage.objects.order_by("-day")[:400])),
        "servers": servers.servers(),
    }  # fmt: skip
    return render(request, "tuning/usage.html", context, status=form_status(form, editing))


@page("models.manage")
def server(request: HttpRequest, pk: uuid.UUID | None = None) -> HttpResponse:
    """Choose an OpenAI-compatible server for a task; its key is shown to nobody again."""
    row = _server(pk) if pk else None
    initial = {}
    if row is not None:
        initial = {"task": row.task, "base_url": row.base_url, "model": row.model,
                   "seconds": row.seconds, "retries": row.retries, "enabled": row.enabled,
                   "price_in": row.cents_per_million_in / 100,
                   "price_out": row.cents_per_million_out / 100}  # fmt: skip
    form = ServerForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            servers.save_server(**form.values(), server=row)
            return go(request, "tuning:usage")
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "server": row}
    return render(request, "tuning/server.html", context, status=form_status(form))


def _server(pk: uuid.UUID) -> ModelServer:
    row = ModelServer.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such server in this workspace."))
    return row


@require_POST
@page("models.manage")
def remove_server(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    servers.remove_server(row=_server(pk))
    messages.success(request, str(say("Our own model does this task again.")))
    return go(request, "tuning:usage")
