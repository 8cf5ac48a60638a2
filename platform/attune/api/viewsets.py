"""Bases of the REST API: scope per action, throttle, idempotency, 404 for another tenant's id."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from attune.api import idempotency
from attune.api.exceptions import handle
from attune.api.throttles import PerKey
from attune.kernel.errors import FieldError, Invalid, NotFound
from attune.kernel.phrases import say


class Idempotent:
    """Claims the Idempotency-Key before the handler and keeps its answer."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.idempotency = idempotency.begin(request)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, idempotency.Replayed):
            return exc.response
        response = super().handle_exception(exc)
        response.exception = True
        return response

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        record = getattr(self, "idempotency", None)
        if record is not None and isinstance(response, Response):
            idempotency.finish(record, response)
        return response


PAGED = frozenset({"limit", "cursor"})  # of every list


class KnownParameters:
    """Refuses a query parameter that the view does not read: a filter that is misspelt would be
    passed over, and everything be taken for what was asked for. `asks` maps the action, or the
    lower-case method of a plain view, to what it reads."""

    asks: ClassVar[Mapping[str, frozenset[str]]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        action = getattr(self, "action", None) or str(request.method).lower()
        known = self.asks.get(action, frozenset()) | (PAGED if action == "list" else frozenset())
        unknown = sorted(set(request.query_params) - known)
        if request.method == "GET" and unknown:
            told = (
                say("There is no such parameter here; there are %(names)s.", names=sorted(known))
                if known else say("Nothing can be asked for here; leave it out.")
            )  # fmt: skip
            raise Invalid([FieldError(name[:60], told) for name in unknown[:10]])


class TenantAPIView(KnownParameters, Idempotent, APIView):
    """A plain view. `scopes` maps the lower-case method to the verb it needs."""

    scopes: ClassVar[dict[str, str]]
    throttle_classes = (PerKey,)

    def get_exception_handler(self) -> Any:
        return handle


class TenantViewSet(KnownParameters, Idempotent, viewsets.GenericViewSet):
    """Views of one model. `scopes` maps the action to the verb it needs."""

    scopes: ClassVar[dict[str, str]]
    throttle_classes = (PerKey,)
    lookup_value_regex = "[0-9a-f-]{36}"
    model: ClassVar[Any]

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return _Unasked(self.model)
        return self.model.objects.all()

    def get_object(self) -> Any:
        try:
            key = uuid.UUID(str(self.kwargs["pk"]))
        except ValueError as wrong:
            raise NotFound(say("There is no such thing in this workspace.")) from wrong
        row = self.get_queryset().filter(pk=key).first()
        if row is None:
            raise NotFound(say("There is no such thing in this workspace."))
        return row


class _Unasked:
    """Stands for a queryset while the schema is generated: it knows its model, no rows."""

    def __init__(self, model: Any) -> None:
        self.model = model


class ReadViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet):
    """List and retrieve."""
