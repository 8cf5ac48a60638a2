"""Campaign pages: list, set-up, progress, the outbox; endpoints."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel.errors import AttuneError
from attune.web.forms import add_refusal
from attune.web.pages import paged
from campaigns.delivery import email, selectors, sending, services
from campaigns.delivery.forms import CampaignForm, EndpointForm
from campaigns.delivery.models import Send
from campaigns.experiments import selectors as experiments
from campaigns.experiments import services as experiment_services
from campaigns.segments import selectors as segments
from tenants.pages import can, go, page


@page("campaigns.view")
def campaigns(request: HttpRequest) -> HttpResponse:
    return render(
        request, "delivery/campaigns.html", {"page": paged(request, selectors.campaigns())}
    )


@page("campaigns.view")
def campaign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.campaign(pk)
    counts = services.counts(row)
    personal = can(request, "sends.view")
    context = {
        "campaign": row,
        "counts": sorted(counts.items()),
        "total": sum(counts.values()),
        "arms": experiment_services.arms_of(row.experiment),
        "latest": experiments.latest(row.experiment),
        "preflight": services.preflight(row) if row.state == "draft" else None,
        "sends": selectors.sends(pk)[:20] if personal else [],
    }
    part = request.htmx and request.headers.get("HX-Target") == "progress"
    return render(request, "delivery/progress.html" if part else "delivery/campaign.html", context)


@page("campaigns.edit")
def new(request: HttpRequest) -> HttpResponse:
    form = CampaignForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        endpoint = selectors.endpoints().filter(pk=values["endpoint"] or None).first()
        try:
            row = services.create(
                name=values["name"], via=values["via"],
                audience=segments.segment(values["audience"]),
                experiment=experiments.experiment(values["experiment"]), endpoint=endpoint,
            )  # fmt: skip
            return go(request, "delivery_pages:campaign", row.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return render(request, "delivery/campaign_form.html", {"form": form})


@require_POST
@page("campaigns.launch")
def move(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row, verb = selectors.campaign(pk), request.POST.get("verb", "")
    if verb == "launch":
        services.launch(campaign=row)
    else:
        services.move(campaign=row, verb=verb)
    return go(request, "delivery_pages:campaign", pk)


@page("sends.view")
def outbox(request: HttpRequest) -> HttpResponse:
    """Every message that left, newest first."""
    rows = selectors.sends()
    state = request.GET.get("state", "")
    if state in Send.State.values:
        rows = rows.filter(state=state)
    context = {"page": paged(request, rows), "state": state, "states": Send.State.values}
    return render(request, "delivery/outbox.html", context)


@page("sends.view")
def message(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The exact copy that this person received, with its headers."""
    send = selectors.send(pk)
    envelope = sending.envelope_of(send)
    context = {
        "send": send, "envelope": envelope, "headers": email.headers(envelope),
        "target": sending.target_of(send),
    }  # fmt: skip
    return render(request, "delivery/message.html", context)


@page("webhooks.manage")
def endpoints(request: HttpRequest) -> HttpResponse:
    form = EndpointForm(request.POST or None)
    secret = ""
    if request.method == "POST" and form.is_valid():
        try:
            _, secret = services.create_endpoint(**form.cleaned_data)
            form = EndpointForm()
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "secret": secret, "page": paged(request, selectors.endpoints())}
    return render(request, "delivery/endpoints.html", context)


@page("campaigns.view")
def suppressions(request: HttpRequest) -> HttpResponse:
    context = {"page": paged(request, selectors.suppressions())}
    return render(request, "delivery/suppressions.html", context)
