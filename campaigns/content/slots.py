"""Slots of a text: values that it must say, and values of the same kind that it must not. Pure.

A slot is right when one of its ways of saying the value stands in the text; wrong when a way of
saying another value does; missing when none does. Slot error rate = (missing + wrong) / slots, as
in the E2E NLG challenge (Dusek, Novikova, Rieser 2020, section 3.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from attune.kernel.words import whole


@dataclass(frozen=True, slots=True)
class Slot:
    """One value to be said. `ways` and `others` are patterns, compared without case."""

    name: str
    ways: tuple[str, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Errors:
    """Names of slots that are missing, and of those said wrongly or without being given."""

    missing: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    slots: int = field(default=0)

    @property
    def count(self) -> int:
        return len(self.missing) + len(self.wrong)


def errors(text: str, slots: Iterable[Slot]) -> Errors:
    """What of the slots the text does not say, or says otherwise. A slot without `ways` must not
    be mentioned at all. Ways are taken out before others are looked for, so that "not family
    friendly" is not found to be "family friendly"."""
    missing, wrong, n = [], [], 0
    for slot in slots:
        n += bool(slot.ways)
        rest, said = text, False
        for way in slot.ways:
            rest, count = re.subn(way, " ", rest, flags=re.IGNORECASE)
            said = said or count > 0
        if slot.ways and not said:
            missing.append(slot.name)
        if any(re.search(other, rest, re.IGNORECASE) for other in slot.others):
            wrong.append(slot.name)
    return Errors(tuple(missing), tuple(wrong), n)


def phrase_slot(phrase: str) -> Slot:
    """A phrase that must be mentioned: its words in order, whatever is between them in blanks."""
    words = [whole(w) for w in phrase.split()]
    return Slot(phrase, (r"\s+".join(words),))
