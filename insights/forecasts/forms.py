"""Forms of forecasts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.decisions import selectors as log
from insights.forecasts import calendars
from insights.forecasts.models import Series
from insights.forecasts.scenarios import Money


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
        help_text=_("Parts add up to the whole; segments and products overlap, and do not."),
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


class HolidaysForm(forms.Form):
    country = forms.ChoiceField(label=_("Country"), choices=calendars.countries)


class HistoryForm(forms.Form):
    file = forms.FileField(label=_("File (CSV)"), help_text=_("day,value or day,key,value"))


class SpendForm(forms.Form):
    """Money a week for each channel of a budget, as it is now at first."""

    def __init__(self, by: Money, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for n, name in enumerate(by.curves.channels):
            held = name in by.held
            self.fields[f"spend-{n}"] = forms.FloatField(
                label=name, min_value=0, max_value=1e9, initial=round(float(by.now[n]), 2),
                disabled=held,
                help_text=_("Held: its curve is not known well enough.") if held else "",
            )  # fmt: skip

    @property
    def spend(self) -> list[float]:
        return [self.cleaned_data[name] for name in self.fields]
