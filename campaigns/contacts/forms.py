"""Forms of the audience pages."""

from __future__ import annotations

from django import forms

from attune.web.forms import StrictJSONField


class UploadForm(forms.Form):
    file = forms.FileField(help_text="CSV or JSONL, up to 200 MB. The first row names the columns.")


class TraitForm(forms.Form):
    key = forms.CharField(max_length=80, label="Trait")
    value = forms.CharField(max_length=300, required=False)


class ConsentForm(forms.Form):
    channel = forms.ChoiceField(choices=[("email", "E-mail"), ("sms", "SMS"), ("push", "Push")])
    state = forms.ChoiceField(choices=[("given", "Given"), ("refused", "Refused")])
    wording = forms.CharField(max_length=300, required=False, label="Words that were shown")


class ReplayForm(forms.Form):
    raw = StrictJSONField(label="Corrected event", widget=forms.Textarea(attrs={"rows": 10}))
