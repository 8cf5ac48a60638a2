"""Taking a deed back: a message with an Undo button that works for ten minutes.

A service that reverses another one is registered as a deed; the page that did the deed offers it
with the values it needs. The offer is signed and bound to the person and the workspace.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest

from attune.kernel.errors import Conflict, NotFound
from attune.kernel.phrases import Phrase, say
from tenants.pages import demand

F = TypeVar("F", bound=Callable[..., object])
SALT, SECONDS = "attune.undo", 600
TAG = "undo:"


@dataclass(frozen=True, slots=True)
class Deed:
    """How a deed is taken back: the right it needs, and the service that does it."""

    verb: str
    reverse: Callable[..., object]


DEEDS: dict[str, Deed] = {}


def deed(name: str, verb: str) -> Callable[[F], F]:
    """Register a service under a name, as what takes a deed back."""

    def register(service: F) -> F:
        if name in DEEDS:
            raise ValueError(f"The deed {name!r} is registered already.")
        DEEDS[name] = Deed(verb, service)
        return service

    return register


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
    if bound != [request.user.pk, request.member.tenant_id] or name not in DEEDS:  # type: ignore[attr-defined]
        raise NotFound(say("There is nothing to undo."))
    demand(request, DEEDS[name].verb)
    DEEDS[name].reverse(**values)
