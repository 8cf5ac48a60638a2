"""Privacy pages: requests, how long things are kept, a person's copy, erasing."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from attune.kernel import secrets
from attune.kernel.phrases import say_many
from attune.kernel.tenancy import tenant_context
from attune.web.pages import form_status, paged
from campaigns.contacts import selectors as contacts
from campaigns.delivery import preferences
from insights.privacy import erasing, exporting, retention, services
from insights.privacy.forms import KeepForm
from insights.privacy.models import PrivacyRequest, RetentionRule
from tenants import branding
from tenants.models import Tenant
from tenants.pages import go, page


@page("privacy.manage")
def requests(request: HttpRequest) -> HttpResponse:
    rows = PrivacyRequest.objects.select_related("contact").order_by("-state", "-id")
    context = {"page": paged(request, rows), "rules": RetentionRule.objects.order_by("what")}
    return render(request, "privacy/requests.html", context)


@require_POST
@page("privacy.manage")
def settle(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.settle(row=services.request(pk), refuse=request.POST.get("refuse", "").strip())
    return go(request, "privacy:requests")


@page("privacy.manage")
def keep(request: HttpRequest) -> HttpResponse:
    """How long things are kept. The page says what a change would reach before it is saved."""
    known = {rule.what: rule.days for rule in RetentionRule.objects.all()}
    form = KeepForm(request.POST or None, initial=known)
    reached = []
    if request.method == "POST" and form.is_valid():
        asked = {what: form.cleaned_data[what] for what in RetentionRule.What.values}
        changed = {w: d for w, d in asked.items() if d != known.get(w)}
        reached = [
            (RetentionRule.What(what).label, retention.waiting(what, days, timezone.now()))
            for what, days in changed.items() if days
        ]  # fmt: skip
        if "sure" in request.POST or not any(n for _, n in reached):
            for what, days in changed.items():
                retention.save(what=what, days=days)
            return go(request, "privacy:requests")
    context = {"form": form, "reached": [pair for pair in reached if pair[1]]}
    return render(request, "privacy/keep.html", context, status=form_status(form))


@page("privacy.manage")
def copy(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Everything that is kept of a person, as a file."""
    contact = contacts.contact(pk)
    answer = HttpResponse(
        exporting.as_json(exporting.everything(contact)), content_type="application/json"
    )
    answer.headers["Content-Disposition"] = f'attachment; filename="person-{contact.pk}.json"'
    return answer


@require_POST
@page("privacy.manage")
def erase(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    counts = erasing.erase(contacts.contact(pk))
    n = sum(counts.values())
    told = say_many("Erased, in %(n)s row.", "Erased, in %(n)s rows.", n=n)
    messages.success(request, str(told))
    return go(request, "contacts:people")


@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest, token: str) -> HttpResponse:
    """A person asks for a copy or for erasing, by the link to their preferences."""
    place = secrets.unsign("preferences", token)
    with tenant_context(place["t"]):
        tenant = Tenant.objects.get(pk=place["t"])
        asked = request.POST.get("kind", "") if request.method == "POST" else ""
        if asked:
            services.ask(contact=preferences.person(place["c"]), kind=asked)
    context = {"tenant": tenant, "brand": branding.brand_of(tenant), "asked": asked,
               "kinds": PrivacyRequest.Kind.choices}  # fmt: skip
    return render(request, "privacy/ask.html", context)
