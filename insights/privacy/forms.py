"""Forms of privacy: how long things are kept."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from insights.privacy.models import RetentionRule
from insights.privacy.retention import LEAST_DAYS, MOST_DAYS


class KeepForm(forms.Form):
    """Days for each kind; empty keeps it for ever."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for value, label in RetentionRule.What.choices:
            self.fields[value] = forms.IntegerField(
                label=label, required=False, min_value=LEAST_DAYS, max_value=MOST_DAYS,
                help_text=_("Days; empty: for ever.") if value == "events" else "",
            )  # fmt: skip
