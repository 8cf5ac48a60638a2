"""The knowledge base: what the assistant may answer from, and a way to ask it."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.phrases import say, say_many
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import form_status, paged
from chat.knowledge import selectors, services
from chat.knowledge.forms import DocumentForm, FaqForm, FileForm
from chat.knowledge.models import Document
from tenants.pages import go, page

MOST_MB = 10


@page("knowledge.view")
def documents(request: HttpRequest) -> HttpResponse:
    q, kind = request.GET.get("q", "").strip()[:200], request.GET.get("kind", "")
    state = "archived" if request.GET.get("state") == "archived" else "active"
    kind = kind if kind in Document.Kind.values else ""
    context = {
        "page": paged(request, selectors.documents(q=q, kind=kind, state=state)),
        "q": q, "kind": kind, "state": state, "kinds": Document.Kind.choices, "file": FileForm(),
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "documents"
    return render(request, f"knowledge/{'list' if part else 'documents'}.html", context)


@page("knowledge.view")
def ask(request: HttpRequest) -> HttpResponse:
    """What would be found for a question, by its words: the sense is asked in the chat itself."""
    q = request.GET.get("ask", "").strip()[:500]
    found = selectors.search(q) if q else []
    return render(request, "knowledge/found.html", {"found": found, "q": q})


@page("knowledge.view")
def document(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.document(pk)
    context = {"document": row, "passages": row.passages.order_by("position")[:200]}
    return render(request, "knowledge/document.html", context)


@page("knowledge.edit")
def new(request: HttpRequest) -> HttpResponse:
    kind = "faq" if request.GET.get("kind") == "faq" else "page"
    form = (FaqForm if kind == "faq" else DocumentForm)(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = services.save_document(kind=kind, **form.cleaned_data)
            return go(request, "knowledge:document", row.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "kind": kind}
    return render(request, "knowledge/edit.html", context, status=form_status(form))


@page("knowledge.edit")
def edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.document(pk, lock=request.method == "POST")
    now = {"title": row.title, "body": row.body, "url": row.url, "language": row.language}
    form = (FaqForm if row.kind == "faq" else DocumentForm)(request.POST or None, initial=now)
    editing = Editing(form, now, audit.latest_of(row, "knowledge.save_document"))
    if request.method == "POST" and form.is_valid() and editing.settled():
        try:
            services.save_document(
                kind=row.kind, reference=row.reference, document=row, **form.cleaned_data
            )
            return go(request, "knowledge:document", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "kind": row.kind, "document": row, "editing": editing}
    return render(request, "knowledge/edit.html", context, status=form_status(form, editing))


@require_POST
@page("knowledge.edit")
def upload(request: HttpRequest) -> HttpResponse:
    sent = request.FILES.get("file")
    if sent is None:
        raise Invalid.one("file", say("Choose a file first."))
    if sent.size > MOST_MB * 1024 * 1024:
        raise Invalid.one("file", say("%(name)s is larger than %(most)s MB.", name=sent.name,
                                      most=MOST_MB))  # fmt: skip
    row = services.from_file(name=sent.name, content=sent.read())
    return go(request, "knowledge:document", row.pk)


@require_POST
@page("knowledge.edit")
def catalogue(request: HttpRequest) -> HttpResponse:
    n = services.take_catalogue()
    messages.success(
        request, str(say_many("%(n)s product taken in.", "%(n)s products taken in.", n=n))
    )
    return go(request, "knowledge:documents")


@require_POST
@page("knowledge.edit")
def archive(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.document(pk)
    if row.state == "active":
        services.archive(document=row)
    else:
        services.restore(document=row)
    return go(request, "knowledge:document", pk)
