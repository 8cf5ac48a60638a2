"""Audience pages: people, one person, files, rejected events."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.errors import AttuneError, Invalid, NotFound
from attune.kernel.phrases import say, say_many
from attune.web.forms import add_refusal
from attune.web.pages import form_status, paged
from campaigns.contacts import importing, imports, selectors, services
from campaigns.contacts.forms import ConsentForm, ReplayForm, TraitForm, UploadForm
from campaigns.contacts.models import STAGES, Contact, ContactImport, IdentityMerge
from tenants import offers
from tenants.pages import can, demand, go, page


@page("contacts.view")
def people(request: HttpRequest) -> HttpResponse:
    search, lifecycle = request.GET.get("q", ""), request.GET.get("lifecycle", "")
    if not can(request, "contacts.view_personal"):
        search = ""
    rows = selectors.contacts(search=search, lifecycle=lifecycle)
    context = {
        "page": paged(request, rows.prefetch_related("profiles")),
        "q": search,
        "lifecycle": lifecycle,
        "stages": STAGES,
    }
    return render(request, "contacts/people.html", context)


@page("contacts.view")
def person(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _person(request, selectors.contact(pk), TraitForm(), ConsentForm())


def _person(
    request: HttpRequest, contact: Contact, trait: TraitForm, consent: ConsentForm
) -> HttpResponse:
    pk = contact.pk
    context = {
        "contact": contact,
        "profile": selectors.profile(pk),
        "events": selectors.timeline(pk),
        "scores": selectors.scores(pk),
        "stays": contact.memberships.select_related("segment").order_by("-id")[:50],
        "consents": contact.consents.order_by("-created_at")[:20],
        "merges": IdentityMerge.objects.filter(target_id=pk).order_by("-id"),
        "sends": contact.sends.select_related("campaign").order_by("-id")[:20],
        "trait_form": trait,
        "consent_form": consent,
    }
    status = max(form_status(trait), form_status(consent))
    return render(request, "contacts/person.html", context, status=status)


@require_POST
@page("contacts.edit")
def set_trait(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    contact, form = selectors.contact(pk), TraitForm(request.POST)
    if not form.is_valid():
        return _person(request, contact, form, ConsentForm())
    values = form.cleaned_data
    value = imports.typed(values["value"])
    before = selectors.trait_now(contact, values["key"])
    try:
        services.set_traits(contact=contact, traits={values["key"]: None if value == "" else value})
    except AttuneError as refusal:
        add_refusal(form, refusal)
        return _person(request, contact, form, ConsentForm())
    told = say("The trait “%(key)s” is set; the profile follows in a moment.", key=values["key"])
    offers.offer(
        request, told, "contacts.set_trait", contact_id=str(pk), key=values["key"], value=before,
        after=None if value == "" else value,
    )  # fmt: skip
    return go(request, "contacts:person", pk)


@require_POST
@page("contacts.edit")
def consent(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    contact, form = selectors.contact(pk), ConsentForm(request.POST)
    if not form.is_valid():
        return _person(request, contact, TraitForm(), form)
    services.record_consent(contact=contact, source="admin", **form.cleaned_data)
    return go(request, "contacts:person", pk)


@require_POST
@page("contacts.edit")
def undo_merge(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    merged = IdentityMerge.objects.filter(pk=pk).first()
    if merged is None:
        raise NotFound(say("There is no such merge in this workspace."))
    services.undo_merge(merged=merged)
    return go(request, "contacts:person", merged.target_id)


@page("contacts.import")
def files(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            of = importing.upload(file=form.cleaned_data["file"])
            return go(request, "contacts:file", of.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "page": paged(request, selectors.imports())}
    return render(request, "contacts/files.html", context, status=form_status(form))


@page("contacts.import")
def file(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    of = selectors.get_import(pk)
    refusal: AttuneError | None = None
    if request.method == "POST":
        verb = request.POST.get("verb")
        mapping = {c: request.POST.get(f"map:{c}", "") for c in of.columns}
        try:
            if verb == "resume":
                importing.resume(of=of)
            elif verb not in {"check", "run"}:
                raise Invalid.one("verb", say("Choose check, run or resume."))
            else:
                importing.start(of=of, mapping=mapping, dry_run=verb == "check")
            return go(request, "contacts:file", pk)
        except AttuneError as wrong:
            refusal, of.mapping = wrong, mapping
    choices = [("", say("leave out")), *((t, t) for t in (*imports.TARGETS, "userId+email"))]
    sees = _sees(request, of)
    columns = [
        {
            "name": name,
            "chosen": of.mapping.get(name, ""),
            "trait": f"trait:{name}",
            "cells": [row[i] for row in of.sample] if sees else [],
        }
        for i, name in enumerate(of.columns)
    ]
    context = {
        "of": of, "columns": columns, "choices": choices, "refusal": refusal,
        "stopped": importing.interrupted(of),
        "problems": of.problems.order_by("line")[:50], "sees": sees,
    }  # fmt: skip
    return render(request, "contacts/file.html", context)


def _sees(request: HttpRequest, of: ContactImport) -> bool:
    """Whether the rows of a file may be shown: to who may see names, and to who brought it."""
    if can(request, "contacts.view_personal"):
        return True
    brought = audit.latest_of(of, "contacts.upload")
    return brought is not None and brought.actor_id == str(request.user.pk)


@page("contacts.import")
def problems(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    of = selectors.get_import(pk)
    if not _sees(request, of):
        demand(request, "contacts.view_personal")
    response = HttpResponse(importing.problems_csv(of), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="problems-{of.pk}.csv"'
    return response


@page("events.view")
def events(request: HttpRequest) -> HttpResponse:
    rows = selectors.events_by_day()
    chart = {
        "kind": "bar",
        "unit": say("events"),
        "x": [row["day"].isoformat() for row in rows],
        "series": [{"name": say("Events"), "values": [row["n"] for row in rows]}],
    }
    context = {
        "chart": chart,
        "page": paged(request, selectors.rejected()),
        "personal": can(request, "contacts.view_personal"),
    }
    return render(request, "contacts/events.html", context)


@require_POST
@page("events.write")
def replay_many(request: HttpRequest) -> HttpResponse:
    """Offer the chosen refused events again as they are: after what refused them was mended."""
    receipt = services.replay_chosen(event_ids=request.POST.getlist("chosen"))
    refused = len(receipt.rejected)
    told = say_many("%(n)s event is accepted", "%(n)s events are accepted", n=receipt.accepted)
    if receipt.accepted:
        messages.success(request, f"{told}.")
    if refused:
        still = say_many(
            "%(n)s is refused as before; correct it one by one.",
            "%(n)s are refused as before; correct them one by one.",
            n=refused,
        )
        messages.error(request, str(still))
    return go(request, "contacts:events")


@require_POST
@page("events.write")
def replay(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.rejected(open_only=False).filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such event in this workspace."))
    form = ReplayForm(request.POST)
    if form.is_valid():
        try:
            services.replay_rejected([row], edited=form.cleaned_data["raw"])
            return go(request, "contacts:events")
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return render(request, "contacts/replay.html", {"form": form, "row": row}, status=422)
