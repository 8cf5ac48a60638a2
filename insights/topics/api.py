"""Topics over REST."""

from __future__ import annotations

from typing import Any, ClassVar

from attune.api.serializers import ModelSerializer
from attune.api.viewsets import ReadViewSet
from insights.topics.models import Belonging, Topic


class TopicOut(ModelSerializer):
    class Meta:
        model = Topic
        fields = ("id", "state", "label", "named_by", "terms", "examples", "family", "pinned",
                  "into", "created_at")  # fmt: skip


class TopicViewSet(ReadViewSet):
    """What texts are about. An id stays through every refit; what was merged says into what."""

    model = Topic
    serializer_class = TopicOut
    scopes: ClassVar = {"list": "insights.view", "retrieve": "insights.view"}

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.defer("centroid") if hasattr(rows, "defer") else rows


class BelongingOut(ModelSerializer):
    class Meta:
        model = Belonging
        fields = ("id", "document", "topic", "cosine", "by_person")


class BelongingViewSet(ReadViewSet):
    """Which topic each document is about; null where it is far from all."""

    model = Belonging
    serializer_class = BelongingOut
    scopes: ClassVar = {"list": "insights.view", "retrieve": "insights.view"}
