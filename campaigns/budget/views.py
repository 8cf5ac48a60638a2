"""Budget pages: what the money brings, whether that can be believed, plans and their ledger."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel.errors import AttuneError, Conflict, Invalid
from attune.kernel.phrases import Phrase, restored, say
from attune.web.forms import add_refusal
from attune.web.pages import form_status, paged
from campaigns.budget import charts, selectors, services
from campaigns.budget.forms import LiftForm, MixForm, PlanForm, SpendForm
from campaigns.budget.models import BudgetPlan, Mix, MixDay, MixFit
from campaigns.decisions import selectors as log
from campaigns.experiments import selectors as experiments
from tenants.pages import go, page

SCENARIOS: dict[str, Phrase] = {
    "now": say("As now"), "advised": say("Advised"), "half": say("Half of the way")
}  # fmt: skip


@page("strategy.view")
def budgets(request: HttpRequest) -> HttpResponse:
    found = paged(request, selectors.mixes())
    fits = selectors.newest_of(list(found))
    rows = [{"row": row, "fit": fits.get(row.pk)} for row in found]
    context = {"page": found, "rows": rows, "metrics": log.metrics()}
    return render(request, "budget/budgets.html", context)


@page("strategy.edit")
def new(request: HttpRequest) -> HttpResponse:
    form = MixForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            row = services.create(name=told["name"], outcome=log.metric_by_key(told["outcome"]))
            return go(request, "budget:budget", row.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "metrics": log.metrics()}
    return render(request, "budget/new.html", context, status=form_status(form))


@page("strategy.view")
def budget(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _budget(request, selectors.mix(pk), SpendForm())


def _budget(request: HttpRequest, row: Mix, spend: SpendForm) -> HttpResponse:
    fit = selectors.newest(row)
    results = fit.results if fit is not None and fit.results else None
    context = {
        "mix": row, "fit": fit, "results": results, "spend_form": spend,
        "findings": _findings(fit), "channels": _channels(fit, results),
        "history": charts.history(results) if results else None,
        "parts": charts.parts(results) if results else None,
        "lifts": selectors.lifts(row), "plans": [_ledger(p) for p in selectors.plans(row)[:20]],
        "days": MixDay.objects.filter(mix=row).count(), "stored": selectors.stored(row),
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "results"
    name = "budget/results.html" if part else "budget/budget.html"
    return render(request, name, context, status=form_status(spend))


def _findings(fit: MixFit | None) -> list[dict[str, Any]]:
    order = {"refuse": 0, "hold": 1, "warn": 2}
    rows = [{**f, "what": restored(f["what"])} for f in (fit.findings if fit else [])]
    return sorted(rows, key=lambda f: order[f["level"]])


def _channels(fit: MixFit | None, results: dict[str, Any] | None) -> list[dict[str, Any]]:
    if fit is None or results is None:
        return []
    held = services.held_by(fit)
    return [{**c, "held": c["name"] in held, "chart": charts.curve(c), "number": n}
            for n, c in enumerate(results["channels"])]  # fmt: skip


def _ledger(row: BudgetPlan) -> dict[str, Any]:
    """What was advised, what was done, what happened."""
    chosen = next((s for s in row.scenarios if s["key"] == row.adopted), None)
    return {"row": row, "chosen": chosen, "name": SCENARIOS.get(row.adopted, ""),
            "spent": sum(row.spent.values()) if row.spent else None}  # fmt: skip


@require_POST
@page("strategy.edit")
def bring_in(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row, form = selectors.mix(pk), SpendForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            services.bring_in(row, form.cleaned_data["file"])
            return go(request, "budget:budget", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return _budget(request, row, form)


@require_POST
@page("strategy.edit")
def remove_channel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.remove_channel(selectors.mix(pk), request.POST.get("channel", ""))
    return go(request, "budget:budget", pk)


@require_POST
@page("strategy.edit")
def fit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.ask(selectors.mix(pk))
    return go(request, "budget:budget", pk)


@page("strategy.edit")
def lift(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Hold the model to what an experiment found."""
    row = selectors.mix(pk)
    form = LiftForm(request.POST or None, channels=selectors.channels(row))
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            if told["experiment"]:
                of = experiments.experiment(told["experiment"])
                services.take_lift(row, of, told["channel"], timezone.now())
            else:
                services.add_lift(row, channel=told["channel"], since=told["since"],
                                  until=told["until"], outcome=told["outcome"],
                                  error=told["error"])  # fmt: skip
            return go(request, "budget:budget", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "mix": row}
    return render(request, "budget/lift.html", context, status=form_status(form))


@require_POST
@page("strategy.edit")
def remove_lift(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.lift(pk)
    services.remove_lift(row)
    return go(request, "budget:budget", row.mix_id)


@page("strategy.edit")
def new_plan(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.mix(pk)
    known = selectors.usable(row)
    if known is None:
        raise Conflict(say("No advice: there is no fit that may be believed."))
    today = timezone.now().date()
    held = services.held_by(known)
    form = PlanForm(request.POST or None, fit=known, held=held, today=today)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            made = services.plan(
                row, name=told["name"], starts=told["starts"], weeks=told["weeks"],
                total=told["total"], limits=form.limits(), today=today,
            )  # fmt: skip
            return go(request, "budget:plan", made.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "mix": row, "held": sorted(held)}
    return render(request, "budget/plan_form.html", context, status=form_status(form))


@page("strategy.view")
def plan(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.plan(pk)
    names = row.fit.curves["channels"]
    context = {
        "plan": row, "mix": row.mix, "channels": names, "ledger": _ledger(row),
        "scenarios": [
            {**s, "name": SCENARIOS[s["key"]], "split": list(zip(names, s["spend"], strict=True))}
            for s in row.scenarios
        ],
        "table": [
            {"channel": name, "spend": [s["spend"][c] for s in row.scenarios],
             "limits": row.limits.get(name), "spent": row.spent.get(name)}
            for c, name in enumerate(names)
        ],
    }  # fmt: skip
    return render(request, "budget/plan.html", context)


@require_POST
@page("strategy.launch")
def decide(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Adopt a scenario, drop the plan, or close it now."""
    row, verb = selectors.plan(pk), request.POST.get("verb", "")
    if verb == "adopt":
        services.adopt(row, request.POST.get("key", ""))
    elif verb == "drop":
        services.drop(row)
    elif verb == "close":
        services.close(row, timezone.now().date())
    else:
        raise Invalid.one("verb", say("Choose adopt, drop or close."))
    return go(request, "budget:plan", pk)
