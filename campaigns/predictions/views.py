"""Prediction pages: list, set-up, the model card, whom it foretells what."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.phrases import say
from attune.web.forms import add_refusal
from attune.web.pages import filters, form_status, paged
from campaigns.decisions import selectors as log
from campaigns.experiments import selectors as experiments
from campaigns.predictions import charts, explaining, measures, selectors, services, trials
from campaigns.predictions.forms import PredictionForm
from campaigns.predictions.models import Prediction
from tenants.pages import can, go, page

RUNS = 20


@page("strategy.view")
def predictions(request: HttpRequest) -> HttpResponse:
    by = filters(request, Prediction.State.values)
    found = paged(request, selectors.predictions(q=by.q, state=by.state))
    runs = selectors.newest_of(list(found))
    rows = [{"row": row, "run": runs.get(row.pk)} for row in found]
    context = {"page": found, "rows": rows, "filters": by, "metrics": log.metrics()}
    return render(request, "predictions/predictions.html", context)


@page("strategy.view")
def prediction(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The card of the newest refresh, and the refreshes before."""
    row = selectors.prediction(pk)
    runs = list(selectors.runs(row)[:RUNS])
    done = selectors.newest(row)
    card = done.card if done is not None else {}
    context = {
        "prediction": row, "runs": runs, "run": done, "card": card,
        "latest": runs[0] if runs else None,
        "calibration": charts.calibration(card), "gains": charts.gains(card),
        "over_time": charts.over_time(runs), "drivers": explaining.drivers(card),
        "auc_wide": measures.Z * card.get("auc_error", 0.0),
        "drift": explaining.drift(card), "likeliest": _people(request, row, 8),
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "results"
    name = "predictions/results.html" if part else "predictions/prediction.html"
    return render(request, name, context)


def _people(request: HttpRequest, row: Prediction, most: int) -> list[dict[str, object]]:
    if not can(request, "contacts.view"):
        return []
    personal = can(request, "contacts.view_personal")
    return [{"score": s, "reasons": explaining.reasons(s, personal=personal)}
            for s in selectors.scores(row)[:most]]  # fmt: skip


@page("contacts.view")
def people(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Everybody who was foretold, the likeliest first, each with the reasons."""
    row = selectors.prediction(pk)
    found = paged(request, selectors.scores(row))
    personal = can(request, "contacts.view_personal")
    rows = [{"score": s, "reasons": explaining.reasons(s, personal=personal)} for s in found]
    context = {"prediction": row, "page": found, "rows": rows, "personal": personal}
    return render(request, "predictions/people.html", context)


@page("strategy.edit")
def new(request: HttpRequest) -> HttpResponse:
    form = PredictionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            row = services.create(
                name=told["name"], goal=log.metric_by_key(told["goal"]), days=told["days"],
                traits=told["traits"],
            )  # fmt: skip
            return go(request, "predictions:prediction", row.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return render(request, "predictions/new.html", {"form": form}, status=form_status(form))


@require_POST
@page("strategy.edit")
def move(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Refresh now, pause, resume."""
    row, verb = selectors.prediction(pk), request.POST.get("verb", "")
    if verb == "refresh":
        services.ask(row)
    elif verb == "pause":
        services.pause(row)
    elif verb == "resume":
        services.resume(row)
    else:
        raise Invalid.one("verb", say("Choose refresh, pause or resume."))
    return go(request, "predictions:prediction", pk)


@page("strategy.view")
def uplift(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Whom an experiment's arms persuade, and whether choosing for each person pays."""
    of = experiments.experiment(pk)
    row = selectors.uplift(of)
    arms = row.results.get("arms", []) if row is not None else []
    context = {
        "experiment": of, "report": row, "job": selectors.uplift_job(of),
        "arms": [
            {**arm, "chart": charts.qini(arm), "who": [
                {**w, "title": trials.title(w["name"])} for w in arm["who"]
            ]} for arm in arms
        ],
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "results"
    return render(request, f"predictions/uplift{'_results' if part else ''}.html", context)


@require_POST
@page("strategy.edit")
def ask_uplift(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.ask_uplift(experiments.experiment(pk))
    return go(request, "predictions:uplift", pk)
