"""Forms of campaigns and endpoints."""

from __future__ import annotations

from typing import Any

from django import forms

from campaigns.delivery import selectors
from campaigns.delivery.models import Campaign
from campaigns.experiments import selectors as experiments
from campaigns.segments import selectors as segments


class CampaignForm(forms.Form):
    name = forms.CharField(max_length=120)
    via = forms.ChoiceField(choices=Campaign.Via.choices, label="How it leaves")
    audience = forms.ChoiceField()
    experiment = forms.ChoiceField(help_text="Its arms are the variants people may get.")
    endpoint = forms.ChoiceField(required=False, help_text="Only for signed webhooks.")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["audience"].choices = [
            (str(s.pk), f"{s.name} ({s.size:,})") for s in segments.segments()
        ]
        free = experiments.experiments().filter(campaigns=None, state__in=["draft", "running"])
        self.fields["experiment"].choices = [(str(e.pk), e.name) for e in free]
        self.fields["endpoint"].choices = [
            ("", "–"),
            *((str(e.pk), e.name) for e in selectors.endpoints()),
        ]


class EndpointForm(forms.Form):
    name = forms.CharField(max_length=120)
    url = forms.URLField(assume_scheme="https")
