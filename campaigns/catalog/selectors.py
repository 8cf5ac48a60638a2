"""Reading the catalogue."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from campaigns.catalog.models import Fact, Product


def products(*, search: str = "") -> QuerySet[Product]:
    rows = Product.objects.order_by("name")
    return rows.filter(Q(name__icontains=search) | Q(sku=search)) if search else rows


def offered() -> list[Product]:
    """What can be had now, at most 500: what copy without a brief may speak of."""
    return list(Product.objects.filter(available=True).order_by("name")[:500])


def product(product_id: uuid.UUID | str, *, lock: bool = False) -> Product:
    rows = Product.objects.select_for_update() if lock else Product.objects.all()
    row = rows.filter(pk=product_id).first()
    if row is None:
        raise NotFound(say("There is no such product in this workspace."))
    return row


def valid_facts(of: list[Product]) -> QuerySet[Fact]:
    """Facts of these products and of the whole workspace that hold today."""
    today = timezone.localdate()
    return Fact.objects.filter(
        Q(product__in=of) | Q(product=None), Q(valid_until=None) | Q(valid_until__gte=today)
    ).order_by("id")


def grounding(of: list[Product]) -> list[dict[str, Any]]:
    """Everything that copy about these products may claim, each with its source."""
    facts: list[dict[str, Any]] = []
    for row in of:
        price = f"{row.price_cents / 100:.2f} {row.currency}"
        facts.append({"source": f"product {row.sku}, name", "text": row.name})
        facts.append({"source": f"product {row.sku}, price", "text": f"{row.name} costs {price}"})
        if row.description:
            facts.append({"source": f"product {row.sku}, description", "text": row.description})
    facts += [
        {"source": f"fact {f.source or str(f.pk)[:8]}", "text": f.text} for f in valid_facts(of)
    ]
    return facts
