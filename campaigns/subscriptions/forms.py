"""Forms of topics."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.subscriptions.models import Topic


class TopicForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80)
    description = forms.CharField(
        label=_("What people get"), max_length=300, required=False,
        help_text=_("Stands beside the name in the preference centre, such as “twice a month”."),
    )  # fmt: skip
    mode = forms.ChoiceField(
        label=_("Who gets it"), choices=Topic.Mode.choices, initial=Topic.Mode.OPT_IN
    )
    double = forms.BooleanField(
        label=_("Ask again by e-mail"), required=False, initial=True,
        help_text=_("Double opt-in: who signs up by the form gets it once they pressed the button "
                    "in the letter. The preference centre is reached by a personal link, so what "
                    "is ticked there counts at once."),
    )  # fmt: skip
    public = forms.BooleanField(
        label=_("People may choose it themselves"), required=False, initial=True,
        help_text=_("In their preference centre and in the sign-up form."),
    )  # fmt: skip
