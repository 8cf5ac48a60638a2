"""The page that changes a campaign while it runs."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from attune.kernel.errors import AttuneError
from attune.kernel.phrases import say_many
from attune.kernel.storable import as_uuid
from attune.kernel.tenancy import current_tenant
from attune.web.forms import add_refusal
from attune.web.pages import form_status
from campaigns.delivery import revising, selectors, turns
from campaigns.delivery.forms import ReviseForm
from campaigns.delivery.models import Campaign
from campaigns.layouts import selectors as layouts
from campaigns.layouts.models import TemplateVersion
from campaigns.subscriptions import selectors as subscriptions
from tenants.models import Tenant
from tenants.pages import go, page


@page("campaigns.launch")
def revise(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Whom it would concern stands above what may change; a POST makes the next version."""
    row, tenant = selectors.campaign(pk), Tenant.objects.get(pk=current_tenant())
    now = {
        "template": str(row.template_id or ""), "topic": str(row.topic_id or ""),
        "local_time": row.local_time, "per_hour": row.per_hour,
    }  # fmt: skip
    form = ReviseForm(request.POST or None, initial=now, own=row)
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        try:
            made = revising.revise(
                campaign=row, seen=_number(request.POST.get("seen", "")),
                template=_template(form, row),
                topic=subscriptions.topic(chosen["topic"]) if chosen["topic"] else None,
                local_time=chosen.get("local_time", row.local_time), per_hour=chosen["per_hour"],
                texts=_texts(request.POST.getlist("text")),
            )  # fmt: skip
            told = say_many(
                "Version %(number)s holds for %(n)s person who still waits.",
                "Version %(number)s holds for %(n)s people who still wait.",
                n=made.waits, number=made.number,
            )  # fmt: skip
            messages.success(request, str(told))
            for warning in turns.slow(made.waits, row.per_hour, tenant):
                messages.warning(request, str(warning))
            return go(request, "delivery_pages:campaign", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    whom = revising.affected(row)
    context = {
        "form": form, "campaign": row, "whom": whom,
        "slow": list(turns.slow(whom.waits, row.per_hour, tenant)),
        "newer": [
            (one, not request.POST or f"{one.arm_key}={one.new.pk}" in request.POST.getlist("text"))
            for one in revising.edited(row) if one.approved
        ],
        "runs": row.state in revising.RUNS,
    }  # fmt: skip
    return render(request, "delivery/revise.html", context, status=form_status(form))


def _template(form: ReviseForm, row: Campaign) -> TemplateVersion | None:
    """The one that was chosen; what is not asked for stays."""
    if "template" not in form.fields:
        return row.template
    chosen = form.cleaned_data["template"]
    return layouts.version(chosen) if chosen else None


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def _texts(chosen: list[str]) -> dict[str, uuid.UUID]:
    """Boxes are sent as `arm=revision`."""
    found = {}
    for text in chosen:
        key, _, revision = text.rpartition("=")
        if pk := as_uuid(revision):
            found[key] = pk
    return found
