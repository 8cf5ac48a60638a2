"""What else holds a campaign's message back: other parts of the house say who, and why.

A hold is registered when its app is ready. It is asked for some people at once, inside the
transaction that sends, and answers those of them who are to be spared now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from attune.kernel.phrases import Phrase


@dataclass(frozen=True, slots=True)
class Hold:
    """`people` answers which of some contacts are held; None asks for everybody who is."""

    key: str
    reason: Phrase
    people: Callable[[Sequence[UUID] | None], set[UUID]]


_HOLDS: dict[str, Hold] = {}


def register(hold: Hold) -> None:
    _HOLDS[hold.key] = hold


def why(contact_id: UUID) -> Phrase | None:
    """Why this person is spared now; None where nothing holds."""
    return next((h.reason for h in _HOLDS.values() if h.people([contact_id])), None)


def everybody() -> list[UUID]:
    """All who are held now by anything."""
    found: set[UUID] = set()
    for hold in _HOLDS.values():
        found |= hold.people(None)
    return sorted(found)


def among(people: Sequence[UUID]) -> list[UUID]:
    """Of these people, those who are held now."""
    found: set[UUID] = set()
    for hold in _HOLDS.values():
        found |= hold.people(people)
    return sorted(found)
