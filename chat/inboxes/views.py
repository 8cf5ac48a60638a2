"""Inboxes and how to embed them; canned replies."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.errors import AttuneError, NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import form_status
from chat.inboxes import selectors, services
from chat.inboxes.forms import CannedForm, InboxForm
from chat.inboxes.models import CannedReply
from tenants import teams
from tenants.models import Tenant
from tenants.pages import go, page


@page("chat.manage")
def inboxes(request: HttpRequest) -> HttpResponse:
    context = {
        "inboxes": selectors.inboxes(),
        "teams": teams.teams().prefetch_related("members__user"),
        "canned": selectors.canned(),
    }
    return render(request, "inboxes/inboxes.html", context)


@page("chat.manage")
def new(request: HttpRequest) -> HttpResponse:
    colour = Tenant.objects.values_list("brand_colour", flat=True).get(pk=current_tenant())
    form = InboxForm(request.POST or None, initial={"colour": colour} if colour else None)
    if request.method == "POST" and form.is_valid():
        try:
            return go(request, "inboxes:inbox", services.save_inbox(**form.values()).pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return render(request, "inboxes/new.html", {"form": form}, status=form_status(form))


@page("chat.manage")
def inbox(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Its settings, and the line of code that puts it on a site."""
    row = selectors.inbox(pk, lock=request.method == "POST")
    form = InboxForm(request.POST or None, instance=row)
    now = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    editing = Editing(form, now, audit.latest_of(row, "inboxes.save_inbox"))
    if request.method == "POST" and form.is_valid() and editing.settled():
        try:
            services.save_inbox(inbox=row, **form.values())
            messages.success(request, str(say("Saved.")))
            return go(request, "inboxes:inbox", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    base = settings.PUBLIC_URL.rstrip("/")
    context = {
        "inbox": row, "form": form, "editing": editing, "secret": services.secret_of(row),
        "script": f"{base}{static('dist/widget.js')}",
    }  # fmt: skip
    return render(request, "inboxes/inbox.html", context, status=form_status(form, editing))


@page("chat.manage")
def preview(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The widget on a page of our own, as a visitor meets it."""
    return render(request, "inboxes/preview.html", {"inbox": selectors.inbox(pk)})


@require_POST
@page("chat.manage")
def renew_secret(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.renew_secret(inbox=selectors.inbox(pk))
    messages.success(request, str(say("A fresh secret stands below.")))
    return go(request, "inboxes:inbox", pk)


@require_POST
@page("chat.manage")
def close(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.inbox(pk)
    if row.state == "active":
        services.close_inbox(inbox=row)
    else:
        services.reopen_inbox(inbox=row)
    return go(request, "inboxes:inbox", pk)


@page("chat.manage")
def canned(request: HttpRequest, pk: uuid.UUID | None = None) -> HttpResponse:
    row = _canned(pk) if pk else None
    initial = {"code": row.code, "text": row.text} if row else {}
    form = CannedForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.save_canned(**form.cleaned_data, row=row)
            return go(request, "inboxes:inboxes")
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return render(request, "inboxes/canned.html", {"form": form, "canned": row},
                  status=form_status(form))  # fmt: skip


@require_POST
@page("chat.manage")
def remove_canned(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.remove_canned(row=_canned(pk))
    return go(request, "inboxes:inboxes")


def _canned(pk: uuid.UUID) -> CannedReply:
    row = CannedReply.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such reply in this workspace."))
    return row
