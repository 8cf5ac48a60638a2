"""Pages of the graph: all of it, one node, one edge with its evidence, competitors."""

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
from insights.graph import charts, selectors, services
from insights.graph.forms import CompetitorForm
from insights.graph.models import Entity, Relation
from tenants.pages import address, go, page


def _chart(
    request: HttpRequest, picture: selectors.Picture, middle: Entity | None = None
) -> object:
    def of(node: Entity) -> str:
        return address(request, "graph:entity", node.pk)

    return charts.graph(picture, of, middle.pk if middle else None)


@page("insights.view")
def graph(request: HttpRequest) -> HttpResponse:
    chosen = [k for k in request.GET.getlist("kind") if k in Entity.Kind.values]
    predicate = request.GET.get("predicate", "")
    predicate = predicate if predicate in Relation.Predicate.values else ""
    q = request.GET.get("q", "").strip()[:100]
    picture = selectors.whole(kinds=chosen, predicate=predicate, q=q)
    job = selectors.drawing()
    context = {
        "picture": picture, "chart": _chart(request, picture), "chosen": chosen, "q": q,
        "predicate": predicate, "predicates": Relation.Predicate.choices,
        "kinds": [(Entity.Kind(k), n) for k, n in selectors.kinds().items()],
        "competitors": selectors.competitors(), "form": CompetitorForm(), "job": job,
        "busy": job is not None and job.state in {"pending", "running"},
        "asked": bool(chosen or predicate or q),
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "graph"
    return render(request, f"graph/{'graph_body' if part else 'graph'}.html", context)


@require_POST
@page("insights.edit")
def draw(request: HttpRequest) -> HttpResponse:
    services.request_drawing()
    return go(request, "graph:graph")


@page("insights.view")
def entity(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.entity(pk)
    of = selectors.page_of(row)
    link = address(request, of, row.key) if of else ""
    context = {
        "entity": row, "edges": selectors.edges_of(row), "link": link,
        "chart": _chart(request, selectors.around(row), row),
    }  # fmt: skip
    return render(request, "graph/entity.html", context)


@page("insights.view")
def relation(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.relation(pk)
    return render(request, "graph/relation.html",
                  {"relation": row, "evidence": selectors.evidence(row)})  # fmt: skip


@require_POST
@page("insights.edit")
def move(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.move(relation=selectors.relation(pk), verb=request.POST.get("verb", ""))
    return go(request, "graph:relation", pk)


@page("insights.edit")
def competitor(request: HttpRequest, pk: uuid.UUID | None = None) -> HttpResponse:
    row = selectors.competitor(pk, lock=request.method == "POST") if pk else None
    now = {"name": row.label, "aliases": "\n".join(row.aliases)} if row else {}
    form = CompetitorForm(request.POST or None, initial=now)
    editing = Editing(form, now, audit.latest_of(row, "insights.save_competitor")) if row else None
    if request.method == "POST" and form.is_valid() and (editing is None or editing.settled()):
        try:
            services.save_competitor(competitor=row, **form.cleaned_data)
            return go(request, "graph:graph")
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "competitor": row, "editing": editing}
    return render(request, "graph/competitor.html", context, status=form_status(form, editing))


@require_POST
@page("insights.edit")
def forget(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.forget_competitor(competitor=selectors.competitor(pk))
    return go(request, "graph:graph")
