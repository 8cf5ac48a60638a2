"""Forms of the models page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.generators.models import Task


class CapsForm(forms.Form):
    tokens_a_month = forms.IntegerField(
        label=_("Tokens a month"), min_value=0,
        help_text=_("Read and written, of all tasks. At the cap the model stops; people go on."),
    )  # fmt: skip
    money_a_month = forms.DecimalField(
        label=_("Money a month"), min_value=0, max_digits=12, decimal_places=2,
        help_text=_("What servers of others may cost. Our own model costs nothing here."),
    )  # fmt: skip
    canary_share = forms.IntegerField(
        label=_("Share of a version in canary, percent"), min_value=1, max_value=99
    )
    profile_fields = forms.CharField(
        label=_("Traits that a message for one person may use"), required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One a line. Names, contact data and sensitive traits are never used."),
    )  # fmt: skip

    def values(self) -> dict[str, Any]:
        """As the service takes them: cents, a share, a list."""
        given = self.cleaned_data
        return {
            "tokens_a_month": given["tokens_a_month"],
            "cents_a_month": round(given["money_a_month"] * 100),
            "canary_share": given["canary_share"] / 100,
            "profile_fields": [
                line.strip() for line in given["profile_fields"].splitlines() if line.strip()
            ],
        }


class ForgetForm(forms.Form):
    words = forms.CharField(
        label=_("Words of the text"), max_length=200,
        help_text=_("An address, a name, a phrase: every text that holds it is taken out."),
    )  # fmt: skip
    reason = forms.CharField(label=_("Reason"), max_length=200, required=False)


class ServerForm(forms.Form):
    task = forms.ChoiceField(
        label=_("Task"), choices=[(t.value, t.label) for t in (Task.WRITING, Task.EMBEDDING)]
    )
    base_url = forms.CharField(
        label=_("Address"), max_length=500,
        help_text=_("Of the OpenAI-compatible API, such as https://models.example.com/v1."),
    )  # fmt: skip
    model = forms.CharField(label=_("Model"), max_length=200)
    key = forms.CharField(
        label=_("Key"), max_length=500, required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("Kept sealed. Empty: the key that is there stays."),
    )  # fmt: skip
    seconds = forms.IntegerField(label=_("Time-out, seconds"), initial=60)
    retries = forms.IntegerField(label=_("Retries"), initial=2)
    price_in = forms.DecimalField(
        label=_("Price of a million tokens read"), initial=0, min_value=0, decimal_places=2
    )
    price_out = forms.DecimalField(
        label=_("Price of a million tokens written"), initial=0, min_value=0, decimal_places=2
    )
    enabled = forms.BooleanField(label=_("In use"), required=False, initial=True)

    def values(self) -> dict[str, Any]:
        """As the service takes them: prices in cents, no key where none was typed."""
        values = dict(self.cleaned_data)
        values["cents_in"] = round(values.pop("price_in") * 100)
        values["cents_out"] = round(values.pop("price_out") * 100)
        values["key"] = values["key"] or None
        return values
