"""Pages of the alerts: what moved, what is watched, and the week in sentences."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel.storable import as_uuid
from attune.web.pages import paged
from insights.alerts import digests, selectors, services
from insights.alerts.models import Watch
from tenants.pages import address, can, go, page


@page("insights.view")
def alerts(request: HttpRequest) -> HttpResponse:
    edits = can(request, "insights.edit")
    context = {
        "page": paged(request, selectors.alerts()), "watches": selectors.watches(),
        "figures": [f for f in Watch.Figure.choices if f[0] in {"volume", "feeling"}],
        "topics": selectors.topics() if edits else [],
        "features": selectors.features() if edits else [],
        "directions": Watch.Direction.choices, "now": timezone.now(),
        "reads": selectors.reads_digest(request.user),
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "alerts"
    return render(request, f"alerts/{'list' if part else 'alerts'}.html", context)


@require_POST
@page("insights.edit")
def watch(request: HttpRequest) -> HttpResponse:
    figure, _, about = request.POST.get("figure", "").partition(":")
    services.watch(
        figure=figure, about_id=as_uuid(about), direction=request.POST.get("direction", "both"),
        by=request.user,
    )  # fmt: skip
    return go(request, "alerts:alerts")


@require_POST
@page("insights.edit")
def change(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Mute for a fortnight, speak again, or watch it no longer."""
    row, verb = selectors.watch(pk), request.POST.get("verb", "")
    if verb == "remove":
        services.unwatch(row=row)
    else:
        until = timezone.now() + timedelta(days=14) if verb == "mute" else None
        services.mute(row=row, until=until)
    return go(request, "alerts:alerts")


@require_POST
@page("insights.edit")
def see(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.see(alert=selectors.alert(pk))
    return go(request, "alerts:alerts")


@page("insights.view")
def week(request: HttpRequest) -> HttpResponse:
    told = [
        (line, address(request, line.page, *([line.row] if line.row else [])))
        for line in digests.lines(timezone.now())
    ]
    context = {"told": told, "reads": selectors.reads_digest(request.user)}
    return render(request, "alerts/week.html", context)


@require_POST
@page("insights.view")
def digest(request: HttpRequest) -> HttpResponse:
    services.read_digest(user=request.user, wanted=request.POST.get("wanted") == "yes")
    return go(request, "alerts:week")
