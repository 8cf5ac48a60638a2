"""The dashboard of campaigns, the people behind each number, and exports."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from attune.kernel import audit
from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from attune.web.downloads import download
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import form_status
from campaigns.delivery import selectors as campaigns
from insights.dashboards import access, charts, selectors, services, tables
from insights.dashboards.forms import CostForm
from insights.dashboards.selectors import Line, Person
from tenants.models import Tenant
from tenants.pages import can, go, page

SPANS = {"7": say("7 days"), "30": say("30 days"), "90": say("90 days"), "365": say("a year")}
WAYS = {"campaign": say("by campaign"), "segment": say("by segment"), "channel": say("by channel")}
PAGE = 50
KINDS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
BOARD: list[tuple[str, type]] = [
    ("key", str), ("name", str), ("reached", int), ("sent", int), ("clicked", int),
    ("converted", int), ("revenue", float), ("cost", float),
]  # fmt: skip
PEOPLE: list[tuple[str, type]] = [
    ("decision_id", str), ("contact_id", str), ("name", str), ("campaign", str), ("channel", str),
    ("at", datetime), ("clicked", bool), ("converted", bool), ("revenue", float), ("send_id", str),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; what it does not know is left at its default."""

    by: str
    days: str
    what: str
    key: str

    @classmethod
    def of(cls, request: HttpRequest) -> Asked:
        get = request.GET.get
        by, days, what = get("by", ""), get("days", ""), get("what", "")
        return cls(
            by if by in WAYS else "campaign", days if days in SPANS else "30",
            what if what in selectors.WHATS else "reached", get("key", "")[:100],
        )  # fmt: skip

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        return now - timedelta(days=int(self.days)), now


@page("workspace.view")
def board(request: HttpRequest) -> HttpResponse:
    asked = Asked.of(request)
    since, until = asked.span(timezone.now())
    lines = selectors.board(asked.by, since, until)
    context = {
        "asked": asked, "spans": SPANS.items(), "ways": WAYS.items(), "lines": lines,
        "currency": Tenant.objects.get(pk=current_tenant()).currency,
        "chart": charts.weekly(selectors.weeks(since, until)), "total": _total(lines, asked),
    }  # fmt: skip
    return render(request, "dashboards/board.html", context)


def _total(lines: list[Line], asked: Asked) -> Line | None:
    """Of all lines; by segment a person may stand in several, so there it would count twice."""
    if asked.by == "segment" or not lines:
        return None
    names = ("n", "sent", "clicked", "converted", "revenue", "cost")
    return Line("", "", *(sum(getattr(row, name) for row in lines) for name in names))


@page("contacts.view")
def people(request: HttpRequest) -> HttpResponse:
    asked = Asked.of(request)
    wanted = request.GET.get("page", "1")
    number = max(1, int(wanted)) if wanted.isdecimal() and len(wanted) < 7 else 1
    since, until = asked.span(timezone.now())
    rows = selectors.people(asked.by, asked.key, asked.what, since, until, most=PAGE + 1,
                            skip=(min(number, 2_000) - 1) * PAGE)  # fmt: skip
    rows = rows if can(request, "contacts.view_personal") else [_nameless(r) for r in rows]
    context = {"asked": asked, "rows": rows[:PAGE], "number": number, "more": len(rows) > PAGE,
               "ways": WAYS, "spans": SPANS}  # fmt: skip
    return render(request, "dashboards/people.html", context)


@page("workspace.view")
def export(request: HttpRequest) -> HttpResponse:
    """The board as CSV or Parquet."""
    asked = Asked.of(request)
    since, until = asked.span(timezone.now())
    lines = selectors.board(asked.by, since, until)
    rows = [
        [r.key, r.name, r.n, r.sent, r.clicked, r.converted, r.revenue, round(r.cost, 2)]
        for r in lines
    ]
    return _file(request, f"results-{asked.by}", BOARD, iter([rows]))


@page("contacts.view")
def export_people(request: HttpRequest) -> HttpResponse:
    """The people behind a number as CSV or Parquet, a portion at a time."""
    asked = Asked.of(request)
    personal = can(request, "contacts.view_personal")
    found = selectors.every_person(asked.by, asked.key, asked.what, *asked.span(timezone.now()))
    portions = ([_row(one if personal else _nameless(one)) for one in some] for some in found)
    return _file(request, f"people-{asked.what}", PEOPLE, portions)


def _nameless(one: Person) -> Person:
    """For whom may see people, but not who they are."""
    return replace(one, name=str(say("Visitor %(id)s", id=str(one.contact_id)[-6:])))


def _row(one: Person) -> list[Any]:
    return [str(one.decision_id), str(one.contact_id), one.name, one.campaign, one.channel, one.at,
            one.clicked, one.converted, one.revenue, str(one.send_id or "")]  # fmt: skip


def _file(
    request: HttpRequest, name: str, columns: list[tuple[str, type]], portions: Iterator[Any]
) -> Any:
    kind = request.GET.get("format", "csv")
    if kind not in KINDS:
        raise Invalid.one("format", say("Choose csv or parquet."))
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it
    if kind == "csv":
        for line in tables.csv_rows([n for n, _ in columns], portions):
            file.write(line.encode())
    else:
        tables.parquet(columns, portions, file)
    return download(file, f"{name}.{kind}", KINDS[kind])


@page("campaigns.edit")
def cost(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    campaign = campaigns.campaign(pk, lock=request.method == "POST")
    now = selectors.costs_of(campaign)
    form = CostForm(request.POST or None, initial=now)
    editing = Editing(form, now, audit.latest_of(campaign, "insights.set_cost"))
    if request.method == "POST" and form.is_valid() and editing.settled():
        try:
            services.set_cost(campaign=campaign, **form.cleaned_data)
            messages.success(request, str(say("Saved.")))
            return go(request, "dashboards:board")
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "campaign": campaign, "editing": editing}
    return render(request, "dashboards/cost.html", context, status=form_status(form, editing))


@page("workspace.manage")
def sql(request: HttpRequest) -> HttpResponse:
    """How Tableau or Power BI reads this workspace."""
    tenant = current_tenant()
    context = {
        "open": access.is_open(tenant),
        "name": access.name_of(tenant),
        "tables": access.columns(tenant),
    }
    return render(request, "dashboards/sql.html", context)
