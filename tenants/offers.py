"""Offers to take a deed back: a message with an Undo button that works for ten minutes.

An offer is signed, and bound to the person and the workspace; what it may do is asked again when
it is taken, with the rights and the role of that moment.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest

from attune.kernel.errors import Conflict, NotFound
from attune.kernel.phrases import Phrase, say
from tenants.pages import demand
from tenants.undo import DEEDS

SALT, SECONDS = "attune.undo", 600
TAG = "undo:"


def offer(request: HttpRequest, text: Phrase, name: str, /, **values: Any) -> None:
    """Say what was done, with a button that takes it back. `values` are JSON."""
    bound = [request.user.pk, request.member.tenant_id]  # type: ignore[attr-defined]
    token = signing.dumps([name, values, *bound], salt=SALT, compress=True)
    messages.success(request, str(text), extra_tags=TAG + token)


def take_back(request: HttpRequest, token: str) -> None:
    """Do what an offer promised, once more checked: who, where, how long ago, with what right."""
    try:
        name, values, *bound = signing.loads(token, salt=SALT, max_age=SECONDS)
    except signing.SignatureExpired as late:
        raise Conflict(say("It is too late to undo this here; change it by hand.")) from late
    except (signing.BadSignature, ValueError) as wrong:
        raise NotFound(say("There is nothing to undo.")) from wrong
    member = request.member  # type: ignore[attr-defined]
    if bound != [request.user.pk, member.tenant_id] or name not in DEEDS:
        raise NotFound(say("There is nothing to undo."))
    demand(request, DEEDS[name].verb)
    rights = {"rights": member.verbs} if DEEDS[name].by_rights else {}
    DEEDS[name].reverse(**values, **rights)
