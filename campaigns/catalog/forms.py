"""Forms of catalogue and voice."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.catalog.models import Product


class ProductForm(forms.ModelForm):
    price = forms.DecimalField(label=_("Price"), min_value=0, max_digits=12, decimal_places=2)

    class Meta:
        model = Product
        fields = ("sku", "name", "category", "price", "currency", "description", "url", "available")
        widgets = {"description": forms.Textarea(attrs={"rows": 4})}
        labels = {
            "sku": _("SKU"), "name": _("Name"), "category": _("Category"),
            "currency": _("Currency"), "description": _("Description"), "url": _("Link"),
            "available": _("Available"),
        }  # fmt: skip

    def values(self) -> dict[str, object]:
        """Fields as the service takes them: money in cents."""
        values = dict(self.cleaned_data)
        values["price_cents"] = round(values.pop("price") * 100)
        return values


class FactForm(forms.Form):
    text = forms.CharField(max_length=300, label=_("Fact"))
    source = forms.CharField(label=_("Source"), max_length=200, required=False)
    valid_until = forms.DateField(
        label=_("Valid until"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


class VoiceForm(forms.Form):
    tone = forms.CharField(
        label=_("Tone"), max_length=200, help_text=_("A few adjectives, such as: warm, plain.")
    )
    audience = forms.CharField(label=_("Audience"), max_length=200, required=False)
    banned_words = forms.CharField(
        label=_("Banned words"), required=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One a line. A text that holds one is blocked."),
    )  # fmt: skip
    preferred_words = forms.CharField(
        label=_("Preferred words"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    samples = forms.CharField(
        label=_("Samples"), required=False, widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("Copy you are proud of, one a line."),
    )  # fmt: skip
    signature = forms.CharField(label=_("Signature"), max_length=120, required=False)

    LISTS = ("banned_words", "preferred_words", "samples")

    def values(self) -> dict[str, object]:
        """Text areas as lists of lines."""
        values = dict(self.cleaned_data)
        for name in self.LISTS:
            values[name] = [line.strip() for line in values[name].splitlines() if line.strip()]
        return values
