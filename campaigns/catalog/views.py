"""Catalogue and voice pages."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.errors import AttuneError, Invalid, NotFound
from attune.kernel.phrases import say
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import form_status, paged
from campaigns.catalog import selectors, services
from campaigns.catalog.forms import FactForm, ProductForm, VoiceForm
from campaigns.catalog.models import Fact, Product
from tenants import offers
from tenants.pages import go, page


@page("catalog.view")
def products(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("q", "")
    context = {"page": paged(request, selectors.products(search=search)), "q": search}
    return render(request, "catalog/products.html", context)


@page("catalog.edit")
def new(request: HttpRequest) -> HttpResponse:
    form = ProductForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            product = services.save_product(**form.values())
            return go(request, "catalog:product", product.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return render(request, "catalog/product.html", {"form": form}, status=form_status(form))


@page("catalog.edit")
def product(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.product(pk, lock=request.method == "POST")
    editing = _editing(row, request.POST or None)
    form = editing.form
    if request.method == "POST" and form.is_valid() and editing.settled():
        try:
            services.save_product(product=row, **form.values())
            return go(request, "catalog:products")
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return _product(request, row, editing, FactForm())


def _editing(row: Product, data: QueryDict | None) -> Editing:
    now = {name: getattr(row, name) for name in ProductForm.Meta.fields if name != "price"}
    now["price"] = f"{row.price_cents / 100:.2f}"
    return Editing(
        ProductForm(data, initial=now), now, audit.latest_of(row, "catalog.save_product")
    )


def _product(request: HttpRequest, row: Product, editing: Editing, fact: FactForm) -> HttpResponse:
    context = {
        "form": editing.form, "editing": editing, "product": row, "fact_form": fact,
        "facts": row.facts.all(),
    }  # fmt: skip
    status = max(form_status(editing.form, editing), form_status(fact))
    return render(request, "catalog/product.html", context, status=status)


@require_POST
@page("catalog.edit")
def add_fact(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    product, form = selectors.product(pk), FactForm(request.POST)
    if not form.is_valid():
        return _product(request, product, _editing(product, None), form)
    try:
        services.add_fact(product=product, **form.cleaned_data)
    except Invalid as refusal:
        add_refusal(form, refusal)
        return _product(request, product, _editing(product, None), form)
    return go(request, "catalog:product", pk)


@require_POST
@page("catalog.edit")
def remove_fact(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    fact = Fact.objects.filter(pk=pk).first()
    if fact is None:
        raise NotFound(say("There is no such fact in this workspace."))
    product_id = fact.product_id
    values = {
        "fact_id": str(fact.pk), "text": fact.text,
        "product_id": str(product_id) if product_id else None,
        "source": fact.source,
        "valid_until": fact.valid_until.isoformat() if fact.valid_until else None,
    }  # fmt: skip
    services.remove_fact(fact=fact)
    offers.offer(request, say("The fact is removed."), "catalog.remove_fact", **values)
    if product_id is None:
        return go(request, "catalog:products")
    return go(request, "catalog:product", product_id)


@page("catalog.edit")
def voice(request: HttpRequest) -> HttpResponse:
    row = services.voice(lock=request.method == "POST")
    now = {
        name: "\n".join(getattr(row, name)) if name in VoiceForm.LISTS else getattr(row, name)
        for name in VoiceForm.base_fields
    }
    form = VoiceForm(request.POST or None, initial=now)
    editing = Editing(form, now, audit.latest_of(row, "catalog.save_voice"))
    if request.method == "POST" and form.is_valid() and editing.settled():
        services.save_voice(**form.values())
        messages.success(request, str(say("Saved.")))
        return go(request, "catalog:voice")
    context = {"form": form, "editing": editing}
    return render(request, "catalog/voice.html", context, status=form_status(form, editing))
