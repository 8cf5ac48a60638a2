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

from attune.kernel.models import AuditEntry
from attune.kernel.phrases import say

SALT = "attune.editing"


@dataclass(frozen=True, slots=True)
class Clash:
    """A field that two people changed: both values as people read them, and the other's as the
    form takes it."""

    field: str
    label: str
    theirs: str
    mine: str
    value: str


class Editing:
    """A form over a thing that exists. `now` are its values at this moment, by field.

    `last` is the newest audit entry of a save: it says who the other person was.
    Read the thing with a row lock when the form is posted, or two posts may pass at once.
    """

    def __init__(
        self, form: forms.Form, now: Mapping[str, Any], last: AuditEntry | None = None
    ) -> None:
        self.form, self.last = form, last
        self.now: dict[str, Any] = json.loads(json.dumps(dict(now), cls=DjangoJSONEncoder))
        self.clashes: list[Clash] = []
        self.taken: list[str] = []
        self.compared = False

    @property
    def base(self) -> str:
        """The hidden field of the form that is shown: the values it begins from, signed.

        A form that comes back for another reason than a clash still begins where it began.
        """
        posted = str(self.form.data.get("base", ""))
        if self.form.is_bound and not self.compared and self._began() is not None:
            return posted
        return signing.dumps(self.now, salt=SALT, compress=True)

    def settled(self) -> bool:
        """Whether the valid form may be saved: no field was changed by two people at once."""
        began = self._began()
        for name in self.now:
            if not self._differs(name, self.now):
                continue  # both say the same
            if began is None or name not in began:
                self._clash(name)
            elif not self._differs(name, began):
                self._take(name)  # only the other changed it
            elif self.now[name] != began[name]:
                self._clash(name)
        self.compared = True
        return not self.clashes

    def _began(self) -> dict[str, Any] | None:
        try:
            began = signing.loads(str(self.form.data.get("base", "")), salt=SALT)
        except signing.BadSignature:
            return None
        return began if isinstance(began, dict) else None

    def _differs(self, name: str, values: dict[str, Any]) -> bool:
        """Whether what was typed is another value; a line break is one however it was sent."""
        field, mine = self.form.fields[name], self.form[name].data
        return field.has_changed(_lines(field.to_python(values[name])), _lines(mine))

    def _take(self, name: str) -> None:
        """Put the other's value into what is saved, and into the form should it be shown again."""
        field = self.form.fields[name]
        theirs = field.to_python(self.now[name])
        self.form.cleaned_data[name] = theirs
        data = cast(QueryDict, self.form.data).copy()
        value, key = field.prepare_value(theirs), self.form.add_prefix(name)
        if isinstance(value, list):
            data.setlist(key, value)
        elif value is False or value is None:
            data.pop(key, None)
        else:
            data[key] = "on" if value is True else value
        self.form.data = data
        self.taken.append(str(self.form[name].label))

    def _clash(self, name: str) -> None:
        bound, field = self.form[name], self.form.fields[name]
        place = bound.id_for_label or bound.auto_id
        theirs, mine = self.now[name], bound.data
        self.clashes.append(
            Clash(place, str(bound.label), shown(theirs, field), shown(mine, field), raw(theirs))
        )


def _lines(value: Any) -> Any:
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


def shown(value: Any, field: forms.Field) -> str:
    """A field's value as a person reads it: choices by their labels, truth as yes or no."""
    if isinstance(field, forms.BooleanField):
        return str(say("yes") if field.to_python(value) else say("no"))
    labels = {str(code): str(label) for code, label in getattr(field, "choices", [])}
    if labels:
        chosen = value if isinstance(value, list) else [value]
        return ", ".join(labels.get(str(one), str(one)) for one in chosen)
    return raw(value)


def raw(value: Any) -> str:
    """A field's value as text that can be put back into the field."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    if isinstance(value, dict | list):
        return json.dumps(value, indent=1, ensure_ascii=False)
    return "" if value is None else str(value)
