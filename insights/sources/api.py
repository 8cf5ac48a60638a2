"""Sources and their documents over REST."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ChoiceField, ModelSerializer
from attune.api.viewsets import ReadViewSet
from attune.kernel.locking import locked
from insights.sources import cleaning, services
from insights.sources.languages import NAMES
from insights.sources.models import Document, Source


class SourceOut(ModelSerializer):
    class Meta:
        model = Source
        fields = ("id", "name", "kind", "state", "licence", "language", "product", "created_at")


class SourceIn(serializers.Serializer):
    name = serializers.CharField(max_length=120)
    kind = ChoiceField(choices=Source.Kind.choices)
    licence = serializers.CharField(default="", allow_blank=True, max_length=200)
    language = ChoiceField(choices=["", *NAMES], default="", allow_blank=True)


class SourceMove(serializers.Serializer):
    verb = ChoiceField(choices=["archive", "restore"])


class TextIn(serializers.Serializer):
    """One text. What cannot be taken is refused by itself, with its index, and stops no other."""

    text = serializers.CharField(max_length=cleaning.MOST_LETTERS, allow_blank=True)
    title = serializers.CharField(required=False, max_length=300, allow_blank=True)
    external_id = serializers.CharField(
        required=False, max_length=120, allow_blank=True,
        help_text="Your own id of it: a text that this source knows is not taken again.",
    )  # fmt: skip
    author = serializers.CharField(
        required=False, max_length=200, allow_blank=True,
        help_text="Kept as a pseudonym that leads nobody back.",
    )  # fmt: skip
    at = serializers.CharField(required=False, max_length=40, help_text="ISO 8601; else now.")
    product = serializers.CharField(
        required=False, max_length=160, allow_blank=True, help_text="Its sku, or its name."
    )
    rating = serializers.CharField(required=False, max_length=40, allow_blank=True)
    language = serializers.CharField(required=False, max_length=20, allow_blank=True)
    user_id = serializers.CharField(required=False, max_length=120, allow_blank=True)
    attributes = serializers.DictField(required=False)


class TextsIn(serializers.Serializer):
    documents = TextIn(many=True)


class RefusedOut(serializers.Serializer):
    index = serializers.IntegerField()
    field = serializers.CharField()
    reason = serializers.CharField()


class ReceiptOut(serializers.Serializer):
    accepted = serializers.IntegerField()
    known = serializers.IntegerField()
    set_aside = serializers.IntegerField()
    refused = RefusedOut(many=True)


class SourceViewSet(ReadViewSet):
    """Origins of texts, and the way in for them."""

    model = Source
    serializer_class = SourceOut
    scopes: ClassVar = {
        "list": "insights.view",
        "retrieve": "insights.view",
        "create": "insights.edit",
        "partial_update": "insights.edit",
        "move": "insights.edit",
        "documents": "insights.edit",
    }

    @extend_schema(request=SourceIn, responses={201: SourceOut})
    def create(self, request: Request) -> Response:
        data = SourceIn(data=request.data)
        data.is_valid(raise_exception=True)
        row = services.save_source(**data.validated_data)
        return Response(SourceOut(row).data, status=201)

    @extend_schema(request=SourceIn(partial=True), responses=SourceOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        data = SourceIn(data=request.data, partial=True)
        data.is_valid(raise_exception=True)
        row = locked(self.get_object())
        now = {name: getattr(row, str(name)) for name in SourceIn().fields}
        row = services.save_source(
            source=row, product=row.product, **{**now, **data.validated_data}
        )
        return Response(SourceOut(row).data)

    @extend_schema(request=SourceMove, responses=SourceOut)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """Close it to more texts, or open it again."""
        data = SourceMove(data=request.data)
        data.is_valid(raise_exception=True)
        services.move(source=self.get_object(), verb=data.validated_data["verb"])
        return Response(SourceOut(self.get_object()).data)

    @extend_schema(request=TextsIn, responses={202: ReceiptOut})
    @action(detail=True, methods=["post"])
    def documents(self, request: Request, pk: str) -> Response:
        """Put texts in, at most 1,000 at once. They are cleaned, masked and stored before the
        answer; reading them follows."""
        sent = request.data.get("documents") if isinstance(request.data, dict) else None
        if not isinstance(sent, list) or not all(isinstance(one, dict) for one in sent):
            raise serializers.ValidationError({"documents": ["Send a list of objects."]})
        receipt = services.take(source=self.get_object(), items=sent, now=timezone.now())
        found = {
            "accepted": receipt.accepted, "known": receipt.known, "set_aside": receipt.aside,
            "refused": [
                {"index": n - 1, "field": f, "reason": why} for n, f, why in receipt.refused
            ],
        }  # fmt: skip
        return Response(ReceiptOut(found).data, status=202)


class TextOut(ModelSerializer):
    class Meta:
        model = Document
        fields = ("id", "source", "external_id", "author", "contact", "product", "at", "title",
                  "text", "rating", "language", "masked", "attributes", "state", "why", "leader_id",
                  "weight", "created_at")  # fmt: skip


class TextViewSet(ReadViewSet):
    """What was taken in: clean texts, personal data masked."""

    model = Document
    serializer_class = TextOut
    scopes: ClassVar = {"list": "insights.view", "retrieve": "insights.view"}

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.defer("bands") if hasattr(rows, "defer") else rows
