"""Pages of the labels: the next text, how far it is, what two people see differently, accuracy."""

from __future__ import annotations

import json
import math
import tempfile
import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel.errors import AttuneError
from attune.kernel.phrases import say_many
from attune.web.downloads import download
from attune.web.forms import add_refusal
from attune.web.pages import form_status, paged
from insights.labelling import charts, importing, selectors, services
from insights.labelling.forms import TakeForm
from insights.labelling.importing import Receipt
from insights.reading.models import Reading
from tenants.pages import go, page


def _number(text: str, default: float) -> float:
    try:
        found = float(text)
    except ValueError:
        return default
    return found if math.isfinite(found) else default


@page("insights.view")
def labels(request: HttpRequest) -> HttpResponse:
    return _labels(request)


def _labels(
    request: HttpRequest, form: TakeForm | None = None, receipt: Receipt | None = None
) -> HttpResponse:
    form = form or TakeForm()
    me = request.user.pk
    found = paged(request, selectors.disputed())
    for task in found:  # who labelled it does not settle it
        task.mine = any(a.user_id == me for a in task.annotations.all())
    context = {
        "progress": selectors.progress(), "page": found, "left": selectors.undrawn(),
        "feelings": Reading.Feeling.choices, "form": form, "receipt": receipt,
    }  # fmt: skip
    return render(request, "labelling/labels.html", context, status=form_status(form))


@require_POST
@page("insights.edit")
def take(request: HttpRequest) -> HttpResponse:
    """Labels given in Label Studio."""
    form = TakeForm(request.POST, request.FILES)
    receipt = None
    if form.is_valid():
        try:
            receipt = importing.take(
                raw=form.cleaned_data["file"].read(importing.MOST_BYTES + 1),
                people=form.cleaned_data["people"], now=timezone.now(),
            )  # fmt: skip
            form = TakeForm()
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return _labels(request, form, receipt)


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
        "waiting": selectors.waiting(request.user),
        "seconds": selectors.typical_seconds(),
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
def export(request: HttpRequest) -> HttpResponseBase:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it
    for n, task in enumerate(selectors.exported()):
        file.write(("[" if n == 0 else ",\n").encode())
        file.write(json.dumps(task, ensure_ascii=False).encode())
    file.write(b"]" if file.tell() else b"[]")
    return download(file, "labels.json", "application/json")
