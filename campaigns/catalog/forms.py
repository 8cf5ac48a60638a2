"""Forms of catalogue and voice."""

from __future__ import annotations

from django import forms

from campaigns.catalog.models import Product


class ProductForm(forms.ModelForm):
    price = forms.DecimalField(min_value=0, max_digits=12, decimal_places=2)

    class Meta:
        model = Product
        fields = ("sku", "name", "category", "price", "currency", "description", "url", "available")
        widgets = {"description": forms.Textarea(attrs={"rows": 4})}

    def values(self) -> dict[str, object]:
        """Fields as the service takes them: money in cents."""
        values = dict(self.cleaned_data)
        values["price_cents"] = round(values.pop("price") * 100)
        return values


class FactForm(forms.Form):
    text = forms.CharField(max_length=300, label="Fact")
    source = forms.CharField(max_length=200, required=False)
    valid_until = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))


class VoiceForm(forms.Form):
    tone = forms.CharField(max_length=200, help_text="A few adjectives, such as: warm, plain.")
    audience = forms.CharField(max_length=200, required=False)
    banned_words = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One a line. A text that holds one is blocked.",
    )  # fmt: skip
    preferred_words = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    samples = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 5}),
        help_text="Copy you are proud of, one a line.",
    )  # fmt: skip
    signature = forms.CharField(max_length=120, required=False)

    LISTS = ("banned_words", "preferred_words", "samples")

    def values(self) -> dict[str, object]:
        """Text areas as lists of lines."""
        values = dict(self.cleaned_data)
        for name in self.LISTS:
            values[name] = [line.strip() for line in values[name].splitlines() if line.strip()]
        return values
