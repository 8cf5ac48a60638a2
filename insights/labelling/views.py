"""Pages of the labels: the next text, how far it is, what two people see differently, accuracy."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel.phrases import say_many
from attune.web.pages import paged
from insights.labelling import charts, selectors, services
from insights.reading.models import Reading
from tenants.pages import go, page


def _number(text: str, default: float) -> float:
    try:
        return float(text)
    except ValueError:
        return default


@page("insights.view")
def labels(request: HttpRequest) -> HttpResponse:
    context = {
        "progress": selectors.progress(), "page": paged(request, selectors.disputed()),
        "feelings": Reading.Feeling.choices,
    }  # fmt: skip
    return render(request, "labelling/labels.html", context)


@require_POST
@page("insights.edit")
def draw(request: HttpRequest) -> HttpResponse:
    n = services.draw(n=int(_number(request.POST.get("n", ""), 0)), now=timezone.now())
    told = say_many("%(n)s text waits to be labelled.", "%(n)s texts wait to be labelled.", n=n)
    messages.success(request, str(told))
    return go(request, "labelling:labels")


@page("insights.edit")
def queue(request: HttpRequest) -> HttpResponse:
    """The next text for this person."""
    row = selectors.next_task(request.user)
    context = {
        "task": row,
        "feelings": Reading.Feeling.choices,
        "now": timezone.now().timestamp(),
        "progress": selectors.progress(),
    }
    return render(request, "labelling/queue.html", context)


@require_POST
@page("insights.edit")
def label(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    began = _number(request.POST.get("began", ""), timezone.now().timestamp())
    services.label(
        task_id=pk, user=request.user, feeling=request.POST.get("feeling", ""),
        seconds=timezone.now().timestamp() - began, now=timezone.now(),
    )  # fmt: skip
    return go(request, "labelling:queue")


@require_POST
@page("insights.edit")
def settle(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.settle(
        task=selectors.task(pk, lock=True), user=request.user,
        feeling=request.POST.get("feeling", ""), now=timezone.now(),
    )  # fmt: skip
    return go(request, "labelling:labels")


@page("insights.view")
def accuracy(request: HttpRequest) -> HttpResponse:
    random, unsure = selectors.accuracy()
    months = selectors.by_month()
    names = dict(Reading.Feeling.choices)
    context = {
        "random": random, "unsure": unsure, "months": months, "chart": charts.accuracy(months),
        "drift": selectors.drift(timezone.now()), "names": names,
        "scores": [(names[s.label], s) for s in random.scores],
        "table": [
            (names[model], [random.confusion[model, gold] for gold in Reading.Feeling.values])
            for model in Reading.Feeling.values
        ],
    }  # fmt: skip
    return render(request, "labelling/accuracy.html", context)


@page("insights.edit")
def export(request: HttpRequest) -> HttpResponse:
    answer = JsonResponse(
        selectors.exported(), safe=False, json_dumps_params={"ensure_ascii": False}
    )
    answer["Content-Disposition"] = 'attachment; filename="labels.json"'
    return answer
