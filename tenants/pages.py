"""`@page("slice.verb")`: the one door of every workspace page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from attune.kernel.errors import Forbidden, Invalid
from attune.kernel.phrases import say, word
from tenants.roles import who_can

View = Callable[..., HttpResponse]


def page(verb: str) -> Callable[[View], View]:
    """Guard a view of /w/<workspace>/…: the member's role must hold `verb`.

    The wrapped view no longer receives `workspace`; the middleware opened it already.
    """
    who_can(verb)

    def wrap(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, workspace: str, **arguments: Any) -> HttpResponse:
            demand(request, verb)
            _refuse_nul(request)
            return view(request, **arguments)

        guarded.verb = verb  # type: ignore[attr-defined]
        return guarded

    return wrap


def _refuse_nul(request: HttpRequest) -> None:
    """PostgreSQL holds no NUL: no form and no filter may carry one."""
    for bag in (request.GET, request.POST):
        for name, values in bag.lists():
            if "\x00" in name or any("\x00" in value for value in values):
                field = name.replace("\x00", "�")
                raise Invalid.one(
                    field, say("Text must not contain the NUL character."), say("Take it out.")
                )


def can(request: HttpRequest, verb: str) -> bool:
    return request.member.can(verb)  # type: ignore[attr-defined]


def demand(request: HttpRequest, verb: str) -> None:
    """Raise Forbidden, naming who can, unless the member holds `verb`."""
    if not can(request, verb):
        raise Forbidden(
            say("This needs one of these roles: %(names)s.", names=[word(r) for r in who_can(verb)])
        )


def address(request: HttpRequest, name: str, *arguments: object) -> str:
    """The URL of a workspace page."""
    return reverse(name, args=[request.member.slug, *arguments])  # type: ignore[attr-defined]


def go(request: HttpRequest, name: str, *arguments: object) -> HttpResponseRedirect:
    return HttpResponseRedirect(address(request, name, *arguments))
