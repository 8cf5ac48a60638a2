"""Changes to catalogue, facts and voice."""

from __future__ import annotations

from datetime import date

from django.db import IntegrityError, transaction

from attune.kernel import audit
from attune.kernel.errors import Invalid
from campaigns.catalog.models import BrandVoice, Fact, Product


def save_product(*, product: Product | None = None, **values: object) -> Product:
    """Create or change a product. `values` are its fields, checked by the model."""
    product = product or Product()
    before = {name: str(getattr(product, name)) for name in values} if product.sku else {}
    for name, value in values.items():
        setattr(product, name, value)
    if int(product.price_cents) < 0:
        raise Invalid.one("price_cents", "A price is not negative.")
    if not product.sku or not product.name:
        raise Invalid.one("sku" if not product.sku else "name", "This field is needed.")
    try:
        with transaction.atomic():
            product.save()
    except IntegrityError as clash:
        raise Invalid.one("sku", f"The SKU “{product.sku}” is taken.") from clash
    audit.record("catalog.save_product", product, before=before)
    return product


def add_fact(
    *, text: str, product: Product | None = None, source: str = "", valid_until: date | None = None
) -> Fact:
    if not text.strip():
        raise Invalid.one("text", "A fact is a sentence.")
    fact = Fact.objects.create(
        text=text.strip()[:300], product=product, source=source[:200], valid_until=valid_until
    )
    audit.record("catalog.add_fact", fact)
    return fact


def remove_fact(*, fact: Fact) -> None:
    audit.record("catalog.remove_fact", fact)
    fact.delete()


def voice() -> BrandVoice:
    """The workspace's voice; a plain one is made on first use."""
    row, _ = BrandVoice.objects.get_or_create()
    return row


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
