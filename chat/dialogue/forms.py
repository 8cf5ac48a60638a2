"""Forms of what the assistant is taught."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from chat.dialogue import scripts
from chat.dialogue.models import Intent, Slot
from chat.dialogue.scripts import WrongScript
from chat.dialogue.tools import TOOLS


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


class Lines(forms.CharField):
    """One entry a line."""

    def __init__(self, **options: Any) -> None:
        rows = options.pop("rows", 6)
        super().__init__(widget=forms.Textarea(attrs={"rows": rows}), **options)

    def clean(self, value: Any) -> Any:
        return lines(super().clean(value))


class IntentForm(forms.Form):
    name = forms.SlugField(
        label=_("Name"), max_length=60,
        help_text=_("What files and models call it, for example order_status."),
    )  # fmt: skip
    title = forms.CharField(
        label=_("Title"), max_length=120,
        help_text=_("Customers read it when the assistant asks what they mean."),
    )  # fmt: skip
    examples = Lines(
        label=_("What customers say"), rows=10, required=False,
        help_text=_("One sentence a line. Ten different ones teach more than fifty alike."),
    )  # fmt: skip
    enabled = forms.BooleanField(label=_("In use"), required=False, initial=True)


class OutsideForm(forms.Form):
    examples = Lines(
        label=_("Out of scope"), rows=6, required=False,
        help_text=_("What customers write that is not your business, one sentence a line: it "
                    "teaches the assistant what not to answer."),
    )  # fmt: skip


class SlotForm(forms.Form):
    name = forms.SlugField(label=_("Name"), max_length=60)
    kind = forms.ChoiceField(label=_("Kind"), choices=Slot.Kind.choices)
    ask = forms.CharField(label=_("How it is asked for"), max_length=300)
    values = Lines(label=_("Values"), required=False, help_text=_("One a line, for a choice."))


class TaskForm(forms.Form):
    name = forms.SlugField(label=_("Name"), max_length=60)
    title = forms.CharField(label=_("Title"), max_length=120)
    intent = forms.ModelChoiceField(label=_("Set going by"), queryset=None)
    slots = Lines(
        label=_("What it must know"), required=False, rows=4,
        help_text=_("Names of slots in the order in which they are asked for, one a line."),
    )  # fmt: skip
    tool = forms.ChoiceField(label=_("Then"), required=False)
    done = forms.CharField(
        label=_("What is said at the end"), required=False, max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("{slot} is replaced by its value, {result} by what the tool said. Empty: the "
                    "result alone."),
    )  # fmt: skip
    enabled = forms.BooleanField(label=_("In use"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["intent"].queryset = Intent.objects.order_by("title")  # type: ignore[attr-defined]
        tools = [(t.name, str(t.title)) for t in TOOLS.values()]
        self.fields["tool"].choices = [("", _("no tool")), *tools]  # type: ignore[attr-defined]


class ScriptForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    steps = forms.CharField(
        label=_("Conversation"), widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false"})
    )
    enabled = forms.BooleanField(label=_("Must pass"), required=False, initial=True)

    def clean_steps(self) -> list[dict[str, Any]]:
        try:
            return scripts.parse(self.cleaned_data["steps"])
        except WrongScript as wrong:
            raise ValidationError(str(wrong.why)) from wrong


class PastForm(forms.Form):
    file = forms.FileField(label=_("File"), help_text=_("JSONL or CSV, up to 50 MB."))
