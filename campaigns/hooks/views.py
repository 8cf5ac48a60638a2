"""Endpoints: list, make, change, their deliveries with every attempt, replay, on and off."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.phrases import say, say_many
from attune.web.forms import add_refusal
from attune.web.pages import form_status, paged
from campaigns.delivery import endpoints as keeping
from campaigns.delivery import selectors as delivery
from campaigns.hooks import selectors, services, types
from campaigns.hooks.forms import EndpointForm
from campaigns.hooks.models import WebhookDelivery
from tenants.pages import can, go, page


@page("webhooks.manage")
def endpoints(request: HttpRequest) -> HttpResponse:
    found = paged(request, delivery.endpoints())
    counts = selectors.counts(list(found))
    context = {"page": found, "rows": [(row, counts[row.pk]) for row in found]}
    return render(request, "hooks/endpoints.html", context)


def _form(request: HttpRequest, **options: Any) -> EndpointForm:
    names = can(request, "contacts.view_personal")
    return EndpointForm(request.POST or None, names=names, **options)


@page("webhooks.manage")
def new(request: HttpRequest) -> HttpResponse:
    form, secret, made = _form(request), "", None
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = keeping.create(**form.cleaned_data)
            services.hearing.forget()
        except AttuneError as refusal:
            add_refusal(form, refusal)
    if made is not None:
        return render(request, "hooks/secret.html", {"endpoint": made, "secret": secret})
    return render(request, "hooks/form.html", {"form": form}, status=form_status(form))


@page("webhooks.manage")
def endpoint(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Its deliveries, the newest first."""
    row = delivery.endpoint(pk)
    state = request.GET.get("state", "")
    state = state if state in {*WebhookDelivery.State.values, selectors.RETRIED} else ""
    context = {
        "endpoint": row, "page": paged(request, selectors.deliveries(row, state=state)),
        "counts": selectors.counts([row])[row.pk], "state": state,
        "states": WebhookDelivery.State.choices, "failing": selectors.failing(row),
    }  # fmt: skip
    return render(request, "hooks/endpoint.html", context)


@page("webhooks.manage")
def edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = delivery.endpoint(pk, lock=request.method == "POST")
    now = {"name": row.name, "url": row.url, "types": row.types,
           "event_names": "\n".join(row.event_names)}  # fmt: skip
    form = _form(request, initial=now)
    if request.method == "POST" and form.is_valid():
        try:
            keeping.change(endpoint=row, **form.cleaned_data)
            services.hearing.forget()
            return go(request, "hooks:endpoint", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "endpoint": row}
    return render(request, "hooks/form.html", context, status=form_status(form))


@page("webhooks.manage")
def attempt(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One delivery: what it says and every attempt."""
    row = selectors.delivery(pk)
    body = json.dumps(row.payload, indent=2, ensure_ascii=False)
    if row.type == types.TRACKED and not can(request, "contacts.view_personal"):
        body = str(types.NAMES_IN_IT)
    context = {"delivery": row, "endpoint": row.endpoint, "body": body}
    return render(request, "hooks/delivery.html", context)


@require_POST
@page("webhooks.manage")
def replay(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.replay(delivery=selectors.delivery(pk))
    return go(request, "hooks:attempt", pk)


@require_POST
@page("webhooks.manage")
def move(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Test, replay what failed, switch on or off, or give it a new secret."""
    row, verb = delivery.endpoint(pk, lock=True), request.POST.get("verb", "")
    if verb == "test":
        services.try_out(endpoint=row)
    elif verb == "replay":
        n = services.replay_failed(endpoint=row)
        messages.success(request, str(say_many("%(n)s delivery goes out again.",
                                               "%(n)s deliveries go out again.", n=n)))  # fmt: skip
    elif verb == "on":
        services.switch_on(endpoint=row)
    elif verb == "off":
        services.switch_off(endpoint=row)
    elif verb == "rotate":
        secret = keeping.rotate(endpoint=row)
        return render(request, "hooks/secret.html", {"endpoint": row, "secret": secret})
    else:
        raise Invalid.one("verb", say("Choose test, replay, on, off or rotate."))
    return go(request, "hooks:endpoint", pk)
