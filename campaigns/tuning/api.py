"""Model versions over REST: what a workspace's own model learned from and how it did."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ChoiceField, ModelSerializer
from attune.api.viewsets import ReadViewSet
from campaigns.generators import registry
from campaigns.generators.models import ModelVersion
from campaigns.tuning import services


class VersionOut(ModelSerializer):
    class Meta:
        model = ModelVersion
        fields = (
            "id", "number", "base", "state", "gate", "verdict", "card", "results", "digest",
            "before_id", "job_id", "live_at", "tainted_at", "created_at",
        )  # fmt: skip


class MoveIn(serializers.Serializer):
    verb = ChoiceField(choices=["shadow", "canary", "go_live", "retire", "revoke"])


class VersionViewSet(ReadViewSet):
    """Versions of the workspace's own model. POST trains one, when the gate lets through."""

    model = ModelVersion
    serializer_class = VersionOut
    scopes: ClassVar = {
        "list": "models.view",
        "retrieve": "models.view",
        "create": "models.train",
        "move": "models.manage",
    }

    @extend_schema(request=None, responses={202: VersionOut})
    def create(self, request: Request) -> Response:
        row = services.request_training(
            base=settings.MODEL_NAME, author_id=request.auth.created_by, now=timezone.now()
        )
        return Response(VersionOut(row).data, status=202)

    @extend_schema(request=MoveIn, responses={200: VersionOut})
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """A step: shadow, canary, go_live, retire, revoke."""
        data = MoveIn(data=request.data)
        data.is_valid(raise_exception=True)
        row = self.get_object()
        registry.move(row=row, verb=data.validated_data["verb"])
        return Response(VersionOut(registry.version(row.pk)).data)
