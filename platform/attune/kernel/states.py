"""States move by a table: a compare-and-set update plus its audit entry, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models, transaction

from attune.kernel import audit
from attune.kernel.errors import Conflict
from attune.kernel.phrases import known_words, say, word


@dataclass(frozen=True, slots=True)
class Machine:
    """`moves[(state, verb)] = next state`; `subject` names the audit action, "review.approve"."""

    subject: str
    moves: dict[tuple[str, str], str]

    def __post_init__(self) -> None:
        known_words(self.subject, *self.states(), *(verb for _, verb in self.moves))

    def verbs_from(self, state: str) -> list[str]:
        return [verb for (source, verb) in self.moves if source == state]

    def states(self) -> set[str]:
        return {source for source, _ in self.moves} | set(self.moves.values())


def advance(machine: Machine, row: models.Model, verb: str, **details: object) -> None:
    """Move `row.state` by `verb`. Raises Conflict when the table or a rival forbids it."""
    source = str(row.state)  # type: ignore[attr-defined]
    target = machine.moves.get((source, verb))
    if target is None:
        possible = [word(v) for v in machine.verbs_from(source)] or say("nothing")
        raise Conflict(
            say(
                "A %(subject)s that is %(state)s cannot %(verb)s; "
                "possible from here: %(possible)s.",
                subject=word(machine.subject),
                state=word(source),
                verb=word(verb),
                possible=possible,
            )
        )
    with transaction.atomic():
        manager = type(row)._default_manager
        won = manager.filter(pk=row.pk, state=source).update(state=target)
        if won != 1:
            raise Conflict(
                say(
                    "This %(subject)s was changed by someone else; reload it.",
                    subject=word(machine.subject),
                )
            )
        row.state = target  # type: ignore[attr-defined]
        audit.record(f"{machine.subject}.{verb}", row, before=source, after=target, **details)
