"""What takes a deed back: services register how, pages offer it (tenants/offers.py).

A deed is something a person did on a page that another service can reverse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Deed:
    """How a deed is taken back: the right it needs, the service that does it, and whether that
    service asks for the rights of who takes it back."""

    verb: str
    reverse: Callable[..., object]
    by_rights: bool


DEEDS: dict[str, Deed] = {}


def deed(name: str, *, verb: str, by_rights: bool = False) -> Callable[[F], F]:
    """Register a service under a name, as what takes a deed back."""

    def register(service: F) -> F:
        if name in DEEDS:
            raise ValueError(f"The deed {name!r} is registered already.")
        DEEDS[name] = Deed(verb, service, by_rights)
        return service

    return register
