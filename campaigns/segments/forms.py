"""The segment builder's form. The builder writes the rule's JSON; it may be typed as well."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from attune.web.forms import StrictJSONField


class SegmentForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    description = forms.CharField(label=_("Description"), max_length=300, required=False)
    rule = StrictJSONField(
        label=_("Rule"), widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"})
    )
