"""Segments over REST."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ModelSerializer
from attune.api.viewsets import ReadViewSet
from campaigns.contacts import selectors as contacts
from campaigns.segments import selectors, services
from campaigns.segments.models import Segment


class SegmentOut(ModelSerializer):
    class Meta:
        model = Segment
        fields = (
            "id", "name", "description", "rule", "version", "state", "size", "refreshed_at",
            "created_at",
        )  # fmt: skip


class SegmentIn(serializers.Serializer):
    name = serializers.CharField(max_length=120)
    rule = serializers.DictField()
    description = serializers.CharField(max_length=300, default="", allow_blank=True)


class SegmentChange(serializers.Serializer):
    rule = serializers.DictField()
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 2)
    name = serializers.CharField(max_length=120, required=False)


class RuleIn(serializers.Serializer):
    rule = serializers.DictField()


class SizeOut(serializers.Serializer):
    count = serializers.IntegerField(allow_null=True)
    of = serializers.IntegerField()


class ReasonOut(serializers.Serializer):
    sentence = serializers.CharField()
    holds = serializers.BooleanField()
    parts = serializers.ListField(child=serializers.DictField())


class SegmentViewSet(ReadViewSet):
    """Segments: rule trees over traits and behaviour, kept up to date as events arrive."""

    model = Segment
    serializer_class = SegmentOut
    scopes: ClassVar = {
        "list": "segments.view",
        "retrieve": "segments.view",
        "create": "segments.edit",
        "partial_update": "segments.edit",
        "preview": "segments.edit",  # a count answers questions about one person too
        "explain": "contacts.view_personal",
    }

    @extend_schema(request=SegmentIn, responses={201: SegmentOut})
    def create(self, request: Request) -> Response:
        """Define a segment; its members are worked out as a job."""
        data = SegmentIn(data=request.data)
        data.is_valid(raise_exception=True)
        segment = services.create(**data.validated_data)
        segment.refresh_from_db()
        return Response(SegmentOut(segment).data, status=201)

    @extend_schema(request=SegmentChange, responses=SegmentOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        """A new definition; `version` is the one you saw, else 409."""
        data = SegmentChange(data=request.data)
        data.is_valid(raise_exception=True)
        segment = self.get_object()
        services.change(segment=segment, **data.validated_data)
        return Response(SegmentOut(segment).data)

    @extend_schema(request=RuleIn, responses=SizeOut)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """How many contacts a rule holds now; null when counting took over 2 seconds."""
        data = RuleIn(data=request.data)
        data.is_valid(raise_exception=True)
        size = selectors.preview(data.validated_data["rule"])
        return Response({"count": size.count, "of": size.of})

    @extend_schema(responses=ReasonOut)
    @action(detail=True, url_path="explain/(?P<contact>[0-9a-f-]{36})")
    def explain(self, request: Request, pk: str, contact: str) -> Response:
        """Why a contact is in or out, condition by condition."""
        person = contacts.contact(_uuid(contact))
        return Response(_reason(selectors.explain(self.get_object(), person)))


def _uuid(value: str) -> Any:
    return serializers.UUIDField().to_internal_value(value)


def _reason(reason: selectors.Reason) -> dict[str, Any]:
    return {
        "sentence": reason.sentence,
        "holds": reason.holds,
        "parts": [_reason(part) for part in reason.parts],
    }
