"""Experiment pages: list, set-up, what is known."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.phrases import say
from attune.web.forms import add_refusal
from attune.web.pages import filters, form_status, paged
from campaigns.content import selectors as content
from campaigns.decisions import selectors as log
from campaigns.decisions import services as decisions
from campaigns.experiments import (
    agreeing,
    beliefs,
    charts,
    checklist,
    health,
    learnings,
    selectors,
    services,
)
from campaigns.experiments.forms import ExperimentForm, MetricForm
from campaigns.experiments.models import Experiment
from tenants.pages import go, page


@page("experiments.view")
def experiments(request: HttpRequest) -> HttpResponse:
    by = filters(request, Experiment.State.values)
    found = paged(request, selectors.experiments(q=by.q, state=by.state))
    latest = selectors.latest_of(found)
    rows = [{"row": row, "latest": latest.get(row.pk)} for row in found]
    context = {"page": found, "rows": rows, "metrics": log.metrics(), "filters": by}
    return render(request, "experiments/experiments.html", context)


@page("experiments.view")
def experiment(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.experiment(pk)
    latest, history = selectors.latest(row), selectors.history(row)
    arms = services.arms_of(row)
    allocations = selectors.allocations(row)
    bandit = row.kind == Experiment.Kind.THOMPSON and bool(allocations)
    context = {
        "experiment": row,
        "arms": arms,
        "goals": log.goals(row.pk),
        "latest": latest,
        "advised": selectors.advised(latest),
        "health": health.checks(row, latest, timezone.now()) if latest else [],
        "checklist": checklist.items(row, timezone.now()) if row.state == "draft" else [],
        "approval": agreeing.approval(row) if row.state == "draft" else None,
        "learned": learnings.of_experiment(row),
        "metrics": latest.results["metrics"] if latest else [],
        "effect_chart": charts.effect_over_time(history, arms),
        "allocation_chart": charts.allocation_over_time(
            allocations, arms, until=row.stopped_at or timezone.now()
        ),
        "shares_now": allocations[-1].weights if bandit else {},
        "expected": beliefs.expected(row.prior),
        "campaigns": row.campaigns.all(),
    }
    part = request.htmx and request.headers.get("HX-Target") == "results"
    name = "experiments/results.html" if part else "experiments/experiment.html"
    return render(request, name, context)


@page("experiments.edit")
def new(request: HttpRequest) -> HttpResponse:
    asked = {
        "revisions": request.GET.getlist("text"),
        "hypothesis": request.GET.get("hypothesis", "")[:300],
    }
    form = ExperimentForm(request.POST or None, initial=asked)
    if request.method == "POST" and form.is_valid():
        try:
            row = services.create(**_plan(form.cleaned_data))
            return go(request, "experiments:experiment", row.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return render(
        request, "experiments/experiment_form.html", {"form": form}, status=form_status(form)
    )


@page("experiments.edit")
def edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Another plan for a draft, before anybody was decided for."""
    row = selectors.experiment(pk)
    form = ExperimentForm(request.POST or None, initial=ExperimentForm.initial_of(row))
    if request.method == "POST" and form.is_valid():
        try:
            services.change(experiment=row, **_plan(form.cleaned_data))
            return go(request, "experiments:experiment", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "experiment": row}
    status = form_status(form)
    return render(request, "experiments/experiment_form.html", context, status=status)


def _plan(values: dict[str, Any]) -> dict[str, Any]:
    """The form's words as the service's arguments."""
    holdout = values["holdout"] / 100
    chosen = [content.revision(pk) for pk in values["revisions"]]
    share = (1 - holdout) / len(chosen)
    arms = [
        services.ArmPlan(
            key=f"variant-{n}",
            name=str(r.asset),
            weight=share,
            revision=r,
            is_control=not holdout and n == 1,
        )
        for n, r in enumerate(chosen, start=1)
    ]
    if holdout:
        arms.insert(
            0,
            services.ArmPlan(
                key="holdout", name=str(say("No message")), weight=holdout, is_control=True
            ),
        )
    return {
        "name": values["name"],
        "hypothesis": values["hypothesis"],
        "kind": values["kind"],
        "arms": arms,
        "primary": log.metric_by_key(values["primary"]),
        "guardrails": [log.metric_by_key(k) for k in values["guardrails"]],
        "secondary": [log.metric_by_key(k) for k in values["secondary"]],
        "assigned_by": values["assigned_by"] or Experiment.By.ATTUNE,
        "criteria": values["criteria"] or Experiment.Criteria.CLEAR,
        "use_before": values["use_before"],
        "window_hours": values["window_days"] * 24,
        "target_lift": values["target_lift"] / 100,
        "floor": values["floor"] / 100,
    }


@require_POST
@page("experiments.edit")
def move(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Pause, resume, stop (with or without a winner), or look now."""
    row, verb = selectors.experiment(pk), request.POST.get("verb", "")
    if verb == "pause":
        services.pause(experiment=row)
    elif verb == "resume":
        services.resume(experiment=row)
    elif verb == "stop":
        services.stop(experiment=row, winner=request.POST.get("winner", ""))
    elif verb == "look":
        services.analyse(experiment=row, now=timezone.now())
    else:
        raise Invalid.one("verb", say("Choose pause, resume, stop or look."))
    return go(request, "experiments:experiment", pk)


@require_POST
@page("campaigns.launch")
def start(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.start(experiment=selectors.experiment(pk))
    return go(request, "experiments:experiment", pk)


@page("experiments.edit")
def metric(request: HttpRequest) -> HttpResponse:
    form = MetricForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            decisions.save_metric(**form.cleaned_data)
            return go(request, "experiments:experiments")
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return render(request, "experiments/metric_form.html", {"form": form}, status=form_status(form))
