"""Pages of forecasts: what is foretold, beside baselines, with back-test and ledger."""

from __future__ import annotations

import io
import uuid
from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel import cells
from attune.kernel.errors import AttuneError, FieldError, Invalid
from attune.kernel.phrases import restored, say, say_many
from attune.web.forms import add_refusal
from attune.web.pages import filters, form_status, paged
from campaigns.decisions import selectors as log
from campaigns.decisions.models import Metric
from insights.forecasts import charts, explaining, periods, scenarios, selectors, services, tables
from insights.forecasts.forms import HistoryForm, HolidaysForm, OccasionForm, SeriesForm, SpendForm
from insights.forecasts.models import Series
from insights.forecasts.tables import Refused, Row
from insights.forecasts.values import zone
from tenants.pages import can, demand, go, page

SHOWN, PERIODS = 20, 10
WHOLE = {Series.By.CHANNEL, Series.By.PRODUCT}  # parts that events are not looked up by


@page("insights.view")
def forecasts(request: HttpRequest) -> HttpResponse:
    by = filters(request, Series.State.values)
    found = paged(request, selectors.series(q=by.q, state=by.state))
    told = selectors.newest_of(list(found))
    context = {
        "page": found, "filters": by, "metrics": log.metrics(),
        "rows": [{"row": row, "told": told.get(row.pk),
                  "trial": explaining.trial(told.get(row.pk))} for row in found],
    }  # fmt: skip
    return render(request, "forecasts/forecasts.html", context)


@page("insights.edit")
def new(request: HttpRequest) -> HttpResponse:
    form = SeriesForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            row = services.create(
                name=told["name"], metric=log.metric_by_key(told["metric"]), grain=told["grain"],
                by=told["by"], horizon=told["horizon"],
            )  # fmt: skip
            return go(request, "forecasts:forecast", row.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "metrics": log.metrics()}
    return render(request, "forecasts/new.html", context, status=form_status(form))


@page("insights.view")
def occasions(request: HttpRequest) -> HttpResponse:
    """Days known before; adding one posts here too."""
    if request.method == "POST":
        demand(request, "insights.edit")
    form = OccasionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.add_occasion(**form.cleaned_data)
            return go(request, "forecasts:occasions")
        except AttuneError as refusal:
            add_refusal(form, refusal)
    today = timezone.now().astimezone(zone()).date()
    context = {"form": form, "page": paged(request, selectors.by_nearness(today)),
               "holidays": HolidaysForm()}  # fmt: skip
    return render(request, "forecasts/occasions.html", context, status=form_status(form))


@page("contacts.view")
def behind(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The events that the period with this `day` counted; of none named, today's."""
    row, key = selectors.one(pk), request.GET.get("part", "")
    today = timezone.now().astimezone(zone()).date()
    try:
        day = date.fromisoformat(request.GET.get("day") or today.isoformat())
        first = periods.start(day, row.grain)
        periods.after(first, row.grain, 2)
    except (ValueError, OverflowError) as wrong:
        raise Invalid.one("day", say("Write the day like 2026-01-31.")) from wrong
    context = {
        "series": row, "first": first, "last": periods.after(first, row.grain) - timedelta(days=1),
        "part": key, "page": paged(request, selectors.behind(row, first, key)),
        "filed": selectors.filed(row, first), "whole": bool(key) and row.by in WHOLE,
        "personal": can(request, "contacts.view_personal"),
    }  # fmt: skip
    return render(request, "forecasts/behind.html", context)


@require_POST
@page("insights.edit")
def add_holidays(request: HttpRequest) -> HttpResponse:
    today = timezone.now().astimezone(zone()).date()
    n = services.add_holidays(country=request.POST.get("country", ""), today=today)
    messages.success(request, str(say_many("%(n)s day is new.", "%(n)s days are new.", n=n)))
    return go(request, "forecasts:occasions")


@require_POST
@page("insights.edit")
def remove_occasion(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.remove_occasion(selectors.occasion(pk))
    return go(request, "forecasts:occasions")


@page("insights.view")
def forecast(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _forecast(request, selectors.one(pk), HistoryForm())


def _forecast(request: HttpRequest, row: Series, form: HistoryForm) -> HttpResponse:
    lines = selectors.newest(row)
    wanted = request.GET.get("part", "")
    shown = next((line for line in lines if line.key == wanted), lines[0] if lines else None)
    context: dict[str, Any] = {"series": row, "lines": lines, "shown": shown, "history_form": form}
    if shown is not None:
        checks = list(selectors.checks(row, shown.key)[:400])
        context |= {
            "fan": charts.fan(shown), "trials": explaining.trials(shown),
            "ledger_chart": charts.ledger(checks), "checks": checks[:20],
            "cover": explaining.cover(checks), "notes": [restored(n) for n in shown.notes],
            "newest": shown.history[-PERIODS:][::-1],
            "parts": explaining.parts(lines), "barred": explaining.barred(row),
        }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "results"
    name = "forecasts/results.html" if part else "forecasts/forecast.html"
    return render(request, name, context, status=form_status(form))


@page("insights.view")
def scenario(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The forecast, as if the money were spent otherwise."""
    row = selectors.one(pk)
    told = next((line for line in selectors.newest(row) if line.points and not line.key), None)
    by = scenarios.money(row) if told is not None else None
    context: dict[str, Any] = {"series": row, "told": told, "money": by}
    form = None
    if told is not None and by is not None:
        form = SpendForm(
            by, request.GET if any(k.startswith("spend-") for k in request.GET) else None
        )
        if form.is_bound and form.is_valid():
            found = scenarios.outlook(told, by, form.spend, row.grain)
            sums = row.metric.kind == Metric.Kind.VALUE
            unit = request.member.currency if sums else ""
            context |= {"found": found, "chart": charts.scenario(told, found.points),
                        "sentence": explaining.scenario(found, money=unit)}  # fmt: skip
    context["form"] = form
    status = 200 if form is None else form_status(form)
    return render(request, "forecasts/scenario.html", context, status=status)


@require_POST
@page("insights.edit")
def move(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Answer it anew, pause, resume."""
    row, verb = selectors.one(pk), request.POST.get("verb", "")
    if verb == "refresh":
        services.ask(row)
    elif verb == "pause":
        services.pause(row)
    elif verb == "resume":
        services.resume(row)
    else:
        raise Invalid.one("verb", say("Choose refresh, pause or resume."))
    return go(request, "forecasts:forecast", pk)


@require_POST
@page("insights.edit")
def bring_in(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """History from a file, in the place of what the events say of those days."""
    row, form = selectors.one(pk), HistoryForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            services.take(row, _read(form.cleaned_data["file"]))
            return go(request, "forecasts:forecast", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return _forecast(request, row, form)


def _read(file: Any) -> list[tuple[str, Any, float]]:
    rows = list(tables.read(io.StringIO(cells.text_of(file))))
    wrong_rows = [row for row in rows if isinstance(row, Refused)]
    if wrong_rows:
        raise Invalid([
            FieldError("file", say("Line %(line)s, %(field)s: %(reason)s", line=w.line,
                                   field=w.field, reason=w.reason))
            for w in wrong_rows[:SHOWN]
        ])  # fmt: skip
    return [(row.key, row.day, row.value) for row in rows if isinstance(row, Row)]
