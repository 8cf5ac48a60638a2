"""What agents type."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from chat.conversations.visiting import MOST_LETTERS


class ReplyForm(forms.Form):
    body = forms.CharField(
        label=_("Answer"), max_length=MOST_LETTERS, required=False, strip=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip
    client_id = forms.RegexField(r"^[\x21-\x7e]{8,64}$", widget=forms.HiddenInput)


class NoteForm(forms.Form):
    body = forms.CharField(
        label=_("Private note"), max_length=MOST_LETTERS, widget=forms.Textarea(attrs={"rows": 3})
    )


class SnoozeForm(forms.Form):
    until = forms.DateTimeField(
        label=_("Until"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
