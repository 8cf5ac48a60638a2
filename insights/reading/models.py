"""What the models made of a document: how it feels, sentence by sentence, and what it speaks of."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import TenantForeignKey
from campaigns.catalog.models import Product
from insights.sources.models import Document


class Feature(TenantModel):
    """Something that people speak of: battery, delivery, 味道. `key` is the term as it is compared;
    what was merged into another counts there."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        HIDDEN = "hidden", _("Hidden")
        MERGED = "merged", _("Merged")

    key = models.CharField(max_length=80)
    label = models.CharField(max_length=80)
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    into = TenantForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="merged_in"
    )

    class Meta(TenantModel.Meta):
        db_table = "feature"
        constraints = [
            models.UniqueConstraint(name="one_feature_a_key", fields=["tenant_id", "key"]),
            models.CheckConstraint(
                name="what_is_merged_says_where_to",
                condition=~models.Q(state="merged") | models.Q(into__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.label


class Reading(TenantModel):
    """One document as one model read it. The three probabilities sum to 1 and are calibrated;
    `sentences` are [start, end, negative, neutral, positive] with character offsets into the text;
    `vector` is its sense, where the model of its language has one."""

    class Feeling(models.TextChoices):
        POSITIVE = "positive", _("Positive")
        NEUTRAL = "neutral", _("Neutral")
        NEGATIVE = "negative", _("Negative")
        MIXED = "mixed", _("Mixed")

    document = TenantForeignKey(Document, on_delete=models.CASCADE, related_name="readings")
    model = models.CharField(max_length=60)
    feeling = models.CharField(max_length=8, choices=Feeling)
    negative = models.FloatField()
    neutral = models.FloatField()
    positive = models.FloatField()
    intensity = models.FloatField()
    sentences = models.JSONField(default=list)
    vector = HalfVectorField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "reading"
        constraints = [
            models.UniqueConstraint(
                name="one_reading_a_document", fields=["tenant_id", "document"]
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "feeling"], name="reading_by_feeling")]

    def __str__(self) -> str:
        return self.feeling


class Mention(TenantModel):
    """A feature named in a document: where (character offsets), how it is spoken of, and the words
    that say so (`opinion_end` 0: none found). Date, product and weight are its document's, kept
    here so that a million are counted without a join."""

    document = TenantForeignKey(Document, on_delete=models.CASCADE, related_name="mentions")
    feature = TenantForeignKey(Feature, on_delete=models.CASCADE, related_name="mentions")
    product = TenantForeignKey(Product, null=True, blank=True, on_delete=models.SET_NULL)
    start = models.IntegerField()
    end = models.IntegerField()
    opinion_start = models.IntegerField(default=0)
    opinion_end = models.IntegerField(default=0)
    polarity = models.SmallIntegerField()
    confidence = models.FloatField()
    at = models.DateTimeField()
    weight = models.FloatField(default=1.0)

    class Meta(TenantModel.Meta):
        db_table = "mention"
        constraints = [
            models.CheckConstraint(
                name="a_polarity_is_minus_one_zero_or_one",
                condition=models.Q(polarity__in=[-1, 0, 1]),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "feature", "at"], name="mention_by_feature"),
            models.Index(fields=["tenant_id", "document"], name="mention_by_document"),
            models.Index(fields=["tenant_id", "product", "feature"], name="mention_by_product"),
        ]

    def __str__(self) -> str:
        return f"{self.feature_id} {self.polarity}"
