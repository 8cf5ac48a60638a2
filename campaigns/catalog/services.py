"""Changes to catalogue, facts and voice."""

from __future__ import annotations

from datetime import date

from django.db import IntegrityError, transaction
from django.utils import timezone

from attune.kernel import audit
from attune.kernel.errors import Conflict, Invalid, NotFound
from attune.kernel.phrases import say
from campaigns.catalog.models import BrandVoice, Fact, Product
from tenants import undo


def save_product(*, product: Product | None = None, **values: object) -> Product:
    """Create or change a product. `values` are its fields, checked by the model."""
    product = product or Product()
    before = {name: str(getattr(product, name)) for name in values} if product.sku else {}
    for name, value in values.items():
        setattr(product, name, value)
    if int(product.price_cents) < 0:
        raise Invalid.one("price_cents", say("A price is not negative."))
    if not product.sku or not product.name:
        raise Invalid.one("sku" if not product.sku else "name", say("This field is needed."))
    only = None if product._state.adding else list(values)  # what others set meanwhile stays
    try:
        with transaction.atomic():
            product.save(update_fields=only)
    except IntegrityError as clash:
        raise Invalid.one("sku", say("The SKU “%(sku)s” is taken.", sku=product.sku)) from clash
    audit.record("catalog.save_product", product, before=before)
    return product


def add_fact(
    *, text: str, product: Product | None = None, source: str = "", valid_until: date | None = None
) -> Fact:
    if not text.strip():
        raise Invalid.one("text", say("A fact is a sentence."))
    if valid_until is not None and valid_until < timezone.localdate():
        raise Invalid.one("valid_until", say("This day is over already."))
    fact = Fact.objects.create(
        text=text.strip()[:300], product=product, source=source[:200], valid_until=valid_until
    )
    audit.record("catalog.add_fact", fact)
    return fact


@undo.deed("catalog.remove_fact", verb="catalog.edit")
def put_back_fact(
    *, fact_id: str, text: str, product_id: str | None, source: str, valid_until: str | None
) -> None:
    """A fact that was removed, under its old id, so once; its product must still be there."""
    if Fact.objects.filter(pk=fact_id).exists():
        raise Conflict(say("This fact is there again already."))
    product = Product.objects.filter(pk=product_id).first() if product_id else None
    if product_id and product is None:
        raise NotFound(say("There is no such product in this workspace."))
    until = date.fromisoformat(valid_until) if valid_until else None
    try:
        with transaction.atomic():
            fact = Fact.objects.create(
                id=fact_id, text=text, product=product, source=source, valid_until=until
            )
    except IntegrityError as twice:
        raise Conflict(say("This fact is there again already.")) from twice
    audit.record("catalog.add_fact", fact)


def remove_fact(*, fact: Fact) -> None:
    audit.record("catalog.remove_fact", fact)
    fact.delete()


def voice(*, lock: bool = False) -> BrandVoice:
    """The workspace's voice; a plain one is made on first use."""
    row, _ = BrandVoice.objects.get_or_create()
    return BrandVoice.objects.select_for_update().get(pk=row.pk) if lock else row


def save_voice(
    *,
    tone: str,
    audience: str,
    banned_words: list[str],
    preferred_words: list[str],
    samples: list[str],
    signature: str,
) -> BrandVoice:
    row = voice()
    before = {"tone": row.tone, "banned_words": row.banned_words}
    row.tone, row.audience, row.signature = tone[:200], audience[:200], signature[:120]
    row.banned_words, row.preferred_words, row.samples = banned_words, preferred_words, samples
    row.save()
    audit.record("catalog.save_voice", row, before=before)
    return row
