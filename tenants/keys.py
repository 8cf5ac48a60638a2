"""Keys of the REST API: made, renewed, revoked."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.utils import timezone

from attune.kernel import audit
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import say
from tenants import registry
from tenants.models import ApiKey, User
from tenants.roles import PERMISSIONS, WRITE_ONLY_SCOPES


def create_key(
    *, name: str, kind: str, scopes: list[str], by: User | None, days: int | None = None
) -> tuple[ApiKey, str]:
    """Make a key. The secret in the answer is shown once and never stored."""
    scopes = sorted(WRITE_ONLY_SCOPES) if kind == ApiKey.Kind.WRITE_ONLY else sorted(set(scopes))
    unknown = [scope for scope in scopes if scope not in PERMISSIONS]
    if unknown:
        raise Invalid.one("scopes", say("Unknown scopes: %(names)s.", names=", ".join(unknown)))
    if not scopes:
        raise Invalid.one("scopes", say("A key needs at least one scope."))
    if kind not in ApiKey.Kind.values:
        raise Invalid.one("kind", say("Choose write_only or secret."))
    prefix = ("pk_" if kind == ApiKey.Kind.WRITE_ONLY else "sk_") + secrets.token_hex(4)
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        name=name.strip() or str(say("Unnamed key")),
        kind=kind,
        prefix=prefix,
        hash=registry.digest(secret),
        scopes=scopes,
        created_by=by,
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    audit.record("keys.create", key, scopes=scopes)
    return key, secret


def rotate_key(*, key: ApiKey, by: User | None, overlap_hours: int = 24) -> tuple[ApiKey, str]:
    """A successor with the same rights; the old key works on for `overlap_hours`."""
    now = timezone.now()
    if key.revoked_at or (key.expires_at and key.expires_at <= now):
        raise Conflict(say("A key that was revoked or has expired is not rotated; make a new one."))
    successor, secret = create_key(name=key.name, kind=key.kind, scopes=key.scopes, by=by)
    overlap = now + timedelta(hours=overlap_hours)
    successor.expires_at, successor.for_agency = key.expires_at, key.for_agency
    successor.save(update_fields=["expires_at", "for_agency"])
    key.expires_at = min(key.expires_at or overlap, overlap)
    key.save(update_fields=["expires_at"])
    audit.record("keys.rotate", key, successor=str(successor.pk))
    return successor, secret


def revoke_key(*, key: ApiKey) -> None:
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])
    audit.record("keys.revoke", key)
