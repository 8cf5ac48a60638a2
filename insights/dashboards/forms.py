"""What a campaign cost."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class CostForm(forms.Form):
    fixed = forms.DecimalField(
        min_value=0, max_digits=12, decimal_places=2, initial=0, label=_("Spent once")
    )
    message = forms.DecimalField(
        min_value=0, max_digits=12, decimal_places=6, initial=0, label=_("For each message")
    )
