"""What a campaign cost."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

MOST = 1_000_000_000


class CostForm(forms.Form):
    fixed = forms.DecimalField(
        min_value=0, max_value=MOST, max_digits=12, decimal_places=2, initial=0,
        label=_("Spent once"),
        help_text=_("Design, agency, media: in the currency of the workspace."),
    )  # fmt: skip
    message = forms.DecimalField(
        min_value=0, max_value=1_000, max_digits=12, decimal_places=6, initial=0,
        label=_("For each message"),
        help_text=_("What a mail or webhook costs; nothing is counted for your own channel."),
    )  # fmt: skip
