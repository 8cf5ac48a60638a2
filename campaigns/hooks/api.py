"""Endpoints over REST: subscribe to what happens, read what went out, replay it."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ChoiceField, ModelSerializer, sees_names
from attune.api.viewsets import ReadViewSet
from attune.kernel.errors import Forbidden
from campaigns.delivery import endpoints
from campaigns.delivery.models import Endpoint
from campaigns.hooks import selectors, services, types
from campaigns.hooks.models import WebhookDelivery


class EndpointOut(ModelSerializer):
    class Meta:
        model = Endpoint
        fields = ("id", "name", "url", "enabled", "types", "event_names", "failing_since",
                  "off_because")  # fmt: skip


class EndpointIn(serializers.Serializer):
    name = serializers.CharField(max_length=120)
    url = serializers.URLField(max_length=500)
    types = serializers.ListField(
        child=ChoiceField(choices=sorted(types.KNOWN)), default=list, max_length=50
    )
    event_names = serializers.ListField(
        child=serializers.CharField(max_length=200), default=list, max_length=100
    )


class EndpointMade(EndpointOut):
    secret = serializers.CharField(help_text="whsec_…; it is shown this once.")

    class Meta(EndpointOut.Meta):
        fields = (*EndpointOut.Meta.fields, "secret")


class DeliveryOut(ModelSerializer):
    class Meta:
        model = WebhookDelivery
        fields = ("id", "endpoint_id", "message_id", "type", "payload", "state", "attempts",
                  "next_at", "delivered_at", "created_at")  # fmt: skip

    def to_representation(self, instance: WebhookDelivery) -> dict[str, Any]:
        told: dict[str, Any] = super().to_representation(instance)
        hidden = instance.type == types.TRACKED and not sees_names(self.context.get("request"))
        return {**told, "payload": None} if hidden else told


class EndpointViewSet(ReadViewSet):
    """Webhook endpoints. A secret is shown once, when it is made."""

    model = Endpoint
    serializer_class = EndpointOut
    scopes: ClassVar = {
        name: "webhooks.manage" for name in ("list", "retrieve", "create", "deliveries")
    }

    @extend_schema(request=EndpointIn, responses={201: EndpointMade})
    def create(self, request: Request) -> Response:
        data = EndpointIn(data=request.data)
        data.is_valid(raise_exception=True)
        if types.TRACKED in data.validated_data["types"] and not sees_names(request):
            raise Forbidden(types.NAMES_IN_IT)
        row, secret = endpoints.create(**data.validated_data)
        services.hearing.forget()
        return Response({**EndpointOut(row).data, "secret": secret}, status=201)

    @extend_schema(responses=DeliveryOut(many=True))
    @action(detail=True)
    def deliveries(self, request: Request, pk: str) -> Response:
        """The newest 100 deliveries of an endpoint, each with its attempts."""
        rows = selectors.deliveries(self.get_object())[:100]
        told = DeliveryOut(rows, many=True, context=self.get_serializer_context())
        return Response({"results": told.data})


class WebhookDeliveryViewSet(ReadViewSet):
    """What went out to endpoints."""

    model = WebhookDelivery
    serializer_class = DeliveryOut
    scopes: ClassVar = {name: "webhooks.manage" for name in ("list", "retrieve", "replay")}

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        fake = getattr(self, "swagger_fake_view", False)
        return rows if fake else rows.select_related("endpoint").order_by("-id")

    @extend_schema(request=None, responses=DeliveryOut)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:
        """Send it again, with the same id."""
        row = self.get_object()
        services.replay(delivery=row)
        return Response(DeliveryOut(selectors.delivery(row.pk)).data)
