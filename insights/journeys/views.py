"""Pages of the journeys: what was asked, and the way people take."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.errors import AttuneError
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import form_status
from insights.journeys import charts, loading, selectors, services
from insights.journeys.forms import JourneyForm
from insights.journeys.models import Journey
from tenants.pages import go, page


@page("insights.view")
def journeys(request: HttpRequest) -> HttpResponse:
    part = request.htmx and request.headers.get("HX-Target") == "journeys"
    template = f"journeys/{'list' if part else 'journeys'}.html"
    return render(request, template, {"rows": selectors.journeys()[:200]})


@page("insights.edit")
def new(request: HttpRequest) -> HttpResponse:
    return _edit(request, None)


@page("insights.edit")
def edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _edit(request, selectors.journey(pk, lock=request.method == "POST"))


def _edit(request: HttpRequest, row: Journey | None) -> HttpResponse:
    names = ("name", "goal", "days", "lookback")
    now = {name: getattr(row, name) for name in names} | {"segment": row.segment_id} if row else {}
    events = list(loading.names(timezone.now() - timedelta(days=365), most=5_000))
    known = [*(name for name, _ in events), *loading.UNNAMED]
    form = JourneyForm(request.POST or None, initial=now, events=known)
    editing = Editing(form, now, audit.latest_of(row, "insights.save_journey")) if row else None
    if request.method == "POST" and form.is_valid() and (editing is None or editing.settled()):
        try:
            saved = services.save(journey=row, **form.cleaned_data)
            return go(request, "journeys:journey", saved.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "journey": row, "events": events[:200], "editing": editing}
    return render(request, "journeys/edit.html", context, status=form_status(form, editing))


@page("insights.view")
def journey(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.journey(pk)
    found = row.found
    context = {
        "journey": row, "found": found, "busy": row.state == "waiting",
        "flow": charts.flow(found, row.goal), "credit": charts.credit(found),
        "rules": charts.RULE_NAMES.items(),
        "stages": [{**s, "time": charts.duration(s["seconds"])} for s in found.get("stages", [])],
        "paths": [{**p, "time": charts.duration(p["seconds"])} for p in found.get("paths", [])],
        "typical": charts.duration(found.get("seconds")),
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "journey"
    return render(request, f"journeys/{'journey_body' if part else 'journey'}.html", context)


@require_POST
@page("insights.edit")
def mine(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.request_mining(journey=selectors.journey(pk))
    return go(request, "journeys:journey", pk)


@require_POST
@page("insights.edit")
def remove(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.remove(journey=selectors.journey(pk))
    return go(request, "journeys:journeys")
