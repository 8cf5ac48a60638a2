"""Secrets at rest (AES-GCM, tenant and row as associated data) and signed public tokens."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core import signing

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say


def _key() -> bytes:
    return hashlib.sha256(b"attune.secrets" + settings.SECRET_KEY.encode()).digest()


def seal(plain: str, *, bound_to: str) -> str:
    """Encrypt; `bound_to` (tenant and row) must be the same to open it again."""
    nonce = os.urandom(12)
    sealed = AESGCM(_key()).encrypt(nonce, plain.encode(), bound_to.encode())
    return "v1:" + base64.b64encode(nonce + sealed).decode()


def unseal(sealed: str, *, bound_to: str) -> str:
    raw = base64.b64decode(sealed.removeprefix("v1:"))
    try:
        return AESGCM(_key()).decrypt(raw[:12], raw[12:], bound_to.encode()).decode()
    except InvalidTag as wrong:
        raise ValueError("The secret does not belong here, or SECRET_KEY changed.") from wrong


def sign(purpose: str, value: dict[str, Any]) -> str:
    """A URL-safe token for one purpose; it carries the tenant, so no lookup crosses tenants."""
    return signing.dumps(value, salt=f"attune.{purpose}", compress=True)


def sign_permanently(purpose: str, value: dict[str, Any]) -> str:
    """A token that says the same each time it is made, so that what it leads to can be kept."""
    return signing.Signer(salt=f"attune.{purpose}").sign_object(value, compress=True)


def unsign_permanently(purpose: str, token: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = signing.Signer(salt=f"attune.{purpose}").unsign_object(token)
    except (signing.BadSignature, ValueError) as wrong:
        raise NotFound(say("This link is not valid, or it has expired.")) from wrong
    return found


def unsign(purpose: str, token: str, *, max_age: int | None = None) -> dict[str, Any]:
    try:
        return signing.loads(token, salt=f"attune.{purpose}", max_age=max_age)
    except signing.BadSignature as wrong:
        raise NotFound(say("This link is not valid, or it has expired.")) from wrong
