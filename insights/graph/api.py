"""The graph over REST."""

from __future__ import annotations

from typing import Any, ClassVar

from attune.api.serializers import ModelSerializer
from attune.api.viewsets import ReadViewSet
from insights.graph.models import Entity, Relation


class EntityOut(ModelSerializer):
    class Meta:
        model = Entity
        fields = ("id", "kind", "key", "label", "aliases")


class EntityViewSet(ReadViewSet):
    """Nodes: products, features, needs, topics, segments, behaviour, competitors, channels."""

    model = Entity
    serializer_class = EntityOut
    scopes: ClassVar = {"list": "insights.view", "retrieve": "insights.view"}


class RelationOut(ModelSerializer):
    class Meta:
        model = Relation
        fields = ("id", "subject", "predicate", "object", "state", "n", "weight", "bad", "good",
                  "lift", "low", "high", "confidence", "valid_from", "valid_to", "evidence",
                  "drawn_at")  # fmt: skip


class RelationViewSet(ReadViewSet):
    """Edges with what they stand on; `evidence` are ids of documents."""

    model = Relation
    serializer_class = RelationOut
    scopes: ClassVar = {"list": "insights.view", "retrieve": "insights.view"}

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.exclude(state="dismissed") if hasattr(rows, "defer") else rows
