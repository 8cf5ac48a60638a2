"""What the workspace used and may use; and how it looks to its customers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from attune.web.forms import add_refusal
from attune.web.pages import form_status
from tenants import branding, caps, clients
from tenants.forms import BrandForm, CapsForm
from tenants.models import Meter, Tenant
from tenants.pages import demand, go, page

DAYS = 60


@page("usage.view")
def usage(request: HttpRequest) -> HttpResponse:
    """This month by kind, the days before it as a picture, and the caps."""
    tenant = Tenant.objects.get(pk=current_tenant())
    form = CapsForm(request.POST or None, initial=tenant.own_caps, lines=caps.lines(tenant))
    if request.method == "POST":
        demand(request, "workspace.manage")
        if form.is_valid():
            try:
                caps.save_own(form.chosen())
                messages.success(request, str(say("Saved.")))
                return go(request, "workspace:usage")
            except Invalid as refusal:
                add_refusal(form, refusal)
    since = timezone.localdate() - timedelta(days=DAYS - 1)
    rows = list(Meter.objects.filter(day__gte=since).order_by("day"))
    context = {
        "form": form, "lines": form.lines, "workspace": tenant,
        "charts": [(k, str(label), by_day(rows, k)) for k, label in Meter.Kind.choices],
        "agency": clients.agency() if tenant.agency_caps else None,
    }  # fmt: skip
    return render(request, "tenants/usage.html", context, status=form_status(form))


def by_day(rows: list[Meter], kind: str) -> dict[str, Any] | None:
    """One kind of use as a line over the days; None for fewer than two."""
    found = {row.day: row.n for row in rows if row.kind == kind}
    if len(found) < 2:
        return None
    first, last = min(found), max(found)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    values, before = [], 0
    for day in days:
        before = found.get(day, before if kind == Meter.Kind.CONTACTS else 0)
        values.append(before)
    return {
        "kind": "line", "zero": True,
        "unit": say("people") if kind == Meter.Kind.CONTACTS else say("a day"),
        "x": [day.isoformat() for day in days],
        "series": [{"name": str(dict(Meter.Kind.choices)[Meter.Kind(kind)]), "values": values}],
    }  # fmt: skip


@page("workspace.manage")
def brand(request: HttpRequest) -> HttpResponse:
    """Colour, picture and address; the page shows what a customer will see."""
    tenant = Tenant.objects.get(pk=current_tenant())
    now = {"brand_colour": tenant.brand_colour, "brand_url": tenant.brand_url}
    form = BrandForm(request.POST or None, request.FILES or None, initial=now)
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        try:
            branding.save(
                tenant=tenant, colour=chosen["brand_colour"], url=chosen["brand_url"],
                logo=chosen["brand_logo"], drop=chosen["drop"],
            )  # fmt: skip
            messages.success(request, str(say("Saved.")))
            return go(request, "workspace:brand")
        except Invalid as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "brand": branding.brand_of(tenant), "workspace": tenant}
    return render(request, "tenants/brand.html", context, status=form_status(form))
