"""Answers that every page shares: the error page, toasts, paging."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from attune.kernel.errors import AttuneError, Invalid, NotFound

PAGE_SIZE = 50


def error_page(request: HttpRequest, refusal: AttuneError) -> HttpResponse:
    """The refusal as a page, a toast for htmx, or problem+json for the API."""
    status = 422 if isinstance(refusal, Invalid) else refusal.status
    reference = uuid.uuid4().hex[:12]
    if request.path.startswith("/v1/"):
        body = {
            "type": f"urn:attune:{refusal.code}",
            "title": refusal.title,
            "status": status,
            "detail": refusal.detail,
        }
        return HttpResponse(
            orjson.dumps(body), status=status, content_type="application/problem+json"
        )
    if getattr(request, "htmx", None):
        response = HttpResponse(status=204)
        return toast(response, refusal.detail, kind="error")
    context = {"refusal": refusal, "status": status, "reference": reference}
    return render(request, "web/error.html", context, status=status)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404: an address that nobody serves, as a page or as problem+json."""
    if request.path.startswith("/v1/"):
        return error_page(request, NotFound("The API has no such address; see /docs/api."))
    return render(request, "404.html", status=404)


def toast(response: HttpResponse, text: str, *, kind: str = "ok") -> HttpResponse:
    """Let the open page show a short message (an htmx response header)."""
    event = orjson.dumps({"toast": {"text": text, "kind": kind}}).decode()
    response.headers["HX-Trigger"] = event.encode("ascii", "backslashreplace").decode()
    return response


def paged(
    request: HttpRequest, rows: QuerySet[Any] | list[Any], size: int = PAGE_SIZE
) -> Page[Any]:
    """The page asked for by ?page=; a wrong number answers the nearest page."""
    return Paginator(rows, size).get_page(request.GET.get("page"))
