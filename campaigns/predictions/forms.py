"""Forms of predictions."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.contacts import selectors as contacts
from campaigns.decisions import selectors as log


class PredictionForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    goal = forms.ChoiceField(
        label=_("Will they reach"), help_text=_("The event of this metric counts once.")
    )
    days = forms.IntegerField(
        label=_("Within days"), min_value=1, max_value=180, initial=30,
        help_text=_("It learns from moments at least so long ago: fewer days need less history."),
    )  # fmt: skip

    traits = forms.MultipleChoiceField(
        label=_("May know these traits"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=_("As they were told before each moment it learns from. Leave out what it would "
                    "be wrong to foretell by."),
    )  # fmt: skip

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["traits"].choices = [(name, name) for name in contacts.telling_traits()]
        self.fields["goal"].choices = [(m.key, m.name) for m in log.metrics()]
