"""A key may do what its scopes say; every API view names the scope of each action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:  # rest_framework.views imports this module by its settings
    from rest_framework.views import APIView


def scope_of(view: APIView, method: str) -> str:
    """The verb that a view demands for a method. A view without one is a bug: KeyError."""
    action = getattr(view, "action", None) or method.lower()
    return view.scopes[action]


class HasScope(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.auth is None:
            raise NotAuthenticated("Send an API key: Authorization: Bearer sk_…")
        if getattr(view, (request.method or "").lower(), None) is None:
            return True  # answered 405 by the dispatcher, which runs after this
        scope = scope_of(view, request.method or "")
        if scope not in request.auth.scopes:
            raise PermissionDenied(f"This key lacks the scope “{scope}”.")
        return True
