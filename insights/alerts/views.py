"""Pages of the alerts: what moved, what is watched, and the week in sentences."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from attune.kernel.storable import as_uuid
from attune.web.pages import filters, paged
from insights.alerts import charts, digests, metrics, selectors, services
from insights.alerts.models import Alert, Watch
from tenants.pages import address, can, go, page


@page("insights.view")
def alerts(request: HttpRequest) -> HttpResponse:
    edits, by = can(request, "insights.edit"), filters(request, Alert.State.values)
    context = {
        "page": paged(request, selectors.alerts(state=by.state)), "watches": selectors.watches(),
        "filters": by, "metrics": selectors.metrics() if edits else [],
        "endpoints": selectors.endpoints() if can(request, "webhooks.manage") else [],
        "mailed": selectors.mailed(request.user),
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
    least, other = request.POST.get("least", "") or "10", request.POST.get("of", "")
    services.watch(
        figure=figure, about_id=as_uuid(about), direction=request.POST.get("direction", "both"),
        by=request.user, of_id=as_uuid(other) or (uuid.UUID(int=0) if other else None),
        least=int(least) if least.isascii() and least.isdigit() and len(least) < 9 else 0,
    )  # fmt: skip
    messages.success(request, str(say("It is watched from now on.")))
    return go(request, "alerts:alerts")


@require_POST
@page("insights.edit")
def change(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Mute for a fortnight, speak again, or watch it no longer."""
    row, verb = selectors.watch(pk), request.POST.get("verb", "")
    if verb == "remove":
        services.unwatch(row=row)
    elif verb in {"mute", "unmute"}:
        until = timezone.now() + timedelta(days=14) if verb == "mute" else None
        services.mute(row=row, until=until)
    else:
        raise Invalid.one("verb", say("Choose mute, unmute or remove."))
    return go(request, "alerts:alerts")


@require_POST
@page("insights.edit")
def see(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.see(alert=selectors.alert(pk))
    return go(request, "alerts:alerts")


@require_POST
@page("insights.edit")
def explain(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.explain(alert=selectors.alert(pk), note=request.POST.get("note", ""),
                     by=str(request.user))  # fmt: skip
    return go(request, "alerts:alert", pk)


@page("insights.view")
def alert(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What moved: the days around it, the parts that moved most, and the events behind it."""
    row = selectors.alert(pk)
    line = metrics.line(row.watch, row.day + timedelta(days=1)) if row.day else None
    context = {
        "alert": row, "chart": charts.around(row, line) if line is not None else None,
        "slices": charts.named(row),
        "events": selectors.events_behind(row) if can(request, "contacts.view") else [],
        "personal": can(request, "contacts.view_personal"),
    }  # fmt: skip
    return render(request, "alerts/alert.html", context)


@require_POST
@page("insights.view")
def mail(request: HttpRequest) -> HttpResponse:
    """Alerts to me by e-mail, or no longer."""
    wanted = request.POST.get("wanted") == "yes"
    services.route_to_me(user=request.user, wanted=wanted)
    told = say("Alerts go to %(address)s.", address=request.user.email)
    messages.success(request, str(told if wanted else say("Alerts are not mailed to you.")))
    return go(request, "alerts:alerts")


@require_POST
@page("webhooks.manage")
def call(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """An endpoint is called for each alert, or no longer."""
    services.route_to_endpoint(
        endpoint=selectors.endpoint(pk), wanted=request.POST.get("wanted") == "yes"
    )
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
