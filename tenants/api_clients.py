"""An agency's clients over REST. Each call opens units of work of its own
(tenants.middleware.OWN_UNITS): what it makes is another workspace."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from attune.api.exceptions import translate
from attune.api.throttles import PerKey
from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from attune.kernel.tenancy import tenant_context
from tenants import caps, clients
from tenants.models import User


class LineOut(serializers.Serializer):
    """One kind of use in this month. `cap` is the lowest that holds, null for none."""

    kind = serializers.CharField()
    used = serializers.IntegerField()
    cap = serializers.IntegerField(allow_null=True)


class ClientOut(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    status = serializers.CharField()
    currency = serializers.CharField()
    created_at = serializers.DateTimeField()
    usage = LineOut(many=True, source="lines")


class ClientsOut(serializers.Serializer):
    results = ClientOut(many=True)


class CapsIn(serializers.Serializer):
    messages = serializers.IntegerField(min_value=0, max_value=caps.MOST, required=False)
    events = serializers.IntegerField(min_value=0, max_value=caps.MOST, required=False)
    contacts = serializers.IntegerField(min_value=0, max_value=caps.MOST, required=False)


class ClientIn(serializers.Serializer):
    """`owner_email` is invited as owner. Until they came, whoever made the key is the only one."""

    name = serializers.CharField(max_length=120)
    owner_email = serializers.EmailField(required=False)
    caps = CapsIn(required=False)


class MadeOut(serializers.Serializer):
    """The keys are shown once and end with the agency: a write-only one for browsers, and one with
    the rights of yours, less what stays with the client's own people."""

    slug = serializers.CharField()
    name = serializers.CharField()
    write_key = serializers.CharField()
    secret_key = serializers.CharField(allow_blank=True)


def _refusal(error: Exception, _context: dict[str, Any]) -> Response | None:
    """The problem; each unit of work undid its own writing already."""
    return translate(error)


class Clients(APIView):
    """The workspaces that this one is the agency of."""

    scopes: ClassVar = {"get": "clients.view", "post": "clients.manage"}
    throttle_classes = (PerKey,)

    def get_exception_handler(self) -> Any:
        return _refusal

    @extend_schema(responses=ClientsOut)
    def get(self, request: Request) -> Response:
        """Every client with what it used this month."""
        with tenant_context(request.auth.tenant_id):
            rows = clients.clients()
        return Response(ClientsOut({"results": rows}).data)

    @extend_schema(request=ClientIn, responses={201: MadeOut})
    def post(self, request: Request) -> Response:
        """Make a client, whole or not at all. A name that is taken answers 422, so that a repeated
        call makes no second one; where the answer was lost, an owner makes new keys."""
        asked = ClientIn(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        founder = User.objects.filter(pk=request.auth.created_by, is_active=True).first()
        if founder is None:
            why = say("Nobody who is here stands behind this key to be the client's first owner.")
            raise Invalid.one(
                "key", why, say("Use a key that a member made in Settings → API keys.")
            )
        made = clients.set_up(
            agency_id=request.auth.tenant_id, name=told["name"], founder=founder,
            owner_email=told.get("owner_email", "").lower(), granted=told.get("caps", {}),
            scopes=request.auth.scopes, key_name=request.auth.name,
        )  # fmt: skip
        answer = {"slug": made.client.slug, "name": made.client.name,
                  "write_key": made.write_key, "secret_key": made.secret_key}  # fmt: skip
        return Response(MadeOut(answer).data, status=201)
