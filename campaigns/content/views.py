"""Content pages: briefs, variants arriving live, one message and its revisions."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel import audit, jobs
from attune.kernel.errors import AttuneError, Conflict, Invalid
from attune.kernel.phrases import say
from attune.kernel.storable import as_uuid
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import filters, form_status, paged
from campaigns.catalog.models import Product
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Contact
from campaigns.content import grounding, selectors, services
from campaigns.content.forms import BriefForm, ComponentsForm, MessageForm
from campaigns.content.models import PART_ORDER, Channel, Locale
from campaigns.segments import selectors as segments
from tenants.pages import demand, go, page


@page("content.view")
def briefs(request: HttpRequest) -> HttpResponse:
    by = filters(request, [])
    context = {
        "page": paged(request, selectors.briefs(q=by.q)),
        "filters": by,
        "approved": selectors.approved_revisions()[:10],
    }
    return render(request, "content/briefs.html", context)


@page("content.edit")
def new_brief(request: HttpRequest) -> HttpResponse:
    form = BriefForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            brief = services.save_brief(author_id=request.user.pk, **_brief_values(form))
            return go(request, "content:brief", brief.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return render(request, "content/brief_form.html", {"form": form}, status=form_status(form))


def _brief_values(form: BriefForm) -> dict[str, Any]:
    values = form.values()
    values["products"] = list(Product.objects.filter(pk__in=values["products"]))
    values["audience"] = segments.segment(values["audience"]) if values["audience"] else None
    return values


@page("content.edit")
def edit_brief(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.brief(pk, lock=request.method == "POST")
    plain = ("name", "goal", "channel", "offer", "notes", "locale", "tone")
    now = {name: getattr(row, name) for name in plain}
    now |= {name: "\n".join(getattr(row, name)) for name in BriefForm.LISTS}
    now["audience"] = str(row.audience_id or "")
    now["products"] = [str(p.pk) for p in grounding.products_of(row)]
    form = BriefForm(request.POST or None, initial=now, own=row)
    editing = Editing(form, now, audit.latest_of(row, "content.save_brief"))
    if request.method == "POST" and form.is_valid() and editing.settled():
        try:
            services.save_brief(brief=row, **_brief_values(form))
            return go(request, "content:brief", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "editing": editing, "brief": row}
    return render(request, "content/brief_form.html", context, status=form_status(form, editing))


@page("content.view")
def brief(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The brief with its runs and variants; htmx asks again when the model has news."""
    row = selectors.brief(pk)
    runs, variants = selectors.runs(pk), selectors.newest_revisions(pk)
    context = {
        "brief": row,
        "products": grounding.products_of(row, facts=True),
        "voice": grounding.voice_of(row),
        "commands": grounding.commands_in(row),
        "language": dict(Locale.choices).get(row.locale, row.locale),
        "runs": runs,
        "busy": bool(runs) and runs[0].state in {"queued", "running"},
        "variants": [r for r in variants if not r.blocked],
        "blocked": [r for r in variants if r.blocked],
    }
    part = request.htmx and request.headers.get("HX-Target") == "variants"
    return render(request, "content/variants.html" if part else "content/brief.html", context)


@require_POST
@page("content.generate")
def generate(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    asked = request.POST.get("wanted", "4")
    wanted = int(asked) if asked.isdecimal() and len(asked) < 4 else 0
    like, person = as_uuid(request.POST.get("like", "")), request.POST.get("person", "").strip()
    brief = selectors.brief(pk)
    try:
        contact = _person(request, person) if person else None
    except Invalid as unknown:  # said on the page that asked
        messages.error(request, str(unknown.detail))
        return go(request, "content:brief", pk)
    services.request_variants(
        brief=brief, wanted=wanted, author_id=request.user.pk, contact=contact,
        like=selectors.revision(like) if like else None,
    )  # fmt: skip
    return go(request, "content:brief", pk)


def _person(request: HttpRequest, known_as: str) -> Contact:
    """The one contact that a message is for; who may not see people may not write to one."""
    demand(request, "contacts.view_personal")
    row = contacts.contact_by_user(known_as) or contacts.contact_by_email(known_as)
    if row is None:
        raise Invalid.one("person", say("Nobody is known as “%(name)s”.", name=known_as))
    return row


@page("content.view")
def compare(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Two texts or more side by side; what differs from the first is marked."""
    row = selectors.brief(pk)
    chosen = [as_uuid(text) for text in request.GET.getlist("chosen")[:6]]
    revisions = [r for r in selectors.newest_revisions(pk) if r.pk in chosen]
    first = revisions[0].components if revisions else {}
    rows = [
        {
            "name": name,
            "cells": [
                {
                    "text": r.components.get(name, ""),
                    "diff": selectors.diff(first.get(name, ""), r.components.get(name, ""))
                    if index and r.components.get(name) else [],
                }
                for index, r in enumerate(revisions)
            ],
        }
        for name in PART_ORDER
        if any(name in r.components for r in revisions)
    ]  # fmt: skip
    context = {"brief": row, "revisions": revisions, "rows": rows if len(revisions) > 1 else []}
    return render(request, "content/compare.html", context)


@require_POST
@page("jobs.manage")
def cancel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Stop the model; what passed so far stays."""
    runs = selectors.runs(selectors.brief(pk).pk)
    if runs and runs[0].job is not None:
        with suppress(Conflict):  # cancelled or finished already; the run is closed all the same
            jobs.cancel(runs[0].job)
        services.cancel_run(run=runs[0])
    return go(request, "content:brief", pk)


@page("content.edit")
def new_message(request: HttpRequest) -> HttpResponse:
    """A message written by hand, from a brief or from the catalogue alone."""
    asked = as_uuid(request.GET.get("brief", ""))
    start = selectors.brief(asked) if asked else None
    channel = request.POST.get("channel") or request.GET.get("channel", "")
    if channel not in Channel.values:
        channel = start.channel if start else Channel.EMAIL.value
    initial = {"channel": channel, "brief": str(start.pk) if start else ""}
    form = MessageForm(channel, request.POST or None, initial=initial)
    parts = ComponentsForm(channel, request.POST or None)
    if request.method == "POST" and form.is_valid() and parts.is_valid():
        try:
            values = dict(form.cleaned_data)
            chosen = values.pop("brief")
            revision = services.create_asset(
                **values, brief=selectors.brief(chosen) if chosen else None,
                components=parts.filled(), author_id=request.user.pk,
            )  # fmt: skip
            return go(request, "content:revision", revision.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    status = max(form_status(form), form_status(parts))
    context = {"form": form, "parts": parts, "channel": channel, "channels": Channel.choices}
    return render(request, "content/message_form.html", context, status=status)


@page("content.view")
def revision(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.revision(pk)
    context = {
        "revision": row,
        "checks": row.checks.order_by("-verdict", "kind"),
        "history": row.asset.revisions.order_by("-number"),
        "verdicts": [
            v for review in row.reviews.prefetch_related("verdicts") for v in review.verdicts.all()
        ],
        "components": _with_diff(row),
        "voice": grounding.voice_score(
            " ".join(t for n, t in row.parts if n not in ("cta", "link")),
            grounding.voice_of(row.asset.brief),
        ),
    }
    return render(request, "content/revision.html", context)


def _with_diff(row: object) -> list[dict[str, object]]:
    parent = row.parent
    old = parent.components if parent else {}
    return [
        {
            "name": name,
            "text": text,
            "changed": bool(old) and old.get(name, "") != text,
            "diff": selectors.diff(old.get(name, ""), text) if old else [],
        }
        for name, text in row.parts
    ]
