"""Forms of budgets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.budget.models import MixFit
from campaigns.decisions import selectors as log
from campaigns.experiments import selectors as experiments


class MixForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    outcome = forms.ChoiceField(
        label=_("Outcome"),
        help_text=_("What the money should bring, a week: money of its events, or how many."),
    )  # fmt: skip

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["outcome"].choices = [(m.key, m.name) for m in log.metrics()]


class SpendForm(forms.Form):
    file = forms.FileField(
        label=_("Spend file (CSV)"),
        help_text=_("A row a day or week: day, a column a channel, and revenue where it happened "
                    "before this workspace had events. Or the columns day, channel, spend."),
    )  # fmt: skip


class LiftForm(forms.Form):
    """From an experiment of this workspace, or by hand."""

    channel = forms.ChoiceField(label=_("Channel"))
    experiment = forms.ChoiceField(
        label=_("From the experiment"), required=False,
        help_text=_("One whose control got nothing: what the others did more is the lift."),
    )  # fmt: skip
    since = forms.DateField(label=_("Or a test from"), required=False,
                            widget=forms.DateInput(attrs={"type": "date"}))  # fmt: skip
    until = forms.DateField(label=_("Until"), required=False,
                            widget=forms.DateInput(attrs={"type": "date"}))  # fmt: skip
    outcome = forms.FloatField(label=_("brought"), required=False)
    error = forms.FloatField(label=_("With the standard error"), required=False)

    def __init__(self, *arguments: Any, channels: Sequence[str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["channel"].choices = [(c, c) for c in channels]
        self.fields["experiment"].choices = [
            ("", _("none")), *((str(e.pk), e.name) for e in experiments.experiments()[:100])
        ]  # fmt: skip

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if not told.get("experiment"):
            for name in ("since", "until", "outcome", "error"):
                if told.get(name) is None and name not in self.errors:
                    self.add_error(name, _("Choose an experiment, or fill in what the test found."))
        return told


class PlanForm(forms.Form):
    """Money a week, and the least and the most of each channel that may be moved."""

    name = forms.CharField(label=_("Name"), max_length=120)
    starts = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date"}))
    weeks = forms.IntegerField(label=_("Weeks"), min_value=1, max_value=26, initial=12)
    total = forms.FloatField(label=_("Money a week"), min_value=0.01)

    def __init__(
        self, *arguments: Any, fit: MixFit, held: set[str], today: date, **options: Any
    ) -> None:  # fmt: skip
        super().__init__(*arguments, **options)
        channels = fit.results["channels"]
        self.fields["starts"].initial = today + timedelta(days=7 - today.weekday())
        self.fields["total"].initial = round(sum(c["now"] for c in channels), 2)
        self.moved = [c for c in channels if c["name"] not in held]
        for c in self.moved:
            for kind, share, words in (("least", 0.5, _("%(name)s, at least")),
                                       ("most", 1.5, _("%(name)s, at most"))):  # fmt: skip
                self.fields[f"{kind}_{_code(c['name'])}"] = forms.FloatField(
                    label=words % {"name": c["name"]}, min_value=0,
                    initial=round(c["now"] * share, 2),
                )  # fmt: skip

    def limits(self) -> dict[str, tuple[float, float]]:
        told = self.cleaned_data
        return {c["name"]: (told[f"least_{_code(c['name'])}"], told[f"most_{_code(c['name'])}"])
                for c in self.moved}  # fmt: skip


def _code(channel: str) -> str:
    """A channel as a field names it: the same whichever other channels there are."""
    return hashlib.sha256(channel.encode()).hexdigest()[:10]
