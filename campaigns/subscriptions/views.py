"""Topics: list with who gets them, make, change, put away."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.errors import AttuneError
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import form_status
from campaigns.subscriptions import selectors, services
from campaigns.subscriptions.forms import TopicForm
from campaigns.subscriptions.models import Topic
from tenants.pages import go, page

FIELDS = ("name", "description", "mode", "double", "public")


@page("campaigns.view")
def topics(request: HttpRequest) -> HttpResponse:
    said = selectors.counts()
    rows = [
        {"topic": row, **{state: said.get((row.key, state), 0)
                          for state in ("given", "pending", "refused")}}
        for row in selectors.topics()
    ]  # fmt: skip
    context = {"rows": rows, "form_url": selectors.sign_up_url()}
    return render(request, "subscriptions/topics.html", context)


@page("campaigns.edit")
def new(request: HttpRequest) -> HttpResponse:
    form = TopicForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.save_topic(**form.cleaned_data)
            return go(request, "subscriptions:topics")
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form}
    return render(request, "subscriptions/topic_form.html", context, status=form_status(form))


@page("campaigns.edit")
def edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row: Topic = selectors.topic(pk, lock=request.method == "POST")
    now = {name: getattr(row, name) for name in FIELDS}
    form = TopicForm(request.POST or None, initial=now)
    editing = Editing(form, now, audit.latest_of(row, "subscriptions.save_topic"))
    if request.method == "POST" and form.is_valid() and editing.settled():
        try:
            services.save_topic(topic=row, **form.cleaned_data)
            return go(request, "subscriptions:topics")
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "editing": editing, "topic": row}
    status = form_status(form, editing)
    return render(request, "subscriptions/topic_form.html", context, status=status)


@require_POST
@page("campaigns.edit")
def archive(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.archive(selectors.topic(pk))
    return go(request, "subscriptions:topics")
