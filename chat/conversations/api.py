"""Conversations over REST: read what was said, answer from elsewhere, sort and settle."""

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
from attune.kernel.storable import as_uuid
from chat.conversations import selectors, services, visiting
from chat.conversations.models import Conversation, Message


class ConversationOut(ModelSerializer):
    labels = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)

    class Meta:
        model = Conversation
        fields = (
            "id", "inbox_id", "visitor_id", "contact_id", "state", "handler", "assignee_id",
            "priority", "labels", "language", "last_seq", "last_text", "last_at", "waiting_since",
            "first_reply_at", "resolved_at", "resolved_by", "reopened", "sentiment", "created_at",
        )  # fmt: skip


class MessageOut(ModelSerializer):
    class Meta:
        model = Message
        fields = ("seq", "client_id", "kind", "author", "author_name", "body", "payload",
                  "created_at")  # fmt: skip


class MessageIn(serializers.Serializer):
    body = serializers.CharField(max_length=visiting.MOST_LETTERS)
    author_name = serializers.CharField(max_length=120, help_text="Who answers, as customers see.")
    client_id = serializers.RegexField(
        r"^[\x21-\x7e]{8,64}$", help_text="An id of yours: sent twice, it is stored once."
    )


class StoredOut(serializers.Serializer):
    seq = serializers.IntegerField(help_text="The message's number in its conversation.")
    fresh = serializers.BooleanField(help_text="False where this client_id was stored before.")


class ConversationIn(serializers.Serializer):
    priority = ChoiceField(choices=Conversation.Priority.choices, required=False)
    labels = serializers.ListField(
        child=serializers.CharField(max_length=40), max_length=20, required=False
    )


class MoveIn(serializers.Serializer):
    verb = ChoiceField(choices=["resolve", "reopen"])
    ask = serializers.BooleanField(
        default=True, help_text="Whether the customer is asked how it was, where the inbox does."
    )


FILTERS = [
    OpenApiParameter("state", enum=Conversation.State.values),
    OpenApiParameter("inbox", description="An inbox's id."),
    OpenApiParameter("contact", description="A contact's id."),
]


class ConversationViewSet(ReadViewSet):
    """What customers and the house say to each other in the chat."""

    model = Conversation
    serializer_class = ConversationOut
    scopes: ClassVar = {
        "list": "chat.view",
        "retrieve": "chat.view",
        "messages": "chat.view",
        "answer": "chat.answer",
        "partial_update": "chat.answer",
        "move": "chat.answer",
    }
    asks: ClassVar = {"list": frozenset({"state", "inbox", "contact"}),
                      "messages": frozenset({"after"})}  # fmt: skip

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        rows = rows.prefetch_related("labels")
        return _filtered(rows, self.request.query_params) if self.action == "list" else rows

    @extend_schema(parameters=FILTERS)
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(
        parameters=[OpenApiParameter("after", int, description="The last number that you have.")],
        responses=MessageOut(many=True),
    )
    @action(detail=True, pagination_class=None)
    def messages(self, request: Request, pk: str) -> Response:
        """Up to 200 messages after a number, in order; ask again with the last one's number."""
        after = request.query_params.get("after", "0")
        if not after.isdecimal() or len(after) > 9:
            raise Invalid.one("after", say("Give the number of the last message that you have."))
        rows = selectors.messages(self.get_object().pk, after=int(after))
        return Response(MessageOut(rows, many=True).data)

    @extend_schema(request=MessageIn, responses={201: StoredOut})
    @messages.mapping.post
    def answer(self, request: Request, pk: str) -> Response:
        """Answer the customer from elsewhere. The assistant is silent here from now on."""
        data = MessageIn(data=request.data)
        data.is_valid(raise_exception=True)
        receipt = services.reply_from_outside(conversation=self.get_object(), **data.validated_data)
        return Response({"seq": receipt.seq, "fresh": receipt.fresh}, status=201)

    @extend_schema(request=ConversationIn, responses=ConversationOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Set its priority, or exactly these labels."""
        data = ConversationIn(data=request.data, partial=True)
        data.is_valid(raise_exception=True)
        row, values = self.get_object(), data.validated_data
        if "priority" in values:
            services.set_priority(conversation=row, priority=values["priority"])
        if "labels" in values:
            services.set_labels(conversation=row, names=values["labels"])
        return Response(ConversationOut(self.get_object()).data)

    @extend_schema(request=MoveIn, responses=ConversationOut)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """Resolve it, or open it again."""
        data = MoveIn(data=request.data)
        data.is_valid(raise_exception=True)
        row = self.get_object()
        if data.validated_data["verb"] == "resolve":
            services.resolve(conversation=row, by="person", ask=data.validated_data["ask"])
        else:
            services.reopen(conversation=row)
        return Response(ConversationOut(self.get_object()).data)


def _filtered(rows: Any, asked: Any) -> Any:
    if state := asked.get("state"):
        if state not in Conversation.State.values:
            raise Invalid.one("state", say("This is no state of a conversation."))
        rows = rows.filter(state=state)
    for name in ("inbox", "contact"):
        if value := asked.get(name):
            if as_uuid(value) is None:
                raise Invalid.one(name, say("Give the id, a UUID."))
            rows = rows.filter(**{f"{name}_id": as_uuid(value)})
    return rows
