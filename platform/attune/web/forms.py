"""Forms that pass a service's refusal back to the field it names."""

from __future__ import annotations

from typing import Any

import orjson
from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput

from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.phrases import say


class StrictJSONField(forms.JSONField):
    """JSON that another program can read as well: no NaN, no lone surrogate, bounded depth."""

    def to_python(self, value: Any) -> Any:
        if not isinstance(value, str) or not value.strip():
            return super().to_python(value)
        try:
            return orjson.loads(value)
        except ValueError as wrong:
            raise ValidationError(
                str(say("This is not valid JSON: %(why)s.", why=wrong)), code="invalid"
            ) from wrong

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was typed is shown again, valid or not."""
        try:
            return orjson.loads(data or "null")
        except ValueError:
            return InvalidJSONInput(data)


def add_refusal(form: forms.Form, refusal: AttuneError) -> None:
    """Put each wrong field's sentence beside its field; those of no field of the form above it."""
    if not isinstance(refusal, Invalid):
        form.add_error(None, str(refusal.detail))
        return
    for error in refusal.errors:
        name = error.field if error.field in form.fields else None
        form.add_error(name, str(error.sentence()))
