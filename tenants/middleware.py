"""One request, one workspace: found once, opened once, around the whole view."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import timedelta

import orjson
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from attune.kernel import audit
from attune.kernel.errors import AttuneError, NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import tenant_context
from attune.web.pages import error_page
from tenants import registry
from tenants.models import ApiKey

Answer = Callable[[HttpRequest], HttpResponse]
USED_RESOLUTION = timedelta(minutes=1)
# what opens its own units of work: a model is slow, a client is another workspace
OWN_UNITS = frozenset({"/v1/chat/completions", "/v1/embeddings", "/v1/models", "/v1/clients"})
INTAKE = frozenset(
    f"/v1/{verb}" for verb in ("identify", "track", "page", "screen", "group", "alias", "batch")
)


class TenantMiddleware:
    """Opens the tenant context of /w/<workspace>/… (session) and /v1/… (API key)."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.member = None
        request.api_key = None
        api = request.path.startswith("/v1/")
        language = "en" if api else language_of(request)  # programs read English
        with translation.override(language):
            try:
                if api:
                    response = self._api(request)
                elif request.path.startswith("/w/"):
                    response = self._page(request)
                else:
                    response = self.answer(request)
            except AttuneError as refusal:
                response = error_page(request, refusal)
        response.headers["Content-Language"] = language
        return response

    def _page(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        slug = request.path.split("/")[2]
        members = registry.memberships_of(request.user.pk)
        member = next((m for m in members if m.slug == slug), None)
        if member is None:
            raise NotFound(say("There is no such workspace, or you are not a member of it."))
        request.member, request.members = member, members
        label = str(request.user)
        if member.visiting:  # the client's people read in their log that it was the agency
            label = f"{label} ({say('for the agency')})"
        who = audit.Actor(kind="user", id=str(request.user.pk), label=label)
        with (
            audit.acting(who),
            tenant_context(member.tenant_id),
            timezone.override(member.timezone),
        ):
            return self._answer(request)

    def _api(self, request: HttpRequest) -> HttpResponse:
        secret = secret_of(request)
        key = registry.key_of(secret) if secret else None
        if key is None:
            return self.answer(request)
        request.api_key = key
        who = audit.Actor(kind="api_key", id=str(key.id), label=key.name)
        if request.path in OWN_UNITS:
            with tenant_context(key.tenant_id):
                _mark_used(key)
            with audit.acting(who):
                return self.answer(request)
        with audit.acting(who), tenant_context(key.tenant_id):
            _mark_used(key)
            return self._answer(request)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        """Answer; a server error undoes the unit of work even when Django turned it to a page."""
        response = self.answer(request)
        if response.status_code >= 500:
            transaction.set_rollback(True)
        elif hasattr(response, "render") and not response.is_rendered:
            response.render()
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A refusal raised by a view becomes its page; what the view wrote is undone."""
        if not isinstance(error, AttuneError):
            return None
        if transaction.get_connection().in_atomic_block:
            transaction.set_rollback(True)
        return error_page(request, error)


def language_of(request: HttpRequest) -> str:
    """What the person chose, or what the browser asks for (LocaleMiddleware found that)."""
    chosen = getattr(request.user, "language", "")
    return chosen or translation.get_language() or "en"


def secret_of(request: HttpRequest) -> str:
    """The key of a request: Bearer, Basic (user name), or writeKey in an intake body."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    if request.path.rstrip("/") in INTAKE and request.method == "POST":
        try:
            body = orjson.loads(request.body)
        except (orjson.JSONDecodeError, ValueError, RequestDataTooBig):
            return ""
        if isinstance(body, dict) and isinstance(body.get("writeKey"), str):
            return body["writeKey"]
    return ""


def _mark_used(key: registry.Key) -> None:
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > USED_RESOLUTION:
        ApiKey.objects.filter(pk=key.id).update(last_used_at=now)
