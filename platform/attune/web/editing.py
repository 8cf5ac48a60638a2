"""Two people in one form: what both changed is shown to choose from, nothing is lost silently.

The form carries, signed, the values it began with. When it comes back each field is compared
three ways: what only the other person changed is taken over, what only this person changed is
kept, and what both changed differently is a clash. A clash answers 409 with both values; the form
then begins from the newest values, so sending it again is a decision.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.core import signing
from django.core.serializers.json import DjangoJSONEncoder
from django.http import QueryDict
from django.utils.functional import cached_property

from attune.kernel.models import AuditEntry

SALT = "attune.editing"


@dataclass(frozen=True, slots=True)
class Clash:
    """A field that two people changed: the other's value and one's own, as text."""

    field: str
    label: str
    theirs: str
    mine: str


class Editing:
    """A form over a thing that exists. `now` are its values at this moment, by field.

    `last` is the newest audit entry of the thing: it says who the other person was.
    Read the thing with a row lock when the form is posted, or two posts may pass at once.
    """

    def __init__(
        self, form: forms.Form, now: Mapping[str, Any], last: AuditEntry | None = None
    ) -> None:
        self.form, self.last = form, last
        self.now: dict[str, Any] = json.loads(json.dumps(dict(now), cls=DjangoJSONEncoder))
        self.clashes: list[Clash] = []
        self.taken: list[str] = []

    @cached_property
    def base(self) -> str:
        """The values at this moment, signed: the hidden field of the form that is shown."""
        return signing.dumps(self.now, salt=SALT, compress=True)

    def settled(self) -> bool:
        """Whether the valid form may be saved: no field was changed by two people at once."""
        began = self._began()
        for name in self.now:
            field = self.form.fields[name]
            mine, theirs = self.form[name].data, self._value(name, self.now)
            if not field.has_changed(theirs, mine):
                continue  # both say the same
            if began is None or name not in began:
                self._clash(name)
                continue
            before = self._value(name, began)
            if not field.has_changed(before, mine):
                self._take(name, theirs)  # only the other changed it
            elif self.now[name] != began[name]:
                self._clash(name)
        return not self.clashes

    def _began(self) -> dict[str, Any] | None:
        try:
            began = signing.loads(self.form.data.get("base", ""), salt=SALT)
        except signing.BadSignature:
            return None
        return began if isinstance(began, dict) else None

    def _value(self, name: str, values: dict[str, Any]) -> Any:
        return self.form.fields[name].to_python(values[name])

    def _take(self, name: str, theirs: Any) -> None:
        """Put the other's value into what is saved, and into the form should it be shown again."""
        self.form.cleaned_data[name] = theirs
        data = cast(QueryDict, self.form.data).copy()
        value = self.form.fields[name].prepare_value(theirs)
        key = self.form.add_prefix(name)
        if isinstance(value, list):
            data.setlist(key, value)
        elif value is False or value is None:
            data.pop(key, None)
        else:
            data[key] = "on" if value is True else value
        self.form.data = data
        self.taken.append(str(self.form[name].label))

    def _clash(self, name: str) -> None:
        bound = self.form[name]
        self.clashes.append(
            Clash(bound.id_for_label, str(bound.label), shown(self.now[name]), shown(bound.data))
        )


def shown(value: Any) -> str:
    """A field's value as text that can be put back into the field."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    if isinstance(value, dict | list):
        return json.dumps(value, indent=1, ensure_ascii=False)
    return "" if value is None else str(value)
