"""The refusals of the house: each names what is wrong, where, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from attune.kernel.phrases import Phrase, as_is, say


class AttuneError(Exception):
    """A refusal that a person may read. `status` is the HTTP status it becomes."""

    status: int = 400
    code: str = "invalid"
    title: Phrase = say("The request cannot be carried out")

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: where it stands, what is wrong, and the remedy."""

    field: str
    message: str
    remedy: str = ""

    def sentence(self) -> Phrase:
        if not self.remedy:
            return as_is(self.message)
        return say("%(wrong)s %(remedy)s", wrong=self.message, remedy=self.remedy)


@dataclass(eq=False)
class Invalid(AttuneError):
    """Input that names its wrong fields."""

    errors: list[FieldError]

    def __post_init__(self) -> None:
        told = [say("%(field)s: %(wrong)s", field=e.field, wrong=e.sentence()) for e in self.errors]
        super().__init__(
            reduce(lambda one, other: say("%(one)s; %(other)s", one=one, other=other), told)
        )

    @classmethod
    def one(cls, field_name: str, message: str, remedy: str = "") -> Invalid:
        return cls([FieldError(field_name, message, remedy)])


class NotFound(AttuneError):
    """Absent, or not of this workspace: the two answer alike."""

    status, code, title = 404, "not_found", say("Not found")


class Forbidden(AttuneError):
    status, code, title = 403, "forbidden", say("Your role does not allow this")


class Conflict(AttuneError):
    """The thing moved on since it was read, or the step is not allowed from where it is."""

    status, code, title = 409, "conflict", say("The state does not allow this")


class TooLarge(AttuneError):
    status, code, title = 413, "too_large", say("The request is too large")


class TenantError(RuntimeError):
    """A bug: code touched tenant data without, or across, a tenant context."""
