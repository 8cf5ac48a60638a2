"""The form of a journey."""

from __future__ import annotations

import difflib

from django import forms
from django.utils.translation import gettext_lazy as _

from attune.kernel.phrases import say
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

    def __init__(self, *arguments: object, events: list[str], **options: object) -> None:
        """`events` are the names of what people did in the last year."""
        super().__init__(*arguments, **options)
        self.events = events
        self.fields["segment"].queryset = Segment.objects.order_by("name")

    def clean_goal(self) -> str:
        goal: str = self.cleaned_data["goal"].strip()
        if goal in self.events:
            return goal
        near = difflib.get_close_matches(goal, self.events, n=1, cutoff=0.5)
        told = say("Nobody did “%(goal)s” in the last year.", goal=goal)
        if near:
            told = say("%(told)s Did you mean “%(near)s”?", told=told, near=near[0])
        raise forms.ValidationError(str(told))
