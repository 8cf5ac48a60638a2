"""Forms of campaigns and endpoints."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from attune.kernel.phrases import say
from campaigns.content.models import Channel
from campaigns.delivery import selectors
from campaigns.delivery.models import Campaign
from campaigns.experiments import selectors as experiments
from campaigns.layouts import selectors as layouts
from campaigns.segments import selectors as segments
from campaigns.strategy import selectors as strategy
from campaigns.subscriptions import selectors as subscriptions


class CampaignForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    via = forms.ChoiceField(choices=Campaign.Via.choices, label=_("How it leaves"))
    audience = forms.ChoiceField(label=_("Audience"))
    experiment = forms.ChoiceField(
        label=_("Experiment"), required=False,
        help_text=_("Its arms are the variants people may get, once."),
    )  # fmt: skip
    policy = forms.ChoiceField(
        label=_("Or policy"), required=False,
        help_text=_("It decides for each person again and again, until you end the campaign."),
    )  # fmt: skip
    topic = forms.ChoiceField(
        label=_("Topic"), required=False,
        help_text=_("Only people who get this topic are written to."),
    )  # fmt: skip
    template = forms.ChoiceField(
        label=_("Template"), required=False, help_text=_("How e-mails look. None: the plain form."),
    )  # fmt: skip
    local_time = forms.TimeField(
        label=_("At this time of each person's day"), required=False,
        widget=forms.TimeInput(attrs={"type": "time"}),
        help_text=_("By their own time zone; the workspace's where it is not known. A policy "
                    "chooses the moment itself."),
    )  # fmt: skip
    per_hour = forms.IntegerField(
        label=_("Most messages an hour"), required=False, min_value=1, max_value=10_000_000,
        help_text=_("The rest waits for its turn."),
    )  # fmt: skip
    endpoint = forms.ChoiceField(
        label=_("Endpoint"), required=False, help_text=_("Only for signed webhooks.")
    )

    def __init__(self, *arguments: Any, own: Campaign | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["audience"].choices = [
            ("", say("choose")), *segments.as_choices(own.audience if own else None),
        ]  # fmt: skip
        free = [
            *([own.experiment] if own and own.experiment else []),
            *experiments.experiments().filter(
                campaigns=None, state__in=["draft", "running"], assigned_by="attune"
            ),
        ]
        self.fields["experiment"].choices = [
            ("", say("choose")), *((str(e.pk), e.name) for e in free),
        ]  # fmt: skip
        policies = strategy.policies().exclude(state="retired").filter(
            every_hours__gt=0, bank__options__in_use=True, bank__options__revision__isnull=False
        ).distinct()  # fmt: skip
        busy = Campaign.objects.filter(policy__isnull=False).exclude(
            state__in=["finished", "cancelled"]
        )  # fmt: skip
        busy = busy.exclude(pk=own.pk) if own else busy
        policies = policies.exclude(pk__in=busy.values("policy_id"))
        self.fields["policy"].choices = [
            ("", say("choose")), *((str(p.pk), p.name) for p in policies),
        ]  # fmt: skip
        self.fields["topic"].choices = [("", "–"), *subscriptions.as_choices()]
        self.fields["template"].choices = [
            ("", "–"), *layouts.as_choices(own.template if own else None),
        ]  # fmt: skip
        self.fields["endpoint"].choices = [
            ("", "–"),
            *((str(e.pk), e.name) for e in selectors.endpoints()),
        ]


class ReviseForm(forms.Form):
    """What may change while a campaign runs, for whoever still waits."""

    template = forms.ChoiceField(label=_("Template"), required=False)
    topic = forms.ChoiceField(label=_("Topic"), required=False)
    local_time = forms.TimeField(
        label=_("At this time of each person's day"), required=False,
        widget=forms.TimeInput(attrs={"type": "time"}),
    )  # fmt: skip
    per_hour = forms.IntegerField(
        label=_("Most messages an hour"), required=False, min_value=1, max_value=10_000_000
    )

    def __init__(self, *arguments: Any, own: Campaign, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["topic"].choices = [("", "–"), *subscriptions.as_choices()]
        self.fields["template"].choices = [("", "–"), *layouts.as_choices(own.template)]
        if own.standing:  # its policy chooses the moment
            del self.fields["local_time"]
        if own.channel != Channel.EMAIL:
            del self.fields["template"]


class SignUpForm(forms.Form):
    """What a visitor subscribes to. `wording` is what they read beside the button: it is kept."""

    wording = _("Yes, write to me about what I chose. I can stop this at any time.")

    email = forms.EmailField(label=_("E-mail"), max_length=254)
    topics = forms.MultipleChoiceField(
        label=_("What about"), widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one.")},
    )  # fmt: skip

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["topics"].choices = [
            (row.key, row.name) for row in subscriptions.public_topics()
        ]

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()


class ScheduleForm(forms.Form):
    at = forms.DateTimeField(
        label=_("Launch at"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
