"""Forms of content."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from attune.kernel.phrases import Phrase, say
from campaigns.catalog.models import Product
from campaigns.content.checks import LIMITS, REQUIRED, VARIABLES, part_name
from campaigns.content.models import Brief, Channel, Locale
from campaigns.segments import selectors as segments


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


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
    locale = forms.ChoiceField(
        label=_("Language of the text"), choices=Locale.choices, initial="en", required=False
    )
    must_mention = forms.CharField(
        label=_("Must mention"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One a line. A text that leaves one out is blocked."),
    )  # fmt: skip
    tone = forms.CharField(
        label=_("Tone"), max_length=200, required=False,
        help_text=_("Empty: the tone of the workspace's voice."),
    )  # fmt: skip
    samples = forms.CharField(
        label=_("Samples"), required=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("How this campaign sounds, one a line, beside the workspace's samples."),
    )  # fmt: skip
    banned_words = forms.CharField(
        label=_("Banned words"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One a line, beside the workspace's."),
    )  # fmt: skip

    LISTS: ClassVar = {"must_mention": (20, 200), "samples": (20, 500), "banned_words": (50, 200)}

    def clean(self) -> dict[str, Any]:
        """Lists of lines keep to the limits of the API; nothing is cut."""
        values = dict(super().clean() or {})
        for name, (most, longest) in self.LISTS.items():
            lines = _lines(values.get(name, ""))
            if len(lines) > most or any(len(line) > longest for line in lines):
                told = say("At most %(most)s lines of %(longest)s characters each.", most=most,
                           longest=longest)  # fmt: skip
                self.add_error(name, str(told))
        return values

    def values(self) -> dict[str, Any]:
        """As the service takes them: text areas as lists of lines."""
        values = dict(self.cleaned_data)
        for name in self.LISTS:
            values[name] = _lines(values[name])
        values["locale"] = values["locale"] or "en"
        return values

    def __init__(self, *arguments: Any, own: Brief | None = None, **options: Any) -> None:
        """`own` is the brief that is edited: what it names stays among the choices."""
        super().__init__(*arguments, **options)
        self.fields["products"].choices = [
            (str(p.pk), f"{p.name} · {p.price_cents / 100:.2f} {p.currency}")
            for p in Product.objects.filter(
                Q(available=True) | Q(pk__in=own.lines.values("product_id") if own else [])
            ).order_by("name")
        ]
        self.fields["audience"].choices = [
            ("", say("Everyone")), *segments.as_choices(own.audience if own else None),
        ]  # fmt: skip


class ComponentsForm(forms.Form):
    """One field for each part of the channel, with its limit."""

    def __init__(self, channel: str, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for name, limit in LIMITS[channel].items():
            widget = forms.Textarea(attrs={"rows": 7}) if name == "body" else forms.TextInput()
            self.fields[name] = forms.CharField(
                label=str(part_name(name)).capitalize(), required=name in REQUIRED[channel],
                widget=widget, help_text=str(_help(name, limit)),
            )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """A line break is one sign, however the browser sends it."""
        return {k: str(v).replace("\r\n", "\n") for k, v in super().clean().items()}

    def filled(self) -> dict[str, str]:
        """The parts that were written."""
        return {name: value for name, value in self.cleaned_data.items() if value}


def _help(name: str, limit: int) -> Phrase:
    if name == "link":
        return say("A page of a product. Empty: the page of the brief's first product.")
    if name == "body":
        known = [f"{{{{ {variable} }}}}" for variable in VARIABLES]
        return say("At most %(n)s characters. It may hold %(known)s.", n=limit, known=known)
    return say("At most %(n)s characters.", n=limit)


class MessageForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=160)
    brief = forms.ChoiceField(
        label=_("Brief"), required=False,
        help_text=_("Copy may claim what stands in it. Without one: what stands in the catalogue."),
    )  # fmt: skip
    channel = forms.ChoiceField(choices=Channel.choices, widget=forms.HiddenInput)

    def __init__(self, channel: str, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        briefs = Brief.objects.filter(channel=channel).order_by("-id")[:200]
        self.fields["brief"].choices = [("", "–"), *((str(b.pk), b.name) for b in briefs)]
