"""Segment pages: list, builder with live size, members, why."""

from __future__ import annotations

import uuid

import orjson
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.errors import AttuneError, FieldError, Invalid
from attune.kernel.phrases import say, word
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import filters, form_status, paged
from campaigns.contacts import selectors as contacts
from campaigns.segments import rules, selectors, services
from campaigns.segments.forms import SegmentForm
from campaigns.segments.models import Segment
from tenants import offers
from tenants.pages import demand, go, page

LABELLED = {
    *rules.PROFILE_FIELDS, *rules.TRAIT_TESTS, "email", "sms", "push", "given", "refused",
}  # fmt: skip


@page("segments.view")
def segments(request: HttpRequest) -> HttpResponse:
    by = filters(request, Segment.State.values)
    found = paged(request, selectors.segments(q=by.q, state=by.state))
    return render(request, "segments/segments.html", {"page": found, "filters": by})


@page("segments.view")
def segment(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.segment(pk)
    context = {
        "segment": row,
        "words": selectors.describe(row.rule),
        "page": paged(request, selectors.members(row)),
        "revisions": row.revisions.order_by("-version")[:20],
    }
    return render(request, "segments/segment.html", context)


@page("segments.edit")
def new(request: HttpRequest) -> HttpResponse:
    form = SegmentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            values = form.cleaned_data
            row = services.create(
                name=values["name"], description=values["description"], rule=values["rule"]
            )
            return go(request, "segments:segment", row.pk)
        except AttuneError as refusal:
            add_refusal(form, _at_the_rule(refusal))
    return _builder(request, form)


@page("segments.edit")
def edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.segment(pk, lock=request.method == "POST")
    now = {"name": row.name, "description": row.description, "rule": row.rule}
    form = SegmentForm(request.POST or None, initial=now)
    editing = Editing(form, now, audit.latest_of(row, "segments.change"))
    if request.method == "POST" and form.is_valid() and editing.settled():
        try:
            services.change(segment=row, version=row.version, **form.cleaned_data)
            return go(request, "segments:segment", pk)
        except AttuneError as refusal:
            add_refusal(form, _at_the_rule(refusal))
    return _builder(request, form, row=row, editing=editing)


@require_POST
@page("segments.edit")
def archive(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.archive(segment=selectors.segment(pk))
    offers.offer(
        request, say("Archived: it is not updated any more."), "segments.archive",
        segment_id=str(pk),
    )  # fmt: skip
    return go(request, "segments:segment", pk)


@require_POST
@page("segments.edit")
def restore(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.restore(segment=selectors.segment(pk))
    return go(request, "segments:segment", pk)


def _at_the_rule(refusal: AttuneError) -> AttuneError:
    """Mistakes within a rule, told at the rule's field with the place as people count."""
    if not isinstance(refusal, Invalid):
        return refusal
    return Invalid(
        [
            FieldError("rule", say("%(place)s: %(wrong)s", place=rules.place(e.field),
                                   wrong=e.sentence()))
            if e.field.startswith("rule") else e
            for e in refusal.errors
        ]
    )  # fmt: skip


def _builder(request: HttpRequest, form: forms.Form, **extra: object) -> HttpResponse:
    vocabulary = {
        "events": contacts.event_names(),
        "traits": contacts.trait_names(),
        "scores": contacts.score_keys(),
        "profile": sorted(rules.PROFILE_FIELDS),
        "texts": sorted(rules.PROFILE_TEXTS),
        "tests": list(rules.TRAIT_TESTS),
        "labels": {code: str(word(code)) for code in sorted(LABELLED)},
        "segments": [{"id": str(s.pk), "name": s.name} for s in selectors.segments()],
    }
    context = {"form": form, "vocabulary": vocabulary, **extra}
    status = form_status(form, extra.get("editing"))
    return render(request, "segments/builder.html", context, status=status)


@require_POST
@page("segments.edit")
def preview(request: HttpRequest) -> HttpResponse:
    """The live size of the rule being built, as a fragment."""
    try:
        rule = orjson.loads(request.POST.get("rule", ""))
        context: dict[str, object] = {
            "size": selectors.preview(rule),
            "words": selectors.describe(rule),
        }
    except orjson.JSONDecodeError as wrong:
        context = {"errors": [say("The rule is not valid JSON: %(why)s", why=wrong)]}
    except Invalid as refusal:
        told = [e.sentence() for e in _at_the_rule(refusal).errors]
        context = {"errors": told}
    return render(request, "segments/preview.html", context)


@page("contacts.view")
def why(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.segment(pk)
    asked = request.GET.get("user", "")
    person = None
    if asked:
        demand(request, "contacts.view_personal")
        found = contacts.contacts(search=asked).first()
        person = found or contacts.contact_by_user(asked)
    reason = selectors.explain(row, person) if person else None
    context = {"segment": row, "asked": asked, "person": person, "reason": reason}
    return render(request, "segments/why.html", context)
