"""Pages of the findings: what was found out, one claim with its evidence, what was done."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.phrases import say
from attune.kernel.storable import as_uuid
from attune.web.pages import paged
from chat.inboxes import selectors as people
from insights.findings import acting, charts, selectors, services
from insights.findings.models import Action, Finding
from insights.reading import selectors as reading
from insights.sources import selectors as sources
from tenants.models import User
from tenants.pages import address, can, demand, go, page


def me() -> User | None:
    return User.objects.filter(pk=audit.user_id()).first()


@page("insights.view")
def findings(request: HttpRequest) -> HttpResponse:
    state, kind = request.GET.get("state", ""), request.GET.get("kind", "")
    state = state if state in Finding.State.values else ""
    kind = kind if kind in Finding.Kind.values else ""
    job = selectors.looking()
    context = {
        "page": paged(request, selectors.findings(state=state, kind=kind)), "state": state,
        "kind": kind, "kinds": Finding.Kind.choices, "job": job,
        "states": [(Finding.State(s), n) for s, n in selectors.states().items()],
        "busy": job is not None and job.state in {"pending", "running"},
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "findings"
    return render(request, f"findings/{'list' if part else 'findings'}.html", context)


@require_POST
@page("insights.edit")
def look(request: HttpRequest) -> HttpResponse:
    services.request_look()
    return go(request, "findings:findings")


@require_POST
@page("insights.edit")
def write(request: HttpRequest) -> HttpResponse:
    claim = request.POST.get("claim", "")
    row = services.write(claim=claim, now=timezone.now(), owner=me())
    return go(request, "findings:finding", row.pk)


@page("insights.view")
def finding(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.finding(pk)
    places = list(row.evidence.select_related("document", "document__source").order_by("id"))
    measured = list(row.measurements.order_by("-at")[:60])[::-1]
    edits, q = can(request, "insights.edit"), request.GET.get("q", "").strip()[:100]
    context = {
        "finding": row, "for": [e for e in places if not e.against],
        "against": [e for e in places if e.against], "chart": charts.effect(row, measured),
        "measured": measured[::-1][:10],
        "actions": [(a, _target(request, a)) for a in row.actions.order_by("-at")],
        "may_make": {kind for kind, verb in acting.VERBS.items() if can(request, verb)},
        "made": {a.kind for a in row.actions.all()},
        "people": people.agents() if edits else [],
        "experiments": selectors.experiments() if edits else [],
        "verbs": [v for v in services.FINDING.verbs_from(row.state) if v in services.BY_HAND],
        "interval": row.low != row.high, "q": q,
        "texts": reading.documents(q=q)[:10] if q and edits else [],
    }  # fmt: skip
    return render(request, "findings/finding.html", context)


def _target(request: HttpRequest, action: Action) -> str:
    """The page of what was made."""
    if action.kind == "faq":
        return address(request, "knowledge:documents")
    return address(request, selectors.TARGETS[action.kind], action.target)


@require_POST
@page("insights.edit")
def move(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    post = request.POST.get
    services.move(finding=selectors.finding(pk), verb=post("verb", ""), why=post("why", ""))
    return go(request, "findings:finding", pk)


@require_POST
@page("insights.edit")
def own(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    chosen = request.POST.get("owner", "")
    owner = next((u for u in people.agents() if str(u.pk) == chosen), None)
    services.own(finding=selectors.finding(pk), owner=owner)
    return go(request, "findings:finding", pk)


@require_POST
@page("insights.edit")
def act(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    demand(request, acting.VERBS.get(request.POST.get("kind", ""), "insights.edit"))
    row = acting.act(
        finding=selectors.finding(pk), kind=request.POST.get("kind", ""), now=timezone.now(),
        by_id=audit.user_id(), experiment_id=as_uuid(request.POST.get("experiment", "")),
    )  # fmt: skip
    told = say("Linked: %(label)s", label=row.label) if row.kind == "experiment" else \
        say("Made: %(label)s", label=row.label)  # fmt: skip
    messages.success(request, str(told))
    return go(request, "findings:finding", pk)


@require_POST
@page("insights.edit")
def add_evidence(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """A whole text for or against a finding."""
    document = sources.document(as_uuid(request.POST.get("document", "")) or uuid.UUID(int=0))
    services.add_evidence(
        finding=selectors.finding(pk), document=document, start=0, end=len(document.text),
        against=request.POST.get("side") == "against",
    )  # fmt: skip
    return go(request, "findings:finding", pk)
