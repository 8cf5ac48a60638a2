"""Forms of experiments."""

from __future__ import annotations

from typing import Any

from django import forms

from campaigns.content import selectors as content
from campaigns.decisions import selectors as log
from campaigns.decisions.models import Metric
from campaigns.experiments.models import Experiment


class ExperimentForm(forms.Form):
    name = forms.CharField(max_length=120)
    hypothesis = forms.CharField(max_length=300, required=False)
    kind = forms.ChoiceField(choices=Experiment.Kind.choices)
    revisions = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, label="Variants",
        help_text="Approved texts only; the first one ticked is the control without a holdout.",
    )  # fmt: skip
    holdout = forms.FloatField(
        min_value=0, max_value=90, initial=10, label="Holdout in percent",
        help_text="People who get nothing: the only honest comparison. 0 for none.",
    )  # fmt: skip
    primary = forms.ChoiceField(label="Goal")
    guardrails = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label="Must not get worse"
    )
    window_days = forms.IntegerField(min_value=1, max_value=365, initial=7)
    target_lift = forms.FloatField(
        min_value=1, max_value=1000, initial=20, label="Smallest effect worth finding, percent"
    )
    floor = forms.FloatField(
        min_value=0, max_value=50, initial=5, label="Least share of a bandit's arm, percent"
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["revisions"].choices = [
            (str(r.pk), f"{r.asset.get_channel_display()} · {r}")
            for r in content.approved_revisions()[:100]
        ]
        metrics = [(m.key, m.name) for m in log.metrics()]
        self.fields["primary"].choices = [m for m in metrics if m[0]]
        self.fields["guardrails"].choices = metrics


class MetricForm(forms.Form):
    key = forms.SlugField(max_length=60)
    name = forms.CharField(max_length=120)
    event_name = forms.CharField(max_length=200)
    kind = forms.ChoiceField(choices=Metric.Kind.choices)
    higher_is_better = forms.BooleanField(required=False, initial=True)
