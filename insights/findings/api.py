"""Findings over REST."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ChoiceField, ModelSerializer
from attune.api.viewsets import ReadViewSet
from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from insights.findings import services
from insights.findings.models import Evidence, Finding


class EvidenceOut(serializers.ModelSerializer):
    quote = serializers.CharField()

    class Meta:
        model = Evidence
        fields = ("document", "start", "end", "against", "quote")


class FindingOut(ModelSerializer):
    """A claim with its effect, 95 % interval and n; `evidence` are places in texts, for it and
    against it."""

    claim = serializers.CharField()
    caveat = serializers.CharField()
    measure = serializers.CharField()
    why = serializers.CharField()
    evidence = EvidenceOut(many=True)

    class Meta:
        model = Finding
        fields = ("id", "kind", "about", "claim", "caveat", "state", "owner", "measure", "effect",
                  "low", "high", "q", "n", "measured_at", "why", "evidence",
                  "created_at")  # fmt: skip


class FindingMove(serializers.Serializer):
    verb = ChoiceField(choices=sorted(services.BY_HAND))
    why = serializers.CharField(required=False, allow_blank=True, max_length=500)


class FindingViewSet(ReadViewSet):
    """What stands out, and what people decided about it."""

    model = Finding
    serializer_class = FindingOut
    scopes: ClassVar = {
        "list": "insights.view", "retrieve": "insights.view", "move": "insights.edit",
    }  # fmt: skip
    asks: ClassVar = {"list": frozenset({"state"})}

    @extend_schema(parameters=[OpenApiParameter("state", enum=Finding.State.values)])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        state = self.request.query_params.get("state", "") if self.action == "list" else ""
        if state and state not in Finding.State.values:
            raise Invalid.one("state", say("Choose one of: %(states)s.",
                                           states=", ".join(Finding.State.values)))  # fmt: skip
        rows = rows.filter(state=state) if state else rows
        return rows.prefetch_related("evidence__document")

    @extend_schema(request=FindingMove, responses=FindingOut)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """Submit, accept, reject (saying why), open again, or mark as replaced."""
        data = FindingMove(data=request.data)
        data.is_valid(raise_exception=True)
        services.move(finding=self.get_object(), **data.validated_data)
        return Response(FindingOut(self.get_object()).data)
