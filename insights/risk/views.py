"""Pages of risks: the board, a risk with its people, and what a campaign may lose."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.phrases import say
from attune.web.forms import add_refusal
from attune.web.pages import filters, form_status, paged
from campaigns.decisions import selectors as log
from campaigns.delivery import selectors as delivery
from campaigns.predictions import charts as prediction_charts
from campaigns.predictions import explaining as predictions
from insights.risk import campaigns, charts, explaining, returns, selectors, services
from insights.risk.forms import OutlookForm, RiskForm
from insights.risk.models import Risk, RiskScore
from tenants.pages import can, go, page

RUNS, SHOWN = 30, 10


@page("insights.view")
def board(request: HttpRequest) -> HttpResponse:
    by = filters(request, Risk.State.values)
    found = paged(request, selectors.risks(q=by.q, state=by.state))
    runs = selectors.newest_of(list(found))
    context = {
        "page": found, "filters": by, "metrics": log.metrics(),
        "rows": [{"row": row, "run": runs.get(row.pk)} for row in found],
    }  # fmt: skip
    return render(request, "risk/board.html", context)


@page("insights.edit")
def new(request: HttpRequest) -> HttpResponse:
    form = RiskForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            goal = log.metric_by_key(told["goal"])
            row = services.create(name=told["name"], goal=goal, days=told["days"])
            return go(request, "risk:risk", row.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "metrics": log.metrics()}
    return render(request, "risk/new.html", context, status=form_status(form))


@page("insights.view")
def risk(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Who may be lost by risk and worth, what may be done, and what the numbers are worth."""
    row = selectors.risk(pk)
    runs = list(selectors.runs(row)[:RUNS])
    done = selectors.newest(row)
    card = done.card if done is not None else {}
    context = {
        "risk": row, "runs": runs, "run": done, "card": card, "latest": runs[0] if runs else None,
        "matrix": explaining.matrix(selectors.cells(row)) if done else [],
        "levels": explaining.LEVELS, "actions": selectors.by_action(row),
        "ways": explaining.ways(card), "drivers": predictions.drivers(card),
        "calibration": prediction_charts.calibration(card),
        "gains": prediction_charts.gains(card), "over_time": charts.over_time(runs),
        "most": _people(request, selectors.scores(row)[:SHOWN]),
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "results"
    return render(request, f"risk/{'results' if part else 'risk'}.html", context)


def _people(request: HttpRequest, rows: Any) -> list[dict[str, Any]]:
    if not can(request, "contacts.view"):
        return []
    return [{"score": s, "reasons": explaining.reasons(s)} for s in rows]


@page("contacts.view")
def people(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Everybody of a level, a worth or an action, each with the reasons."""
    row = selectors.risk(pk)
    asked = {name: request.GET.get(name, "") for name in ("risk", "worth", "action", "order")}
    found = paged(request, selectors.scores(
        row, risk_level=asked["risk"], worth=asked["worth"], action=asked["action"],
        order=asked["order"],
    ))  # fmt: skip
    context = {
        "risk": row, "page": found, "rows": _people(request, found), "asked": asked,
        "levels": explaining.LEVELS, "actions": RiskScore.Action.choices,
        "orders": explaining.ORDERS, "personal": can(request, "contacts.view_personal"),
    }  # fmt: skip
    return render(request, "risk/people.html", context)


@require_POST
@page("insights.edit")
def move(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Refresh now, pause, resume, remove."""
    row, verb = selectors.risk(pk), request.POST.get("verb", "")
    if verb == "remove":
        services.remove(row)
        return go(request, "risk:board")
    if verb == "refresh":
        services.ask(row)
    elif verb == "pause":
        services.pause(row)
    elif verb == "resume":
        services.resume(row)
    else:
        raise Invalid.one("verb", say("Choose refresh, pause, resume or remove."))
    return go(request, "risk:risk", pk)


@require_POST
@page("segments.edit")
def win_back(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    made = services.win_back(selectors.risk(pk))
    return go(request, "segments:segment", made.pk)


@page("insights.view")
def campaign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What a campaign may bring or lose, by what earlier ones brought beside their control."""
    of = delivery.campaign(pk)
    lines = campaigns.past(of)
    question = campaigns.usual(of)
    form = OutlookForm(request.GET if "people" in request.GET else None,
                       initial=explaining.initial(question))  # fmt: skip
    if form.is_bound and form.is_valid():
        try:
            question = campaigns.checked(form.cleaned_data)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    sound = not form.is_bound or form.is_valid()
    found = campaigns.answer(question, lines) if sound else None
    context = {
        "campaign": of, "form": form, "lines": lines, "question": question, "outlook": found,
        "told": explaining.outlook(found, question) if found is not None else None,
        "measured": sum(line.effect is not None for line in lines),
        "break_even": returns.break_even(question.plan), "sound": sound,
        "chart": charts.net(found, request.member.currency) if found is not None else None,
    }  # fmt: skip
    return render(request, "risk/campaign.html", context, status=form_status(form))
