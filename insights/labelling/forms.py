"""The form for labels from elsewhere."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class TakeForm(forms.Form):
    file = forms.FileField(label=_("JSON export of Label Studio"))
    people = forms.CharField(
        required=False, label=_("Who is who"),
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "7 = ann@shop.example"}),
        help_text=_("One a line, their number = the e-mail here; or the file holds e-mails."),
    )  # fmt: skip

    def clean_people(self) -> dict[str, str]:
        found = {}
        for line in self.cleaned_data["people"].splitlines():
            number, _sign, email = line.partition("=")
            if number.strip() and email.strip():
                found[number.strip()] = email.strip()
            elif line.strip():
                raise forms.ValidationError(_("Write each line as: number = e-mail."))
        return found
