"""Campaign pages: list, set-up, progress, the outbox; endpoints."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.phrases import restored
from attune.kernel.storable import as_uuid
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import filters, form_status, paged
from campaigns.delivery import (
    email,
    planning,
    preflight,
    reach,
    revising,
    selectors,
    sending,
    services,
)
from campaigns.delivery.forms import CampaignForm, ScheduleForm
from campaigns.delivery.models import Campaign, Send
from campaigns.experiments import selectors as experiments
from campaigns.experiments import services as experiment_services
from campaigns.layouts import selectors as layouts
from campaigns.segments import selectors as segments
from campaigns.strategy import selectors as strategy
from campaigns.subscriptions import selectors as subscriptions
from tenants.pages import can, go, page


@page("campaigns.view")
def campaigns(request: HttpRequest) -> HttpResponse:
    by = filters(request, Campaign.State.values)
    found = paged(request, selectors.campaigns(q=by.q, state=by.state))
    return render(request, "delivery/campaigns.html", {"page": found, "filters": by})


@page("campaigns.view")
def campaign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.campaign(pk)
    if row.by_journey:
        return go(request, "automations:of-campaign", pk)
    return _campaign(request, row, ScheduleForm())


def _campaign(request: HttpRequest, row: Campaign, form: ScheduleForm) -> HttpResponse:
    counts = services.counts(row)
    arms = experiment_services.arms_of(row.experiment) if row.experiment else []
    waits = row.state in {"draft", "scheduled"}
    personal = can(request, "sends.view")
    context = {
        "campaign": row,
        "counts": sorted(counts.items()),
        "total": sum(counts.values()),
        "arms": arms,
        "arm_names": {arm.key: arm.name for arm in arms},
        "latest": experiments.latest(row.experiment) if row.experiment else None,
        "shown": selectors.shown(row) if row.standing else [],
        "visit": selectors.visit_of(row),
        "preflight": preflight.of(row) if waits else None,
        "sends": selectors.sends(row.pk)[:20] if personal else [],
        "schedule": form,
        "edited": revising.edited(row),
        "versions": [
            (v, [restored(c) for c in v.changes])
            for v in (revising.versions(row) if row.version > 1 else [])
        ],
    }
    part = request.htmx and request.headers.get("HX-Target") == "progress"
    name = "delivery/progress.html" if part else "delivery/campaign.html"
    return render(request, name, context, status=form_status(form))


def _values(form: CampaignForm) -> dict[str, Any]:
    values = form.cleaned_data
    return {
        "name": values["name"],
        "via": values["via"],
        "audience": segments.segment(values["audience"]),
        "experiment": experiments.experiment(values["experiment"])
        if values["experiment"]
        else None,
        "policy": strategy.policy(values["policy"]) if values["policy"] else None,
        "endpoint": selectors.endpoints().filter(pk=values["endpoint"] or None).first(),
        "topic": subscriptions.topic(values["topic"]) if values["topic"] else None,
        "template": layouts.version(values["template"]) if values["template"] else None,
        "local_time": values["local_time"],
        "per_hour": values["per_hour"],
    }


@page("campaigns.view")
def month(request: HttpRequest) -> HttpResponse:
    """Launches of a month, past and planned."""
    today = timezone.localdate()
    first = planning.month_of(request.GET.get("month", ""), today)
    drafts = selectors.campaigns().filter(state=Campaign.State.DRAFT)[:50]
    context = {"month": planning.month(first, today), "drafts": drafts}
    return render(request, "delivery/calendar.html", context)


@page("campaigns.edit")
def edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Change a draft."""
    row = selectors.campaign(pk, lock=request.method == "POST")
    now = {
        "name": row.name, "via": row.via, "audience": str(row.audience_id),
        "experiment": str(row.experiment_id or ""), "policy": str(row.policy_id or ""),
        "endpoint": str(row.endpoint_id or ""), "topic": str(row.topic_id or ""),
        "local_time": row.local_time, "per_hour": row.per_hour,
        "template": str(row.template_id or ""),
    }  # fmt: skip
    form = CampaignForm(request.POST or None, initial=now, own=row)
    editing = Editing(form, now, audit.latest_of(row, "campaigns.change"))
    if request.method == "POST" and form.is_valid() and editing.settled():
        try:
            services.change(campaign=row, **_values(form))
            return go(request, "delivery_pages:campaign", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "editing": editing, "campaign": row}
    status = form_status(form, editing)
    return render(request, "delivery/campaign_form.html", context, status=status)


@page("campaigns.edit")
def new(request: HttpRequest) -> HttpResponse:
    given = {name: request.GET.get(name) for name in ("experiment", "policy", "audience", "name")}
    form = CampaignForm(request.POST or None, initial=given)
    if request.method == "POST" and form.is_valid():
        try:
            row = services.create(**_values(form))
            return go(request, "delivery_pages:campaign", row.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return render(request, "delivery/campaign_form.html", {"form": form}, status=form_status(form))


@page("campaigns.view")
def audience_reach(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """How many of the audience can be written to, as a fragment: it counts the whole audience."""
    return render(request, "delivery/reach.html", {"reach": reach.of(selectors.campaign(pk))})


@require_POST
@page("campaigns.launch")
def move(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Launch, schedule, take the time back, pause, resume, end or cancel."""
    row, verb = selectors.campaign(pk), request.POST.get("verb", "")
    if verb == "schedule":
        form = ScheduleForm(request.POST)
        if not form.is_valid():
            return _campaign(request, row, form)
        try:
            planning.schedule(campaign=row, at=form.cleaned_data["at"], by_id=request.user.pk)
        except Invalid as refusal:
            add_refusal(form, refusal)
            return _campaign(request, row, form)
    elif verb == "unschedule":
        planning.unschedule(campaign=row)
    elif verb == "launch":
        services.launch(campaign=row, seen=request.POST.get("seen", ""))
    else:
        services.move(campaign=row, verb=verb)
    return go(request, "delivery_pages:campaign", pk)


@page("sends.view")
def outbox(request: HttpRequest) -> HttpResponse:
    """Every message that left, newest first."""
    campaign = as_uuid(request.GET.get("campaign", ""))
    rows = selectors.sends(campaign)
    state = request.GET.get("state", "")
    if state in Send.State.values:
        rows = rows.filter(state=state)
    context = {
        "page": paged(request, rows), "state": state, "states": Send.State.values,
        "campaigns": selectors.senders()[:100], "campaign": campaign,
    }  # fmt: skip
    return render(request, "delivery/outbox.html", context)


@page("sends.view")
def message(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The exact copy that this person received, with its headers."""
    send = selectors.send(pk)
    envelope = sending.envelope_of(send)
    context = {
        "send": send, "envelope": envelope, "headers": email.headers(envelope),
        "target": sending.target_of(send), "framed": send.campaign.via == Campaign.Via.EMAIL,
    }  # fmt: skip
    return render(request, "delivery/message.html", context)


@page("campaigns.view")
def suppressions(request: HttpRequest) -> HttpResponse:
    context = {"page": paged(request, selectors.suppressions())}
    return render(request, "delivery/suppressions.html", context)
