"""Home, and the chain of one message."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from campaigns.delivery import selectors as delivery
from insights import chain, selectors
from tenants.pages import page


@page("workspace.view")
def home(request: HttpRequest) -> HttpResponse:
    context = {
        "numbers": selectors.numbers(),
        "needs": selectors.needs_me(),
        "experiments": selectors.running_experiments(),
        "chart": selectors.events_chart(),
    }
    part = request.htmx and request.headers.get("HX-Target") == "home"
    return render(request, "insights/home_part.html" if part else "insights/home.html", context)


@page("sends.view")
def message_chain(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    send = delivery.send(pk)
    return render(request, "insights/chain.html", {"send": send, "steps": chain.of_send(send)})
