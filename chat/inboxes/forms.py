"""Forms of inboxes and of what agents keep at hand."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from attune.kernel.phrases import say
from chat.inboxes.models import Inbox

DAYS = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"),
        _("Sunday"))  # fmt: skip
SPAN = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*[-–]\s*(\d{1,2})(?::(\d{2}))?")


class InboxForm(forms.ModelForm):
    origins = forms.CharField(
        label=_("Sites that may show it"), required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "https://shop.example"}),
        help_text=_("One a line, as https://shop.example. Other sites are refused."),
    )  # fmt: skip

    class Meta:
        model = Inbox
        fields = (
            "name", "greeting", "colour", "language", "bot_enabled", "bot_name",
            "identity_required", "timezone", "away_message", "first_response_minutes",
            "resolution_minutes", "csat_enabled", "csat_question",
        )  # fmt: skip
        widgets = {"colour": forms.TextInput(attrs={"type": "color"})}
        labels = {
            "name": _("Name"), "greeting": _("Greeting"), "colour": _("Colour"),
            "language": _("Language"), "bot_enabled": _("The assistant answers first"),
            "bot_name": _("The assistant's name"),
            "identity_required": _("Only customers who are signed in"),
            "timezone": _("Time zone"), "away_message": _("What is said outside of these hours"),
            "first_response_minutes": _("A person answers within, minutes"),
            "resolution_minutes": _("It is resolved within, minutes"),
            "csat_enabled": _("Ask customers how it was"), "csat_question": _("The question"),
        }  # fmt: skip
        help_texts = {
            "greeting": _("What a visitor reads before they write."),
            "first_response_minutes": _("In business hours; 0 promises nothing."),
            "resolution_minutes": _("In business hours; 0 promises nothing."),
        }  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        row = options.get("instance")
        super().__init__(*args, **options)
        for day, name in enumerate(DAYS):
            spans = row.hours.get(str(day), []) if row is not None else []
            self.fields[f"day{day}"] = forms.CharField(
                label=name, required=False, initial=written(spans),
                widget=forms.TextInput(attrs={"placeholder": "9:00-12:30, 13:30-18:00"}),
            )  # fmt: skip
        if row is not None:
            self.initial["origins"] = "\n".join(row.allowed_origins)

    def clean(self) -> dict[str, Any]:
        """Hours as hours.py takes them; a day that cannot be read is named."""
        values = super().clean() or self.cleaned_data
        hours: dict[str, list[list[int]]] = {}
        for day in range(7):
            try:
                spans = read(values.get(f"day{day}", ""))
            except ValidationError as wrong:
                self.add_error(f"day{day}", wrong)
                continue
            if spans:
                hours[str(day)] = spans
        self.hours = hours
        return values

    def _post_clean(self) -> None:
        """The service writes, not the form: nothing is put into the row here."""

    def values(self) -> dict[str, Any]:
        values = {name: self.cleaned_data[name] for name in self.Meta.fields}
        return {
            **values, "hours": self.hours,
            "allowed_origins": self.cleaned_data["origins"].splitlines(),
        }  # fmt: skip


def read(text: str) -> list[list[int]]:
    """'9-12:30, 14-18' as intervals of minutes. Raises ValidationError."""
    spans = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        found = SPAN.fullmatch(part)
        if found is None:
            raise ValidationError(str(say("Write the hours as 9:00-12:30, 13:30-18:00.")))
        a, b, c, d = (int(n or 0) for n in found.groups())
        if b > 59 or d > 59 or not 0 <= a * 60 + b < c * 60 + d <= 1440:
            raise ValidationError(str(say("“%(part)s” is no span of a day.", part=part)))
        spans.append([a * 60 + b, c * 60 + d])
    spans.sort()
    if any(one[1] > other[0] for one, other in pairwise(spans)):
        raise ValidationError(str(say("Two spans of this day overlap.")))
    return spans


def written(spans: list[list[int]]) -> str:
    return ", ".join(f"{a // 60}:{a % 60:02}-{b // 60}:{b % 60:02}" for a, b in spans)


class CannedForm(forms.Form):
    code = forms.CharField(
        label=_("Short code"), max_length=30, help_text=_("Typed as /code in an answer.")
    )
    text = forms.CharField(
        label=_("Reply"), max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )
