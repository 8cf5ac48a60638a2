"""Forms of endpoints and what they ask for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from campaigns.hooks import types


class EndpointForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    url = forms.URLField(label=_("Address (https://…)"), max_length=500, assume_scheme="https")
    types = forms.MultipleChoiceField(
        label=_("Tell it of"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=_("Nothing ticked: it only gets the messages of campaigns that leave by it."),
    )  # fmt: skip
    event_names = forms.CharField(
        label=_("Names of the events"), required=False, max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("For event.tracked: one a line, such as Order Completed; none for all."),
    )  # fmt: skip

    def __init__(self, *arguments: Any, names: bool, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.names = names  # whether who fills it in may see customers' names
        if settings.WEBHOOK_ALLOW_PRIVATE:
            self.fields["url"].help_text = _(
                "This installation also takes http:// and addresses inside its own network."
            )
        self.fields["types"].choices = [
            (one.name, format_html("{} <code>{}</code>", one.about, one.name))
            for one in types.TYPES
        ]

    def clean_types(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["types"]
        if types.TRACKED in chosen and not self.names:
            raise forms.ValidationError(str(types.NAMES_IN_IT))
        return chosen

    def clean_event_names(self) -> list[str]:
        lines = str(self.cleaned_data["event_names"]).splitlines()
        return list(dict.fromkeys(line.strip()[:200] for line in lines if line.strip()))[:100]
