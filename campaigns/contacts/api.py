"""Contacts, events and what was rejected, over REST. Intake follows Segment's HTTP API."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.parsers import BeaconParser, IntakeParser
from attune.api.serializers import ChoiceField, ModelSerializer
from attune.api.viewsets import ReadViewSet, TenantAPIView
from attune.kernel import limits
from attune.kernel.errors import Invalid, TooLarge
from attune.kernel.phrases import say
from campaigns.contacts import allowance, selectors, services
from campaigns.contacts.models import Contact, Event, RejectedEvent
from tenants.models import Tenant

STRICT = "X-Attune-Strict"


class ContactOut(ModelSerializer):
    class Meta:
        model = Contact
        fields = (
            "id", "external_id", "email", "phone", "name", "locale", "timezone", "traits",
            "status", "created_at",
        )  # fmt: skip


class EventOut(ModelSerializer):
    class Meta:
        model = Event
        fields = (
            "id", "message_id", "type", "name", "contact_id", "user_id", "anonymous_id",
            "properties", "at", "received_at", "source", "is_machine",
        )  # fmt: skip
        personal = ("user_id", "anonymous_id", "properties")


class RejectedOut(ModelSerializer):
    class Meta:
        model = RejectedEvent
        fields = ("id", "raw", "field", "reason", "source", "created_at", "replayed_at")
        personal = ("raw",)


class ConsentIn(serializers.Serializer):
    state = ChoiceField(choices=["given", "refused"])
    channel = ChoiceField(choices=["email", "sms", "push", "banner"], default="email")
    purpose = serializers.CharField(max_length=40, default="marketing")
    wording = serializers.CharField(max_length=300, default="", allow_blank=True)


class ContactViewSet(ReadViewSet):
    """Customers of the workspace."""

    model = Contact
    serializer_class = ContactOut
    scopes: ClassVar = {
        "list": "contacts.view_personal",
        "retrieve": "contacts.view_personal",
        "events": "events.view",
        "consent": "contacts.edit",
    }
    asks: ClassVar = {"list": frozenset({"user_id"})}

    @extend_schema(parameters=[OpenApiParameter("user_id", str)])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first; `user_id` finds one by your own id."""
        return super().list(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        user = self.request.query_params.get("user_id") if self.action == "list" else None
        return rows.filter(external_id=user.replace("\x00", "")) if user else rows

    @extend_schema(responses=EventOut(many=True))
    @action(detail=True)
    def events(self, request: Request, pk: str) -> Response:
        """The newest 100 events of a contact."""
        rows = selectors.timeline(self.get_object().pk)
        told = EventOut(rows, many=True, context=self.get_serializer_context())
        return Response({"results": told.data})

    @extend_schema(request=ConsentIn, responses={201: ConsentIn})
    @action(detail=True, methods=["post"])
    def consent(self, request: Request, pk: str) -> Response:
        """Record what a contact agreed to or refused."""
        data = ConsentIn(data=request.data)
        data.is_valid(raise_exception=True)
        contact = self.get_object()
        services.record_consent(contact=contact, source="api", **data.validated_data)
        return Response(data.validated_data, status=201)


class RejectedEventViewSet(ReadViewSet):
    """Events that were not accepted, with field and reason."""

    model = RejectedEvent
    serializer_class = RejectedOut
    scopes: ClassVar = {
        "list": "events.view",
        "retrieve": "events.view",
        "replay": "events.write",
    }

    @extend_schema(
        request=serializers.DictField(),
        responses={200: serializers.DictField()},
    )
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:
        """Offer it again; a body, if any, is the corrected event."""
        row = self.get_object()
        edited = request.data if request.data else None
        receipt = services.replay_rejected([row], edited=edited)
        if receipt.rejected:
            refused = receipt.rejected[0]
            raise Invalid.one(refused.field, refused.reason)
        return Response({"accepted": receipt.accepted, "duplicates": receipt.duplicates})


class EventIn(serializers.Serializer):
    """One Segment event. `userId` or `anonymousId` is needed."""

    userId = serializers.CharField(required=False)
    anonymousId = serializers.CharField(required=False)
    messageId = serializers.CharField(required=False, max_length=120)
    timestamp = serializers.DateTimeField(required=False)
    event = serializers.CharField(required=False)
    name = serializers.CharField(required=False)
    previousId = serializers.CharField(required=False)
    traits = serializers.DictField(required=False)
    properties = serializers.DictField(required=False)
    context = serializers.DictField(required=False)


class BatchIn(serializers.Serializer):
    """Up to 2,500 events and 1 MB; each item carries its `type`."""

    batch = serializers.ListField(child=serializers.DictField(), max_length=limits.BATCH_ITEMS)
    sentAt = serializers.DateTimeField(required=False)
    context = serializers.DictField(required=False)


class RefusedItem(serializers.Serializer):
    index = serializers.IntegerField()
    field = serializers.CharField()
    reason = serializers.CharField()


class IntakeOut(serializers.Serializer):
    """`success` as Segment's clients expect it, and what became of every item."""

    success = serializers.BooleanField()
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = RefusedItem(many=True)


class _Intake(TenantAPIView):
    scopes: ClassVar = {"post": "events.write"}
    parser_classes = (IntakeParser, BeaconParser)
    kind = ""
    throttle_classes = ()

    def take(self, request: Request, items: list[Any], **rest: Any) -> Response:
        receipt = services.record_events(items, source="api", kind=self.kind, **rest)
        if request.auth.events_cap is not None:
            tenant = Tenant.objects.get(pk=request.auth.tenant_id)
            allowance.take_events(tenant, request.auth.events_cap, receipt.accepted)
        refused = [
            {"index": r.index, "field": r.field, "reason": r.reason} for r in receipt.rejected
        ]
        strict = request.headers.get(STRICT, "") not in ("", "0", "false")
        return Response(
            {
                "success": not refused,
                "accepted": receipt.accepted,
                "duplicates": receipt.duplicates,
                "rejected": refused,
            },
            status=207 if strict and refused else 200,
        )


ORDER = {
    "messageId": "order-1001",
    "userId": "42",
    "event": "Order Completed",
    "timestamp": "2026-11-25T10:15:00Z",
    "properties": {"revenue": 19.9, "category": "tea"},
}
PERSON = {"messageId": "person-42", "userId": "42", "traits": {"email": "ada@example.com"}}
ONE = [
    OpenApiExample("An order", value=ORDER, request_only=True),
    OpenApiExample("A person", value=PERSON, request_only=True),
]
MANY = {"batch": [{"type": "identify", **PERSON}, {"type": "track", **ORDER}]}


@extend_schema(request=EventIn, responses={200: IntakeOut, 207: IntakeOut}, examples=ONE)
class SingleEvent(_Intake):
    """One event. A rejected one is kept with its reason; X-Attune-Strict: 1 answers 207.

    The same messageId counts once. Without messageId and timestamp every call counts.
    """

    def post(self, request: Request) -> Response:
        body = request.data
        if not isinstance(body, dict):
            raise Invalid.one("body", say("An event is a JSON object."))
        return self.take(request, [body], sent_at=body.get("sentAt"))


@extend_schema(
    request=BatchIn, responses={200: IntakeOut, 207: IntakeOut},
    examples=[OpenApiExample("A person and an order", value=MANY, request_only=True)],
)  # fmt: skip
class Batch(_Intake):
    """Many events in one transaction; a bad item never sinks the others."""

    def post(self, request: Request) -> Response:
        body = request.data
        if not isinstance(body, dict) or not isinstance(body.get("batch"), list):
            raise Invalid.one("batch", say("Send {“batch”: […]} with a list of events."))
        items = body["batch"]
        if len(items) > limits.BATCH_ITEMS:
            raise TooLarge(
                say(
                    "A batch takes %(most)s events; this one has %(items)s.",
                    most=limits.BATCH_ITEMS,
                    items=len(items),
                )
            )
        return self.take(request, items, sent_at=body.get("sentAt"), context=body.get("context"))
