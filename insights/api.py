"""The chain over REST."""

from __future__ import annotations

import uuid
from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.viewsets import TenantAPIView
from campaigns.delivery import selectors as delivery
from insights import chain


class StepOut(serializers.Serializer):
    key = serializers.CharField()
    title = serializers.CharField()
    sentence = serializers.CharField()
    at = serializers.CharField()
    facts = serializers.DictField()


class ChainOut(serializers.Serializer):
    send = serializers.UUIDField()
    steps = StepOut(many=True)


@extend_schema(responses=ChainOut)
class SendChain(TenantAPIView):
    """Why did this person get this? From the message back to data, model, reviewer, reward."""

    scopes: ClassVar = {"get": "sends.view"}

    def get(self, request: Request, pk: uuid.UUID) -> Response:
        send = delivery.send(pk)
        return Response({"send": str(send.pk), "steps": chain.as_json(chain.of_send(send))})
