"""Forms of content."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from attune.kernel.phrases import say, word
from campaigns.catalog.models import Product
from campaigns.content.checks import LIMITS, REQUIRED
from campaigns.content.models import Channel
from campaigns.segments import selectors as segments


class BriefForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    goal = forms.CharField(
        label=_("Goal"),
        max_length=300,
        help_text=_("What should people do after reading? One sentence."),
    )
    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices)
    audience = forms.ChoiceField(label=_("Audience"), required=False)
    products = forms.MultipleChoiceField(
        label=_("Products"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Copy may state only what stands here."),
    )
    offer = forms.CharField(
        label=_("Offer"),
        max_length=300,
        required=False,
        help_text=_("A discount or deadline must stand here."),
    )
    notes = forms.CharField(
        label=_("Notes"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["products"].choices = [
            (str(p.pk), f"{p.name} · {p.price_cents / 100:.2f} {p.currency}")
            for p in Product.objects.filter(available=True).order_by("name")
        ]
        self.fields["audience"].choices = [
            ("", say("Everyone")),
            *((str(s.pk), f"{s.name} ({s.size:,})") for s in segments.segments()),
        ]


class ComponentsForm(forms.Form):
    """One field for each part of the channel, with its limit."""

    def __init__(self, channel: str, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for name, limit in LIMITS[channel].items():
            widget = forms.Textarea(attrs={"rows": 7}) if name == "body" else forms.TextInput()
            self.fields[name] = forms.CharField(
                label=str(word(name)).capitalize(), required=name in REQUIRED[channel],
                widget=widget, help_text=str(say("At most %(n)s characters.", n=limit)),
            )  # fmt: skip

    def filled(self) -> dict[str, str]:
        """The parts that were written."""
        return {name: value for name, value in self.cleaned_data.items() if value}


class MessageForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=160)
    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices)
