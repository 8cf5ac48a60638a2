"""Pages of the topics: what there is, whether it moves, and the hand of a person in it."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from attune.kernel.storable import as_uuid
from attune.web.pages import paged
from campaigns.catalog.models import Product
from campaigns.segments.models import Segment
from insights.reading import charts
from insights.topics import selectors, services, trends
from insights.topics.models import Topic
from tenants.pages import go, page


@page("insights.view")
def topics(request: HttpRequest) -> HttpResponse:
    product = as_uuid(request.GET.get("product", ""))
    segment = as_uuid(request.GET.get("segment", ""))
    fit = selectors.latest()
    seen = selectors.overview(timezone.now(), product_id=product, segment_id=segment)
    q, grouped = request.GET.get("q", "").strip()[:100], request.GET.get("order") == "alike"
    context = {
        "seen": seen, "rows": selectors.shown(seen, q=q, grouped=grouped), "q": q,
        "grouped": grouped,
        "fit": fit, "busy": fit is not None and fit.state == "running",
        "enough": fit is not None or selectors.readable() >= services.LEAST_TEXTS,
        "hidden": selectors.hidden()[:50],
        "fits": selectors.fits(), "products": Product.objects.order_by("name")[:500],
        "segments": Segment.objects.order_by("name")[:200],
        "product": str(product or ""), "segment": str(segment or ""),
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "topics"
    return render(request, f"topics/{'list' if part else 'topics'}.html", context)


@require_POST
@page("insights.edit")
def look(request: HttpRequest) -> HttpResponse:
    services.request_fit()
    return go(request, "topics:topics")


@page("insights.view")
def topic(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.topic(pk)
    others = Topic.objects.filter(state__in=Topic.SHOWN).exclude(pk=pk).order_by("label")
    weeks = selectors.weeks(row, timezone.now())
    changed = trends.change_point([(w[2], w[1]) for w in weeks])
    context = {
        "changed": changed, "changed_in": weeks[changed.at][0] if changed else None,
        "topic": row, "examples": selectors.examples(row),
        "page": paged(request, selectors.texts(row)),
        "chart": charts.weekly(weeks),
        "changes": row.changes.order_by("-id")[:30], "others": others.only("id", "label")[:200],
    }  # fmt: skip
    return render(request, "topics/topic.html", context)


@page("insights.view")
def outside(request: HttpRequest) -> HttpResponse:
    """The texts that are in no topic."""
    others = Topic.objects.filter(state__in=Topic.SHOWN).order_by("label")
    context = {
        "page": paged(request, selectors.texts(None)),
        "others": others.only("id", "label")[:200],
    }
    return render(request, "topics/outside.html", context)


@require_POST
@page("insights.edit")
def change(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row, verb = selectors.topic(pk), request.POST.get("verb", "")
    into = as_uuid(request.POST.get("into", "")) or uuid.UUID(int=0)
    if verb == "rename":
        services.rename(topic=row, label=request.POST.get("label", ""))
        messages.success(request, str(say("Saved.")))
    elif verb in {"pin", "unpin"}:
        services.pin(topic=row, pinned=verb == "pin")
    elif verb == "split":
        services.request_split(topic=row)
        told = say("It is being split; its history will say what came of it.")
        messages.success(request, str(told))
    elif verb == "merge":
        services.merge(topic=row, into=selectors.topic(into))
        return go(request, "topics:topic", into)
    elif verb in {"accept", "block", "retire"}:
        services.move(topic=row, verb=verb)
    else:
        raise Invalid.one("verb", say("This is not a step of a topic."))
    return go(request, "topics:topic", pk)


@require_POST
@page("insights.edit")
def put(request: HttpRequest) -> HttpResponse:
    """A text where a person says that it belongs."""
    nothing = uuid.UUID(int=0)
    row = selectors.topic(as_uuid(request.POST.get("topic", "")) or nothing)
    document = as_uuid(request.POST.get("document", "")) or nothing
    services.put(document_id=document, topic=row)
    return go(request, "topics:outside")
