"""What a guest with a review link reaches: one revision, and a form to say something of it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from attune.kernel import secrets
from attune.kernel.errors import AttuneError
from attune.kernel.tenancy import tenant_context
from campaigns.approval import guests
from campaigns.approval.models import Opinion
from tenants import branding
from tenants.models import Tenant


@never_cache
@require_http_methods(["GET", "POST"])
def review(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows the text; POST keeps an opinion. It decides nothing."""
    place = secrets.unsign("review", token)
    problem, status = "", 200
    with tenant_context(place["t"]):
        row = guests.link(place["l"])
        if request.method == "POST":
            try:
                guests.give_opinion(
                    row=row, kind=request.POST.get("kind", ""),
                    comment=request.POST.get("comment", "").replace("\x00", ""),
                )  # fmt: skip
            except AttuneError as refusal:
                problem, status = refusal.detail, 422
        context = {
            "tenant": (tenant := Tenant.objects.get(pk=place["t"])),
            "brand": branding.brand_of(tenant),
            "link": row,
            "revision": row.review.revision,
            "open": row.review.state == "open",
            "opinions": list(row.opinions.order_by("id")),
            "kinds": Opinion.Kind.choices,
            "problem": problem,
            "given": request.POST if problem else {},
        }
        return render(request, "approval/guest.html", context, status=status)
