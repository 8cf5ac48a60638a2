"""Pages of the sources: what comes in, from where, and what was not taken."""

from __future__ import annotations

import io
import tempfile
import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.phrases import say, say_many
from attune.kernel.storable import as_uuid
from attune.web.downloads import download
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import form_status, paged
from insights.sources import entries, importing, selectors, services
from insights.sources.forms import DoorForm, FileForm, PasteForm, SourceForm
from insights.sources.intake import Receipt
from insights.sources.models import Document, Source
from tenants.pages import go, page


@page("insights.view")
def sources(request: HttpRequest) -> HttpResponse:
    counts = selectors.counts()
    empty = {"documents": 0, "waiting": 0, "aside": 0, "copies": 0, "newest": None}
    rows = [(row, counts.get(row.pk, empty)) for row in selectors.sources(state="")]
    n, waiting = (sum(c[name] for c in counts.values()) for name in ("documents", "waiting"))
    context = {
        "rows": rows, "n": n, "waiting": waiting, "read": n - waiting, "floods": selectors.floods(),
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "sources"
    return render(request, f"sources/{'list' if part else 'sources'}.html", context)


@page("insights.edit")
def new(request: HttpRequest) -> HttpResponse:
    return _edit(request, None)


@page("insights.edit")
def edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _edit(request, selectors.source(pk, lock=request.method == "POST"))


def _edit(request: HttpRequest, row: Source | None) -> HttpResponse:
    names = ("name", "kind", "licence", "language")
    now = {name: getattr(row, name) for name in names} | {"product": row.product_id} if row else {}
    form = SourceForm(request.POST or None, initial=now)
    editing = Editing(form, now, audit.latest_of(row, "insights.save_source")) if row else None
    if request.method == "POST" and form.is_valid() and (editing is None or editing.settled()):
        try:
            saved = services.save_source(source=row, **form.cleaned_data)
            return go(request, "sources:source", saved.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "source": row, "editing": editing}
    return render(request, "sources/edit.html", context, status=form_status(form, editing))


@page("insights.view")
def source(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _source(request, selectors.source(pk))


def _source(
    request: HttpRequest, row: Source, *, file: FileForm | None = None,
    paste: PasteForm | None = None, door: DoorForm | None = None,
) -> HttpResponse:  # fmt: skip
    columns = "\n".join(f"{theirs} = {ours}" for theirs, ours in row.columns.items())
    shown = file or FileForm(), paste or PasteForm(), door or DoorForm(initial={"columns": columns})
    token = services.token(row)
    context = {
        "source": row, "counts": selectors.counts(row).get(row.pk), "file": shown[0],
        "paste": shown[1], "door": shown[2], "targets": entries.TARGETS,
        "hook": request.build_absolute_uri(f"/in/{token}") if token else "",
        "imports": row.imports.select_related("job").order_by("-id")[:20],
        "problems": selectors.problems(row)[:20],
    }  # fmt: skip
    status = max(form_status(form) for form in shown)
    return render(request, "sources/source.html", context, status=status)


@require_POST
@page("insights.edit")
def move(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.move(source=selectors.source(pk), verb=request.POST.get("verb", ""))
    return go(request, "sources:source", pk)


@require_POST
@page("insights.edit")
def upload(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row, form = selectors.source(pk), FileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            of = importing.upload(source=row, file=form.cleaned_data["file"])
            return go(request, "sources:file", of.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return _source(request, row, file=form)


@require_POST
@page("insights.edit")
def paste(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row, form = selectors.source(pk), PasteForm(request.POST)
    if form.is_valid():
        try:
            receipt = services.paste(source=row, now=timezone.now(), **form.cleaned_data)
            _tell(request, receipt)
            return go(request, "sources:source", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return _source(request, row, paste=form)


def _tell(request: HttpRequest, receipt: Receipt) -> None:
    n = receipt.accepted
    messages.success(request, str(say_many("%(n)s text taken in.", "%(n)s texts taken in.", n=n)))
    if receipt.refused:
        told = say_many(
            "%(n)s text was not taken; see below why.",
            "%(n)s texts were not taken; see below why.",
            n=len(receipt.refused),
        )  # fmt: skip
        messages.warning(request, str(told))


@require_POST
@page("insights.edit")
def door(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.source(pk, lock=True)
    if request.POST.get("verb") == "close":
        services.close_door(source=row)
        return go(request, "sources:source", pk)
    form = DoorForm(request.POST)
    if form.is_valid():
        try:
            services.open_door(source=row, columns=form.cleaned_data["columns"])
            return go(request, "sources:source", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return _source(request, row, door=form)


@page("insights.edit")
def file(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    of = selectors.get_import(pk)
    refusal: AttuneError | None = None
    if request.method == "POST":
        mapping = {c: request.POST.get(f"map:{c}", "") for c in of.columns}
        try:
            if request.POST.get("verb") == "resume":
                importing.resume(of=of)
            else:
                importing.start(of=of, mapping=mapping)
            return go(request, "sources:file", pk)
        except AttuneError as wrong:
            refusal, of.mapping = wrong, mapping
    columns = [
        {"name": name, "chosen": of.mapping.get(name, ""), "attribute": f"attribute:{name}",
         "cells": [row[i] for row in of.sample]}
        for i, name in enumerate(of.columns)
    ]  # fmt: skip
    context = {
        "of": of, "columns": columns, "targets": entries.TARGET_NAMES.items(), "refusal": refusal,
        "aside_now": of.documents.filter(state="aside").count(), "unknown": selectors.unknown(of),
        "stopped": importing.interrupted(of), "problems": of.problems.order_by("line")[:50],
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "import"
    status = 422 if refusal else 200
    return render(
        request, f"sources/{'file_body' if part else 'file'}.html", context, status=status
    )


@page("insights.edit")
def problems(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    of = selectors.get_import(pk)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    importing.problems_csv(of, text)
    text.detach()  # flushed; the file stays open
    return download(file, f"not-taken-{of.pk}.csv", "text/csv; charset=utf-8")


@page("insights.view")
def aside(request: HttpRequest) -> HttpResponse:
    """What no model reads until a person lets it in, and why."""
    why = request.GET.get("why", "")
    why = why if why in Document.Why.values else ""
    rows = selectors.aside(why=why)
    context = {"page": paged(request, rows), "why": why, "reasons": Document.Why.choices}
    return render(request, "sources/aside.html", context)


@require_POST
@page("insights.edit")
def let_in(request: HttpRequest) -> HttpResponse:
    ids = [pk for value in request.POST.getlist("document")[:500] if (pk := as_uuid(value))]
    if not ids:
        raise Invalid.one("document", say("Tick the documents first."))
    n = services.let_in(ids=ids)
    told = say_many("%(n)s document will be read.", "%(n)s documents will be read.", n=n)
    messages.success(request, str(told))
    return go(request, "sources:aside")
