"""What the models read, over REST."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from attune.api.serializers import ModelSerializer
from attune.api.viewsets import ReadViewSet
from insights.reading.models import Mention, Reading


class MentionOut(serializers.ModelSerializer):
    """A feature named in the text: places count characters; polarity is -1, 0 or 1."""

    feature_label = serializers.CharField(source="feature.label")

    class Meta:
        model = Mention
        fields = ("feature", "feature_label", "start", "end", "opinion_start", "opinion_end",
                  "polarity", "confidence")  # fmt: skip


class ReadingOut(ModelSerializer):
    """How a document feels, as calibrated probabilities that sum to 1; `sentences` are [start, end,
    negative, neutral, positive]."""

    mentions = MentionOut(source="document.mentions", many=True)

    class Meta:
        model = Reading
        fields = ("id", "document", "model", "feeling", "negative", "neutral", "positive",
                  "intensity", "sentences", "mentions", "created_at")  # fmt: skip


class ReadingViewSet(ReadViewSet):
    """One reading a document."""

    model = Reading
    serializer_class = ReadingOut
    scopes: ClassVar = {"list": "insights.view", "retrieve": "insights.view"}

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if not hasattr(rows, "defer"):
            return rows
        return rows.defer("vector").prefetch_related("document__mentions__feature")
