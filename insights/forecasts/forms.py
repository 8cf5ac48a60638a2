"""Forms of forecasts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.decisions import selectors as log
from insights.forecasts.models import Series


class SeriesForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    metric = forms.ChoiceField(label=_("What is foretold"))
    grain = forms.ChoiceField(
        label=_("By"), choices=Series.Grain.choices, initial=Series.Grain.DAY,
        help_text=_("Only whole periods count. A season (7 days, 52 weeks, 12 months) is believed "
                    "where it was seen twice."),
    )  # fmt: skip
    by = forms.ChoiceField(
        label=_("Parts"), choices=Series.By.choices, required=False,
        help_text=_("Parts add up to the whole; segments overlap, and do not."),
    )  # fmt: skip
    horizon = forms.IntegerField(
        label=_("Periods ahead"), required=False, min_value=1, max_value=92,
        help_text=_("28 days, 13 weeks or 12 months where it is left empty."),
    )  # fmt: skip

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["metric"].choices = [(m.key, m.name) for m in log.metrics()]


class OccasionForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=80,
        help_text=_("Days of the same name are taken to do the same: “Black Friday”, “Closed”."),
    )  # fmt: skip
    first = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label=_("Until"), widget=forms.DateInput(attrs={"type": "date"}))


class HistoryForm(forms.Form):
    file = forms.FileField(label=_("File (CSV)"), help_text=_("day,value or day,key,value"))
