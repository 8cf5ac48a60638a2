"""Every API error as problem+json (RFC 9457), with the wrong fields and their remedies."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from attune.kernel.errors import AttuneError, Invalid

logger = logging.getLogger(__name__)
PROBLEM = "application/problem+json"


def problem(status: int, code: str, title: str, detail: str, **extra: Any) -> Response:
    body = {"type": f"urn:attune:{code}", "title": title, "status": status, "detail": detail}
    return Response({**body, **extra}, status=status, content_type=PROBLEM)


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception hook. What the view wrote is undone."""
    response = translate(error)
    known = getattr(context["request"], "auth", None) is not None  # else no unit of work is open
    if response is not None and known and transaction.get_connection().in_atomic_block:
        transaction.set_rollback(True)
    return response


def translate(error: Exception) -> Response | None:
    """The problem that an error becomes; None for one that nobody foresaw."""
    if isinstance(error, Invalid):
        fields = [{"field": e.field, "message": e.sentence()} for e in error.errors]
        return problem(422, error.code, "Some fields are wrong", error.detail, errors=fields)
    if isinstance(error, AttuneError):
        return problem(error.status, error.code, error.title, error.detail)
    if isinstance(error, Http404):
        return problem(404, "not_found", "Not found", "There is no such thing in this workspace.")
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, ValidationError):
        error = exceptions.ValidationError({"value": error.messages})
    if isinstance(error, exceptions.ValidationError):
        fields = list(_fields(error.detail))
        detail = "; ".join(f"{f['field']}: {f['message']}" for f in fields)
        return problem(422, "invalid", "Some fields are wrong", detail, errors=fields)
    if isinstance(error, exceptions.APIException):
        return _drf(error)
    return None


TITLES = {
    "method_not_allowed": "This address does not take that method",
    "unsupported_media_type": "The body must be JSON (Content-Type: application/json)",
    "not_authenticated": "The API key is missing or not valid",
}


def _drf(error: exceptions.APIException) -> Response:
    title = TITLES.get(str(error.default_code), str(error.default_detail).rstrip("."))
    response = problem(error.status_code, str(error.default_code), title, str(error.detail))
    if getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = error.auth_header
    if getattr(error, "wait", None):
        response["Retry-After"] = str(int(error.wait) + 1)
    return response


def _fields(detail: Any, path: str = "") -> Any:
    if isinstance(detail, dict):
        for name, value in detail.items():
            yield from _fields(value, f"{path}.{name}" if path else str(name))
    elif isinstance(detail, list) and any(isinstance(item, (dict, list)) for item in detail):
        for index, value in enumerate(detail):
            yield from _fields(value, f"{path}[{index}]")
    elif isinstance(detail, list):
        for value in detail:
            yield {"field": path or "body", "message": str(value)}
    else:
        yield {"field": path or "body", "message": str(detail)}
