"""Home, and the chain of one message."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from campaigns.delivery import selectors as delivery
from insights import chain, next_steps, selectors
from insights import search as palette
from tenants import navigation
from tenants import notices as told
from tenants.pages import page


@page("workspace.view")
def home(request: HttpRequest) -> HttpResponse:
    context = {
        "numbers": selectors.numbers(),
        "needs": selectors.needs_me(),
        "steps": next_steps.steps(request.member),
        "experiments": selectors.running_experiments(),
        "chart": selectors.events_chart(),
    }
    part = request.htmx and request.headers.get("HX-Target") == "home"
    return render(request, "insights/home_part.html" if part else "insights/home.html", context)


@page("sends.view")
def message_chain(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    send = delivery.send(pk)
    return render(request, "insights/chain.html", {"send": send, "steps": chain.of_send(send)})


@page("workspace.view")
def search(request: HttpRequest) -> HttpResponse:
    """The palette's lines for what was typed, as a fragment."""
    query = request.GET.get("q", "")[:100].replace("\x00", "")
    hits = palette.find(query=query, member=request.member)
    return render(request, "insights/hits.html", {"hits": hits})


@page("workspace.view")
def notices(request: HttpRequest) -> HttpResponse:
    """The bell with what it holds, and the numbers beside the places, as a fragment."""
    mine = told.of(request.user.pk)
    shown = navigation.shown(request.member)
    worn = {place.badge for _, places in shown for place in places}
    context = {
        "notices": mine[:20],
        "unread": mine.filter(read_at=None).count(),
        "badges": {name: n for name, n in selectors.badges().items() if name in worn},
    }
    return render(request, "insights/notices.html", context)


@require_POST
@page("workspace.view")
def read_notices(request: HttpRequest) -> HttpResponse:
    told.read_all(request.user.pk)
    return notices(request, workspace=request.member.slug)
