"""Pages around experiments: the planner, approval, and what was learned."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.errors import AttuneError
from attune.kernel.storable import as_uuid
from attune.web.forms import add_refusal
from attune.web.pages import form_status, paged
from campaigns.decisions import selectors as log
from campaigns.experiments import agreeing, learnings, planning, selectors
from campaigns.experiments.forms import EvidenceForm, LearningForm, PlanForm
from campaigns.segments import selectors as segments
from tenants.pages import go, page

NOBODY = uuid.UUID(int=0)


@page("experiments.view")
def plan(request: HttpRequest) -> HttpResponse:
    """How many people and days an effect takes, by what people did lately."""
    form = PlanForm(request.GET if "metric" in request.GET else None)
    context: dict[str, object] = {"form": form}
    if form.is_valid():
        asked = form.cleaned_data
        audience = segments.segment(asked["audience"]) if asked["audience"] else None
        base = planning.base_of(
            log.metric_by_key(asked["metric"]), window_days=asked["window_days"],
            now=timezone.now(), segment=audience,
        )  # fmt: skip
        context |= {
            "base": base, "lift": asked["lift"],
            "plan": planning.plan(base, lift=asked["lift"] / 100, arms=asked["arms"]),
            "helped": planning.plan(base, lift=asked["lift"] / 100, arms=asked["arms"],
                                    explained=0.3),
            "curve": planning.curve(base, arms=asked["arms"]),
        }  # fmt: skip
    return render(request, "experiments/plan.html", context, status=form_status(form))


@require_POST
@page("approval.decide")
def approve(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.experiment(pk)
    agreeing.approve(row, by_id=audit.user_id(), label=audit.actor().label)
    return go(request, "experiments:experiment", pk)


@page("experiments.view")
def learned(request: HttpRequest) -> HttpResponse:
    q = request.GET.get("q", "").strip()[:200]
    found = paged(request, learnings.learnings(q=q))
    context = {"page": found, "rows": learnings.told(list(found)), "q": q}
    return render(request, "experiments/learnings.html", context)


@page("experiments.edit")
def learn(request: HttpRequest) -> HttpResponse:
    """Write a statement down; ?experiment= speaks for it at once."""
    form = LearningForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = learnings.write(**form.cleaned_data)
            if named := as_uuid(request.GET.get("experiment", "")):
                learnings.add_evidence(learning=row, experiment=selectors.experiment(named),
                                       stance="supports")  # fmt: skip
            return go(request, "experiments:learning", row.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form}
    return render(request, "experiments/learn.html", context, status=form_status(form))


@page("experiments.view")
def learning(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = learnings.learning(pk)
    (told,) = learnings.told([row])
    context = {"told": told, "learning": row, "form": EvidenceForm()}
    return render(request, "experiments/learning.html", context)


@require_POST
@page("experiments.edit")
def weigh(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """An experiment speaks for or against a statement, or does not any more."""
    row, form = learnings.learning(pk), EvidenceForm(request.POST)
    if "drop" in request.POST:
        trial = selectors.experiment(as_uuid(request.POST["drop"]) or NOBODY)
        learnings.drop_evidence(learning=row, experiment=trial)
        return go(request, "experiments:learning", pk)
    if form.is_valid():
        try:
            learnings.add_evidence(
                learning=row, experiment=selectors.experiment(form.cleaned_data["experiment"]),
                stance=form.cleaned_data["stance"],
            )  # fmt: skip
            return go(request, "experiments:learning", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    (told,) = learnings.told([row])
    context = {"told": told, "learning": row, "form": form}
    return render(request, "experiments/learning.html", context, status=form_status(form))
