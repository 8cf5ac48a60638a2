"""A person's data over REST: a copy, and erasing."""

from __future__ import annotations

import uuid
from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.viewsets import TenantAPIView
from campaigns.contacts import selectors as contacts
from insights.privacy import erasing, exporting


class PersonOut(serializers.Serializer):
    """{table: rows}; the contact itself first."""

    exported_at = serializers.DateTimeField()
    contact = serializers.ListField(child=serializers.DictField())


class ErasedOut(serializers.Serializer):
    rows = serializers.DictField(child=serializers.IntegerField())


class PersonData(TenantAPIView):
    """Everything that is kept of a person; DELETE erases who they are and what they said, and keeps
    that something happened."""

    scopes: ClassVar = {"get": "privacy.manage", "delete": "privacy.manage"}

    @extend_schema(responses=PersonOut)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(exporting.everything(contacts.contact(pk)))

    @extend_schema(responses=ErasedOut)
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        return Response({"rows": erasing.erase(contacts.contact(pk))})
