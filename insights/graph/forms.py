"""The form of a competitor."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class CompetitorForm(forms.Form):
    name = forms.CharField(max_length=80, label=_("Name"))
    aliases = forms.CharField(
        required=False, label=_("Other names"), max_length=2000,
        help_text=_("One a line; texts that name one of them are compared with you."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip
