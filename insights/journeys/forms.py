"""The form of a journey."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.segments.models import Segment


class JourneyForm(forms.Form):
    name = forms.CharField(max_length=120, label=_("Name"))
    goal = forms.CharField(
        max_length=200, label=_("Goal"),
        help_text=_("The event that people should come to, such as an order."),
        widget=forms.TextInput(attrs={"list": "events"}),
    )  # fmt: skip
    days = forms.IntegerField(min_value=7, max_value=730, initial=90, label=_("Days to look back"))
    lookback = forms.IntegerField(
        min_value=1, max_value=90, initial=30, label=_("Days in which a visit counts"),
        help_text=_("A visit earlier than this before the goal gets no credit."),
    )  # fmt: skip
    segment: forms.ModelChoiceField[Segment] = forms.ModelChoiceField(
        queryset=None, required=False, label=_("Segment"), empty_label=_("Everybody")
    )

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)
        self.fields["segment"].queryset = Segment.objects.order_by("name")
