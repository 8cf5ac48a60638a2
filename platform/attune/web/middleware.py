"""Content-Security-Policy: scripts and styles from our own files only, nothing inline. And parts of
pages, which share an address with the page they belong to."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import Resolver404, resolve
from django.utils.cache import patch_vary_headers

STRICT = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self' ws: wss:; font-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
DOCS = STRICT.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "script-src 'self'", "script-src 'self' 'unsafe-inline'"
)


class ContentSecurityPolicy:
    """Every answer carries the policy; the API's documentation page needs inline script."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.answer(request)
        policy = DOCS if request.path.startswith("/docs/api") else STRICT
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), microphone=(), geolocation=()"
        )
        return response


class PartsOfPages:
    """A part that htmx asked for is never kept: the browser's Back would show it as the page."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.answer(request)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ["HX-Request", "HX-Target"])
            if "HX-Request" in request.headers:
                response.headers["Cache-Control"] = "no-store"
        return response


class BackFromPosts:
    """An address that only takes posts, opened by hand or by a reload after a form was refused:
    the page it belongs to is shown, a segment further up."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.answer(request)
        asks = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
        if response.status_code != 405 or not asks:
            return response
        above = request.path.rstrip("/").rpartition("/")[0]
        for path in (above, f"{above}/") if request.path.startswith("/w/") else ():
            try:
                resolve(path)
            except Resolver404:
                continue
            return HttpResponseRedirect(path)
        return response
