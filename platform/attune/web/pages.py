"""Answers that every page shares: the error page, toasts, paging."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass
from typing import Any

import orjson
from django import forms
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from attune.kernel import tracing
from attune.kernel.errors import AttuneError, Conflict, Invalid, NotFound
from attune.kernel.phrases import say
from attune.web.editing import Editing

logger = logging.getLogger(__name__)
PAGE_SIZE = 50
PROGRAMS = ("/v1/", "/in/")  # what programs ask is answered in JSON
FAR = 20  # pages from here on are found by id first


def error_page(request: HttpRequest, refusal: AttuneError) -> HttpResponse:
    """The refusal as a page, a toast for htmx, or problem+json for the API."""
    status = 422 if isinstance(refusal, Invalid) else refusal.status
    reference = tracing.request_id()
    logger.warning(
        "reference %s: %s %s answered %s: %s", reference, request.method, request.path, status,
        str.__str__(refusal.detail),
    )  # fmt: skip
    if request.path.startswith(PROGRAMS):
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
        return toast(response, str(refusal.detail), kind="error")
    member = getattr(request, "member", None)
    home = reverse("insights:home", args=[member.slug]) if member is not None else "/"
    back = ours(request, request.META.get("HTTP_REFERER", ""), home)
    if request.method == "POST" and status == Conflict.status and back != home:
        messages.error(request, str(refusal.detail))  # said where the button was pressed
        return HttpResponse(status=303, headers={"Location": back})
    context = {"refusal": refusal, "status": status, "reference": reference, "back": back}
    name = "web/error.html" if member is None else "web/error_inside.html"
    return render(request, name, context, status=status)


def ours(request: HttpRequest, address: str, other: str) -> str:
    """An address that somebody sent, when it is one of this site; else the other one."""
    inside = url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()})
    return address if inside else other


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404: an address that nobody serves, as a page or as problem+json."""
    if request.path.startswith("/v1/"):
        return error_page(request, NotFound(say("The API has no such address; see /docs/api.")))
    gone = say(
        "There is no page at this address. It may have moved, or it belongs to a workspace that "
        "you are not a member of."
    )
    return error_page(request, NotFound(gone))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: what broke is in the log under the reference that the person sees.

    It asks the database nothing, which may be what broke.
    """
    reference = tracing.request_id()
    logger.error(
        "reference %s: server error at %s %s", reference, request.method, request.path,
        exc_info=sys.exc_info(),
    )  # fmt: skip
    if request.path.startswith("/v1/"):
        body = {
            "type": "urn:attune:server_error", "title": "Something broke on our side",
            "status": 500, "detail": f"Nothing was half saved; try again. Reference {reference}.",
        }  # fmt: skip
        return HttpResponse(orjson.dumps(body), status=500, content_type="application/problem+json")
    page = render_to_string("500.html", {"reference": reference})
    return HttpResponse(page, status=500)


def toast(response: HttpResponse, text: str, *, kind: str = "ok") -> HttpResponse:
    """Let the open page show a short message (an htmx response header)."""
    response.headers["HX-Trigger"] = json.dumps({"toast": {"text": text, "kind": kind}})
    return response


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed by: words of a name, and a state; both stand in the address."""

    q: str
    state: str
    states: list[str]

    @property
    def used(self) -> bool:
        return bool(self.q or self.state)


def filters(request: HttpRequest, states: list[str]) -> Filters:
    state = request.GET.get("state", "")
    return Filters(
        request.GET.get("q", "").strip()[:200], state if state in states else "", list(states)
    )


def form_status(form: forms.Form, editing: Editing | None = None) -> int:
    """200 of a form that is shown, 409 where two people clash, 422 where a field is wrong."""
    if editing is not None and editing.clashes:
        return 409
    return 422 if form.is_bound and form.errors else 200


def paged(
    request: HttpRequest, rows: QuerySet[Any] | list[Any], size: int = PAGE_SIZE
) -> Page[Any]:
    """The page asked for by ?page=; a wrong number answers the nearest page.

    Far pages walk over ids alone and read whole rows, with what they join, only for the page.
    """
    page = Paginator(rows, size).get_page(request.GET.get("page"))
    if isinstance(rows, QuerySet) and page.number > FAR and not rows.query.is_sliced:
        ids = list(rows.values_list("pk", flat=True)[page.start_index() - 1 : page.end_index()])
        found = rows.in_bulk(ids)
        page.object_list = [found[pk] for pk in ids if pk in found]
    return page
