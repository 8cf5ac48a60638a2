"""Pages of reports and of questions asked in words."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.web.pages import paged
from insights.findings import reporting, selectors
from insights.findings.models import Finding, Report
from insights.findings.questions import Query
from insights.findings.views import me
from insights.reading.models import Reading
from tenants.pages import go, page


@page("insights.view")
def reports(request: HttpRequest) -> HttpResponse:
    context = {
        "reports": selectors.reports(Report.Kind.REPORT)[:20],
        "page": paged(request, selectors.reports(Report.Kind.ANSWER)),
        "accepted": Finding.objects.filter(state="accepted").exists(),
    }
    return render(request, "findings/reports.html", context)


@require_POST
@page("insights.view")
def ask(request: HttpRequest) -> HttpResponse:
    question = request.POST.get("question", "")
    row = reporting.ask(question=question, now=timezone.now(), author=me())
    return go(request, "findings:report", row.pk)


@require_POST
@page("insights.edit")
def write_report(request: HttpRequest) -> HttpResponse:
    title = request.POST.get("title", "")
    row = reporting.request_report(title=title, finding_ids=[], author=me())
    return go(request, "findings:report", row.pk)


@page("insights.view")
def report(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.report(pk)
    told = selectors.told(row)
    query = Query.of(row.query)
    context = {
        "report": row, "told": told, "struck": sum(s["struck"] for s in told), "query": query,
        "feeling": Reading.Feeling(query.feeling).label if query.feeling else "",
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "report"
    return render(request, f"findings/{'report_body' if part else 'report'}.html", context)
