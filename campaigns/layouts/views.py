"""Templates: list, make, change with a picture of the result."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel.errors import AttuneError
from attune.kernel.tenancy import current_tenant
from attune.web.forms import add_refusal
from attune.web.pages import form_status
from campaigns.layouts import blocks, selectors, services
from campaigns.layouts.forms import BlocksField, TemplateForm
from campaigns.layouts.models import TemplateVersion
from tenants.models import Tenant
from tenants.pages import go, page

ALONE = "default-src 'none'; style-src 'unsafe-inline'; img-src https: data: {own}; sandbox; \
frame-ancestors 'self'"
SAMPLE = {
    "subject": "A tea for slow days", "preheader": "Come and taste it",
    "body": "Hello Ada,\n\nthe new oolong is in. It takes a minute and lasts an afternoon.",
    "cta": "Taste it", "first_name": "Ada", "name": "Ada Lovelace", "email": "ada@example.com",
    "unsubscribe_word": "Unsubscribe", "preferences_word": "Choose what you get",
    "click_url": "#", "unsubscribe_url": "#", "preferences_url": "#",
}  # fmt: skip


def alone(page_html: str) -> HttpResponse:
    """An e-mail as a page of its own, which can do nothing: no script, no form, no request but for
    pictures; our own pages may frame it."""
    answer = HttpResponse(page_html)
    answer.headers["Content-Security-Policy"] = ALONE.format(own=settings.PUBLIC_URL)
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer


@page("campaigns.view")
def templates(request: HttpRequest) -> HttpResponse:
    return render(request, "layouts/templates.html", {"rows": list(selectors.newest())})


@page("campaigns.edit")
def new(request: HttpRequest) -> HttpResponse:
    colour = Tenant.objects.values_list("brand_colour", flat=True).get(pk=current_tenant())
    form = TemplateForm(request.POST or None, initial={"accent": colour} if colour else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.save(**form.values())
            return go(request, "layouts:edit", made.template_id)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return render(request, "layouts/form.html", {"form": form}, status=form_status(form))


@page("campaigns.edit")
def edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.template(pk)
    last = selectors.latest(row)
    now = {**last.style, "name": row.name, "source": last.source,
           "blocks": BlocksField.shown(last.blocks)}  # fmt: skip
    form = TemplateForm(request.POST or None, initial=now)
    if request.method == "POST" and form.is_valid():
        try:
            seen = request.POST.get("seen", "")
            services.save(
                template=row, seen=int(seen[:9]) if seen.isdecimal() else 0, **form.values()
            )
            return go(request, "layouts:edit", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "template": row, "version": last}
    return render(request, "layouts/form.html", context, status=form_status(form))


@page("campaigns.view")
def shown(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """A version with sample words, as a page to be framed."""
    version: TemplateVersion = selectors.version(pk)
    tenant = Tenant.objects.get(pk=version.tenant_id)
    words = {**SAMPLE, "workspace": tenant.name, "postal_address": tenant.postal_address}
    return alone(blocks.filled(version.html, words))


@require_POST
@page("campaigns.edit")
def archive(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.archive(selectors.template(pk))
    return go(request, "layouts:templates")
