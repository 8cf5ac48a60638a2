"""The segment builder's form. The builder writes the rule's JSON; it may be typed as well."""

from __future__ import annotations

from django import forms

from attune.web.forms import StrictJSONField


class SegmentForm(forms.Form):
    name = forms.CharField(max_length=120)
    description = forms.CharField(max_length=300, required=False)
    rule = StrictJSONField(widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}))
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
