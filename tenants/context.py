"""What every template of a workspace knows."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from tenants import navigation
from tenants.roles import PERMISSIONS


def workspace(request: HttpRequest) -> dict[str, object]:
    member = getattr(request, "member", None)
    if member is None:
        return {"member": None, "languages": settings.LANGUAGES}
    rights: dict[str, dict[str, bool]] = {}
    for verb in PERMISSIONS:
        place, _, name = verb.partition(".")
        rights.setdefault(place, {})[name] = member.can(verb)
    return {
        "member": member,
        "languages": settings.LANGUAGES,
        "members": request.members,  # type: ignore[attr-defined]
        "may": rights,
        "navigation": navigation.shown(member, request.path),
        "currency": member.currency,
    }
