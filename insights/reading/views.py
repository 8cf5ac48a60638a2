"""Pages of what customers say: how it feels, what it speaks of, and every text behind a number."""

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
from attune.web.pages import paged
from campaigns.catalog.models import Product
from insights.reading import charts, selectors, services
from insights.reading import ratings as rating
from insights.reading.models import Mention, Reading
from insights.sources import selectors as sources
from insights.sources.languages import NAMES
from tenants.pages import go, page

SPANS = {"30": say("30 days"), "90": say("90 days"), "365": say("a year"), "": say("all time")}
SIDES = {"good": 1, "plain": 0, "bad": -1}


@page("insights.view")
def overview(request: HttpRequest) -> HttpResponse:
    days = request.GET.get("days", "")
    days = days if days in SPANS else ""
    since = timezone.now() - timedelta(days=int(days)) if days else None
    product = as_uuid(request.GET.get("product", ""))
    counts = sources.counts().values()
    feelings = selectors.feelings(since, product_id=product)
    context = {
        "days": days, "spans": SPANS.items(), "product": str(product or ""),
        "products": Product.objects.order_by("name")[:500],
        "feelings": [(Reading.Feeling(name), row) for name, row in feelings.items()],
        "read": sum(row["n"] for row in feelings.values()),
        "filtered": bool(days or product),
        "waiting": sum(c["waiting"] for c in counts), "aside": sum(c["aside"] for c in counts),
        "features": selectors.features(since=since, product_id=product, most=30),
        "chart": charts.feelings(selectors.by_month(since, product_id=product)),
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "overview"
    return render(request, f"reading/{'overview_body' if part else 'overview'}.html", context)


@page("insights.view")
def ratings(request: HttpRequest) -> HttpResponse:
    rows = [(row, rating.chart(row)) for row in rating.rated()]
    return render(request, "reading/ratings.html", {"rows": rows})


@page("insights.view")
def documents(request: HttpRequest) -> HttpResponse:
    get = request.GET.get
    feeling = get("feeling", "") if get("feeling", "") in Reading.Feeling.values else ""
    language = get("language", "") if get("language", "") in NAMES else ""
    q, of = get("q", "").strip()[:200], as_uuid(get("source", ""))
    rows = selectors.documents(q=q, source_id=of, feeling=feeling, language=language)
    context = {
        "page": paged(request, rows), "q": q, "feeling": feeling, "language": language,
        "source_id": str(of or ""), "feelings": Reading.Feeling.choices,
        "languages": [(c, NAMES[c]) for c in selectors.languages_used() if c in NAMES],
        "sources": sources.sources(state=""),
    }  # fmt: skip
    return render(request, "reading/documents.html", context)


@page("insights.view")
def document(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = sources.document(pk)
    found = selectors.reading(row)
    named = list(Mention.objects.filter(document=row).select_related("feature").order_by("start"))
    context = {
        "document": row, "reading": found, "pieces": selectors.pieces(row.text, found, named),
        "mentions": [(m, row.text[m.start : m.end], row.text[m.opinion_start : m.opinion_end])
                     for m in named],
        "copies": sources.copies(row)[:20], "language": NAMES.get(row.language, row.language),
    }  # fmt: skip
    return render(request, "reading/document.html", context)


@require_POST
@page("insights.edit")
def set_aside(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.set_aside(document=sources.document(pk))
    return go(request, "sources:aside")


@page("insights.view")
def feature(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.feature(pk)
    side = request.GET.get("side", "")
    rows = selectors.mentions(row, polarity=SIDES.get(side))
    others = selectors.features(most=200)
    context = {
        "feature": row, "page": paged(request, rows), "side": side, "sides": list(SIDES),
        "chart": charts.polarity(selectors.feature_by_month(row)),
        "others": [one for one in others if one.id != row.pk],
    }  # fmt: skip
    return render(request, "reading/feature.html", context)


@require_POST
@page("insights.edit")
def change(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row, verb = selectors.feature(pk), request.POST.get("verb", "")
    if verb == "rename":
        services.rename(feature=row, label=request.POST.get("label", ""))
    elif verb == "hide":
        services.hide(feature=row)
    elif verb == "show":
        services.show(feature=row)
    elif verb == "merge":
        into = selectors.feature(as_uuid(request.POST.get("into", "")) or uuid.UUID(int=0))
        services.merge(feature=row, into=into)
        told = say("“%(one)s” counts as “%(other)s” now.", one=row.label, other=into.label)
        messages.success(request, str(told))
        return go(request, "reading:feature", into.pk)
    else:
        raise Invalid.one("verb", say("Choose rename, merge, hide or show."))
    return go(request, "reading:feature", pk)
