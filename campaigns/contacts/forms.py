"""Forms of the audience pages."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from attune.web.forms import StrictJSONField


class UploadForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV, Excel or JSONL, up to 200 MB. The first row names the columns."),
    )


class TraitForm(forms.Form):
    key = forms.CharField(max_length=80, label=_("Trait"))
    value = forms.CharField(label=_("Value"), max_length=300, required=False)


class ConsentForm(forms.Form):
    channel = forms.ChoiceField(
        label=_("Channel"), choices=[("email", _("E-mail")), ("sms", _("SMS")), ("push", _("Push"))]
    )
    state = forms.ChoiceField(
        label=_("State"), choices=[("given", _("Given")), ("refused", _("Refused"))]
    )
    wording = forms.CharField(max_length=300, required=False, label=_("Words that were shown"))


class ReplayForm(forms.Form):
    raw = StrictJSONField(label=_("Corrected event"), widget=forms.Textarea(attrs={"rows": 10}))
