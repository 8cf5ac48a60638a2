"""What a workspace sells and may claim, and how it speaks."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import TenantForeignKey


class Product(TenantModel):
    """Something that is sold. Its fields are facts that copy may state."""

    sku = models.CharField(max_length=60)
    name = models.CharField(max_length=160)
    category = models.CharField(max_length=100, blank=True, default="")
    price_cents = models.BigIntegerField(validators=[MinValueValidator(0)])
    currency = models.CharField(max_length=3, default="EUR")
    description = models.TextField(blank=True, default="")
    url = models.URLField(blank=True, default="")
    available = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        db_table = "product"
        constraints = [
            models.UniqueConstraint(name="one_product_a_sku", fields=["tenant_id", "sku"]),
            models.CheckConstraint(
                name="a_price_is_not_negative", condition=models.Q(price_cents__gte=0)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Fact(TenantModel):
    """A sentence that copy may rely on, of one product or of the whole workspace."""

    product = TenantForeignKey(
        Product, null=True, blank=True, on_delete=models.CASCADE, related_name="facts"
    )
    text = models.CharField(max_length=300)
    source = models.CharField(max_length=200, blank=True, default="")
    valid_until = models.DateField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "fact"

    def __str__(self) -> str:
        return self.text


class BrandVoice(TenantModel):
    """How the workspace speaks: tone, words it likes and never uses, samples."""

    tone = models.CharField(max_length=200, default="warm, plain, concrete")
    audience = models.CharField(max_length=200, blank=True, default="")
    banned_words = models.JSONField(default=list)
    preferred_words = models.JSONField(default=list)
    samples = models.JSONField(default=list)
    signature = models.CharField(max_length=120, blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "brand_voice"
        constraints = [
            models.UniqueConstraint(name="one_voice_a_workspace", fields=["tenant_id"]),
        ]

    def __str__(self) -> str:
        return self.tone
