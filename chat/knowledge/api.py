"""The knowledge base over REST, for those who write theirs elsewhere."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ChoiceField, ModelSerializer
from attune.api.viewsets import ReadViewSet
from attune.kernel.locking import locked
from chat.knowledge import services
from chat.knowledge.models import Document


class DocumentOut(ModelSerializer):
    class Meta:
        model = Document
        fields = ("id", "kind", "state", "title", "url", "body", "language", "reference",
                  "commands", "created_at", "updated_at")  # fmt: skip


class DocumentListed(ModelSerializer):
    """Without its text, which may be long: ask for the document."""

    class Meta:
        model = Document
        fields = tuple(name for name in DocumentOut.Meta.fields if name != "body")


class DocumentIn(serializers.Serializer):
    kind = ChoiceField(choices=["page", "faq"], default="page")
    title = serializers.CharField(max_length=300, help_text="Of a FAQ entry: the question.")
    body = serializers.CharField(
        max_length=services.MOST_LETTERS, help_text="Text or Markdown; of a FAQ entry: the answer."
    )
    url = serializers.URLField(default="", allow_blank=True, max_length=500)
    language = ChoiceField(choices=["en", "zh-hans"], default="en")
    reference = serializers.CharField(
        default="", allow_blank=True, max_length=80,
        help_text="Your own id of it: a document of this kind with this id is replaced.",
    )  # fmt: skip


class DocumentMove(serializers.Serializer):
    verb = ChoiceField(choices=["archive", "restore"])


class DocumentViewSet(ReadViewSet):
    """What the assistant answers from."""

    model = Document
    serializer_class = DocumentOut
    scopes: ClassVar = {
        "list": "knowledge.view",
        "retrieve": "knowledge.view",
        "create": "knowledge.edit",
        "partial_update": "knowledge.edit",
        "move": "knowledge.edit",
    }

    def get_serializer_class(self) -> Any:
        return DocumentListed if self.action == "list" else DocumentOut

    @extend_schema(request=DocumentIn, responses={201: DocumentOut})
    def create(self, request: Request) -> Response:
        """Add a document, or replace the one with your reference."""
        data = DocumentIn(data=request.data)
        data.is_valid(raise_exception=True)
        row = services.put_document(**data.validated_data)
        return Response(DocumentOut(row).data, status=201)

    @extend_schema(request=DocumentIn(partial=True), responses=DocumentOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        data = DocumentIn(data=request.data, partial=True)
        data.is_valid(raise_exception=True)
        row = locked(self.get_object())
        now = {name: getattr(row, name) for name in DocumentIn().fields}
        row = services.save_document(document=row, **{**now, **data.validated_data})
        return Response(DocumentOut(row).data)

    @extend_schema(request=DocumentMove, responses=DocumentOut)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """Take it out of every answer, or bring it back."""
        data = DocumentMove(data=request.data)
        data.is_valid(raise_exception=True)
        row = self.get_object()
        if data.validated_data["verb"] == "archive":
            services.archive(document=row)
        else:
            services.restore(document=row)
        return Response(DocumentOut(self.get_object()).data)
