"""Forms of the sources."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.catalog.models import Product
from insights.sources.languages import NAMES
from insights.sources.models import Source


class SourceForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    kind = forms.ChoiceField(
        label=_("What it holds"), choices=Source.Kind.choices,
        help_text=_("Our chats come in by themselves, as each conversation is resolved."),
    )  # fmt: skip
    licence = forms.CharField(
        label=_("Licence"), max_length=200, required=False,
        help_text=_("What may be done with these texts, and who says so. It stands beside each."),
    )  # fmt: skip
    language = forms.ChoiceField(
        label=_("Language"), required=False,
        help_text=_("Only where all of it is in one; a text in another is then set aside."),
    )  # fmt: skip
    product: forms.ModelChoiceField[Product] = forms.ModelChoiceField(
        label=_("Product"), queryset=None, required=False,
        help_text=_("Where all of it is about one product."),
    )  # fmt: skip

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)
        named = [(code, str(name)) for code, name in NAMES.items()]
        self.fields["language"].choices = [("", _("Found out for each text")), *named]
        self.fields["product"].queryset = Product.objects.order_by("name")


class FileForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV, Excel or JSONL, up to 200 MB. The first row names the columns."),
    )


class PasteForm(forms.Form):
    text = forms.CharField(
        label=_("What they wrote"), strip=False, widget=forms.Textarea(attrs={"rows": 6})
    )
    apart = forms.ChoiceField(
        label=_("Each text is"),
        choices=[("line", _("a line")), ("paragraph", _("a paragraph")), ("whole", _("all of it"))],
    )


class DoorForm(forms.Form):
    """Where in a webhook's JSON our fields stand; one line each, `their.field = text`."""

    columns = forms.CharField(
        label=_("Their fields"), required=False,
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": "review.body = text"}),
        help_text=_("One a line, theirs = ours; leave it empty where they send ours."),
    )  # fmt: skip

    def clean_columns(self) -> dict[str, str]:
        found = {}
        for line in self.cleaned_data["columns"].splitlines():
            theirs, _sign, ours = line.partition("=")
            if theirs.strip() and ours.strip():
                found[theirs.strip()] = ours.strip()
            elif line.strip():
                raise forms.ValidationError(_("Write each line as: theirs = ours."))
        return found
