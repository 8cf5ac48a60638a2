"""A key may do what its scopes say; every API view names the scope of each action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from attune.kernel.phrases import say
from tenants.middleware import secret_of

if TYPE_CHECKING:  # rest_framework.views imports this module by its settings
    from rest_framework.views import APIView


def scope_of(view: APIView, method: str) -> str:
    """The verb that a view demands for a method. A view without one is a bug: KeyError."""
    action = getattr(view, "action", None) or method.lower()
    return view.scopes[action]


def _why(request: Request) -> str:
    """A key that was sent and not found is not the same as none; neither says which keys exist."""
    if secret_of(request._request):
        return say("This API key is unknown, revoked or expired; make one in Settings → API keys.")
    return say(
        "Send an API key: Authorization: Bearer sk_…, or a write-only key as the user "
        "name of Basic authentication (curl -u pk_…:)."
    )


class HasScope(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.auth is None:
            raise NotAuthenticated(_why(request))
        if getattr(view, (request.method or "").lower(), None) is None:
            return True  # answered 405 by the dispatcher, which runs after this
        if request.method == "OPTIONS":
            return True  # says only which methods there are
        scope = scope_of(view, "GET" if request.method == "HEAD" else request.method or "")
        if scope not in request.auth.scopes:
            raise PermissionDenied(say("This key lacks the scope “%(scope)s”.", scope=scope))
        return True
