"""Catalogue and voice pages."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel.errors import AttuneError, NotFound
from attune.web.forms import add_refusal, cleaned
from attune.web.pages import paged
from campaigns.catalog import selectors, services
from campaigns.catalog.forms import FactForm, ProductForm, VoiceForm
from campaigns.catalog.models import Fact
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
    return render(request, "catalog/product.html", {"form": form})


@page("catalog.edit")
def product(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.product(pk)
    price = {"price": f"{row.price_cents / 100:.2f}"}
    form = ProductForm(request.POST or None, instance=row, initial=price)
    if request.method == "POST" and form.is_valid():
        try:
            services.save_product(product=row, **form.values())
            return go(request, "catalog:products")
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "product": row, "fact_form": FactForm(), "facts": row.facts.all()}
    return render(request, "catalog/product.html", context)


@require_POST
@page("catalog.edit")
def add_fact(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    product = selectors.product(pk)
    services.add_fact(product=product, **cleaned(FactForm(request.POST)))
    return go(request, "catalog:product", pk)


@require_POST
@page("catalog.edit")
def remove_fact(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    fact = Fact.objects.filter(pk=pk).first()
    if fact is None:
        raise NotFound("There is no such fact in this workspace.")
    product_id = fact.product_id
    services.remove_fact(fact=fact)
    if product_id is None:
        return go(request, "catalog:products")
    return go(request, "catalog:product", product_id)


@page("catalog.edit")
def voice(request: HttpRequest) -> HttpResponse:
    row = services.voice()
    initial = {
        name: "\n".join(getattr(row, name)) if name in VoiceForm.LISTS else getattr(row, name)
        for name in VoiceForm.base_fields
    }
    form = VoiceForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        services.save_voice(**form.values())
        return go(request, "catalog:voice")
    return render(request, "catalog/voice.html", {"form": form})
