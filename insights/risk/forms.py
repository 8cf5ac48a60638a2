"""Forms of risks."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.decisions import selectors as log


class RiskForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    goal = forms.ChoiceField(
        label=_("Lost is who does not reach"),
        help_text=_("For most an order; of those alone who reached it before."),
    )
    days = forms.IntegerField(
        label=_("Within days"), min_value=7, max_value=365, initial=60,
        help_text=_("About twice as long as customers usually take between two orders."),
    )  # fmt: skip

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        known = list(log.metrics())
        self.fields["goal"].choices = [(m.key, m.name) for m in known]
        orders = (m.key for m in known if "order" in m.event_name.lower())
        self.fields["goal"].initial = next(orders, None)


class OutlookForm(forms.Form):
    people = forms.IntegerField(label=_("People written to"), max_value=100_000_000)
    fixed = forms.DecimalField(label=_("Cost once"), max_digits=12, decimal_places=2)
    message = forms.DecimalField(label=_("Cost a message"), max_digits=10, decimal_places=6)
    margin = forms.DecimalField(
        label=_("Margin, percent of revenue"), max_digits=5, decimal_places=2,
        help_text=_("What is left of a sale after goods, shipping and the discount offered."),
    )  # fmt: skip
    gain = forms.DecimalField(
        label=_("Your own guess: money a person more"), max_digits=10, decimal_places=4,
        required=False, help_text=_("In the place of what earlier campaigns brought."),
    )  # fmt: skip
    unsure = forms.DecimalField(
        label=_("How unsure the guess is (±)"), max_digits=10, decimal_places=4, required=False
    )
