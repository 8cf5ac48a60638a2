"""Idempotency-Key: an unsafe request sent twice acts once and answers the same twice.

The record is written in the transaction of the effect. Same key, other body: 422. A rival in
flight waits on the unique key and then gets the first one's answer.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from attune.kernel import secrets
from attune.kernel.errors import Invalid
from attune.kernel.models import IdempotencyRecord
from attune.kernel.phrases import say

UNSAFE = {"POST", "PATCH", "PUT", "DELETE"}
HEADER = "Idempotency-Key"


class Replayed(Exception):
    """Carries the answer that was given the first time."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def begin(request: Request) -> IdempotencyRecord | None:
    """Claim the request's key. Raises Replayed when it was answered before."""
    key = request.headers.get(HEADER, "")
    if request.method not in UNSAFE or not key:
        return None
    if len(key) > 255 or not key.isprintable():
        raise Invalid.one(HEADER, say("The key is longer than 255 characters or not printable."))
    who = str(getattr(request.auth, "id", "")).encode()  # an answer is its own caller's alone
    asked = [who, request.method.encode(), request.path.encode(), request._request.body]
    fingerprint = hashlib.sha256(b"\n".join(asked)).hexdigest()
    try:
        with transaction.atomic():
            return IdempotencyRecord.objects.create(key=key, fingerprint=fingerprint)
    except IntegrityError:
        record = IdempotencyRecord.objects.get(key=key)
    if record.fingerprint != fingerprint:
        raise Invalid.one(
            HEADER,
            say("This key was used for another request."),
            say("Send a new key for a new request."),
        )
    kept = secrets.unseal(record.body, bound_to=_place(record)) if record.body else ""
    body: Any = orjson.loads(kept) if kept else None
    raise Replayed(Response(body, status=record.status, headers={"Idempotent-Replayed": "true"}))


def finish(record: IdempotencyRecord, response: Response) -> None:
    """Keep a success, sealed: an answer may hold a secret that is shown once. A refusal rolled the
    claim back with everything else."""
    if response.status_code >= 400:
        return
    record.status = response.status_code
    told = response.rendered_content.decode() if response.data is not None else ""
    record.body = secrets.seal(told, bound_to=_place(record)) if told else ""
    record.save(update_fields=["status", "body"])


def _place(record: IdempotencyRecord) -> str:
    return f"idempotency:{record.tenant_id}:{record.pk}"
