"""Forms of policies, banks and constraints."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.contacts import selectors as contacts
from campaigns.content import selectors as content
from campaigns.decisions import selectors as log
from campaigns.segments import selectors as segments
from campaigns.strategy import selectors
from campaigns.strategy.features import CONTEXT, KNOWN, SCORE, TRAIT, name_of
from campaigns.strategy.models import Constraint, FairnessRule, Option, PastLog, Policy


class BankForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)


class OptionForm(forms.Form):
    dimension = forms.ChoiceField(label=_("Dimension"), choices=Option.Dimension.choices)
    name = forms.CharField(label=_("Name"), max_length=120)
    key = forms.SlugField(
        label=_("Key"), max_length=30, required=False,
        help_text=_("As programs name it; made of the name where it is left empty."),
    )  # fmt: skip
    revision = forms.ChoiceField(
        label=_("Text that it shows"), required=False,
        help_text=_("Approved texts only. Without one the caller shows what it likes."),
    )  # fmt: skip
    cost = forms.DecimalField(
        label=_("What it costs each time"), min_value=0, max_value=100_000, decimal_places=2,
        initial=0,
    )  # fmt: skip
    hour = forms.IntegerField(
        label=_("Hour of a send time"), required=False, min_value=0, max_value=23,
        help_text=_("In the person's own time zone. A campaign sends it at this hour."),
    )  # fmt: skip
    days = forms.IntegerField(
        label=_("Days of a frequency"), required=False, min_value=1, max_value=365,
        help_text=_("After it nothing is decided anew for so many days."),
    )  # fmt: skip
    segment = forms.ChoiceField(
        label=_("Segment of an audience"), required=False,
        help_text=_("Only its people may get this option."),
    )  # fmt: skip

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["segment"].choices = [("", _("none")), *segments.as_choices()]
        self.fields["revision"].choices = [
            ("", _("none")),
            *((str(r.pk), f"{r.asset.get_channel_display()} · {r}")
              for r in content.approved_revisions()[:100]),
        ]  # fmt: skip


class PolicyForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    kind = forms.ChoiceField(
        label=_("Learns"), choices=Policy.Kind.choices, initial=Policy.Kind.CONTEXTUAL,
        help_text=_("A contextual bandit learns what each decision brings by itself. Reinforcement "
                    "learning also counts what follows, so it learns when to wait."),
    )  # fmt: skip
    bank = forms.ChoiceField(label=_("Action bank"))
    may_wait = forms.BooleanField(
        label=_("May also do nothing"), required=False, initial=True,
        help_text=_("Waiting is an action like the others: chosen where nothing else pays."),
    )  # fmt: skip
    default_action = forms.CharField(
        label=_("Default action"), max_length=160, initial="wait",
        help_text=_("What the control group gets, and everybody while the policy is stopped: an "
                    "action of the bank, or wait."),
    )  # fmt: skip
    audience = forms.ChoiceField(label=_("Audience"), required=False)
    primary = forms.ChoiceField(label=_("Reward"))
    guardrails = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label=_("Must not get worse")
    )
    features = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label=_("Decides by"),
        help_text=_("What it may know of a person. Leave out what it would be wrong to decide by."),
    )  # fmt: skip
    asked = forms.CharField(
        label=_("Features that the request brings"), required=False, max_length=300,
        help_text=_("Names in the request's context, with commas: page, device."),
    )  # fmt: skip
    rule = forms.ChoiceField(label=_("How it explores"), choices=Policy.Rule.choices)
    control_share = forms.FloatField(
        label=_("Control group in percent"), min_value=1, max_value=50, initial=10
    )
    floor = forms.FloatField(
        label=_("Least share of an action in percent"), min_value=0, max_value=50, initial=2,
        help_text=_("Every action keeps this share, so that a wrong belief can be unlearned."),
    )  # fmt: skip
    every_hours = forms.IntegerField(
        label=_("Decides anew after hours"), min_value=0, max_value=24 * 90, initial=24,
        help_text=_("Within them a person gets the same answer. 0: each request anew."),
    )  # fmt: skip
    window_hours = forms.IntegerField(
        label=_("Hours in which a reward may come"), min_value=1, max_value=24 * 90, initial=168
    )
    discount = forms.FloatField(
        label=_("What the next decision counts, in percent"), min_value=0, max_value=99, initial=90,
        help_text=_("For reinforcement learning: at 90, a reward ten decisions later counts for a "
                    "third."),
    )  # fmt: skip
    stale_hours = forms.IntegerField(
        label=_("Too old after hours"), min_value=240, max_value=24 * 365, initial=720,
        help_text=_("240 to 8,760, ten days to a year. A version that learned from nothing newer "
                    "gives way to the default."),
    )  # fmt: skip
    refreshes = forms.BooleanField(
        label=_("Learns every day by itself"), required=False,
        help_text=_("A fresher version that the gate lets through begins its ramp by itself."),
    )  # fmt: skip

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        metrics = [(m.key, m.name) for m in log.metrics()]
        traits = [TRAIT + name for name in contacts.telling_traits()]
        scores = [SCORE + key for key in contacts.score_keys()]
        self.fields["bank"].choices = [(str(b.pk), b.name) for b in selectors.banks()]
        self.fields["audience"].choices = [("", _("everybody")), *segments.as_choices()]
        self.fields["primary"].choices = metrics
        self.fields["guardrails"].choices = metrics
        own = self.initial.get("features") or []  # also what nobody has any more
        names = dict.fromkeys((*KNOWN, *scores, *traits, *own))
        self.fields["features"].choices = [(n, name_of(n)) for n in names]

    def features_chosen(self) -> list[str]:
        asked = [w.strip()[:60] for w in self.cleaned_data["asked"].split(",")]
        return [*self.cleaned_data["features"], *(CONTEXT + w for w in asked if w)]


class ConstraintForm(forms.Form):
    """One kind of constraint; the fields of the others are left out."""

    options = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label=_("For these options"),
        help_text=_("None ticked: for whatever is done. Waiting is always allowed."),
    )  # fmt: skip
    segment = forms.ChoiceField(label=_("Only for people in"))
    most_times = forms.IntegerField(label=_("At most so often"), min_value=1, max_value=1_000)
    days = forms.IntegerField(label=_("In days"), min_value=1, max_value=365, initial=7)
    start = forms.IntegerField(
        label=_("Quiet from hour"), min_value=0, max_value=23, initial=21,
        help_text=_("In the person's own time zone."),
    )  # fmt: skip
    end = forms.IntegerField(label=_("Until hour"), min_value=0, max_value=23, initial=8)
    money = forms.DecimalField(
        label=_("At most so much money"), min_value=0.01, max_value=10**9, decimal_places=2
    )
    period = forms.ChoiceField(
        label=_("In each"), choices=[("day", _("day")), ("week", _("week")), ("month", _("month"))]
    )
    least = forms.FloatField(
        label=_("Least share in percent"), min_value=0, max_value=100, initial=0
    )
    most = forms.FloatField(
        label=_("Greatest share in percent"), min_value=0, max_value=100, initial=100
    )
    trait = forms.CharField(
        label=_("Only for the group with the trait"), max_length=80, required=False
    )
    value = forms.CharField(label=_("Of the value"), max_length=80, required=False)
    FIELDS = {
        Constraint.Kind.ELIGIBILITY: ("options", "segment"),
        Constraint.Kind.CAP: ("options", "most_times", "days"),
        Constraint.Kind.QUIET: ("options", "start", "end"),
        Constraint.Kind.BUDGET: ("options", "money", "period"),
        Constraint.Kind.EXCLUSION: ("options",),
        Constraint.Kind.SHARE: ("options", "least", "most", "trait", "value"),
    }  # fmt: skip

    def __init__(self, *arguments: Any, policy: Policy, kind: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.kind = Constraint.Kind(kind)
        for name in list(self.fields):
            if name not in self.FIELDS[self.kind]:
                del self.fields[name]
        bank = selectors.options_of(policy.bank_id)
        self.fields["options"].choices = [
            (f"{o.dimension}:{o.key}", f"{o.get_dimension_display()}: {o.name}") for o in bank
        ]
        if "segment" in self.fields:
            self.fields["segment"].choices = segments.as_choices()

    def values(self) -> dict[str, Any]:
        """As the service takes them."""
        told = self.cleaned_data
        if self.kind == Constraint.Kind.CAP:
            return {"most": told["most_times"], "days": told["days"]}
        if self.kind == Constraint.Kind.QUIET:
            return {"from": told["start"], "to": told["end"]}
        if self.kind == Constraint.Kind.BUDGET:
            return {"cents": int(told["money"] * 100), "period": told["period"]}
        if self.kind == Constraint.Kind.SHARE:
            return {"least": told["least"] / 100, "most": told["most"] / 100,
                    "trait": told["trait"], "value": told["value"]}  # fmt: skip
        return {}


class FairnessForm(forms.Form):
    trait = forms.CharField(
        label=_("Trait that tells the groups apart"), max_length=80,
        help_text=_("One that the policy does not decide by."),
    )  # fmt: skip
    measure = forms.ChoiceField(label=_("Compare"), choices=FairnessRule.Measure.choices)
    option = forms.ChoiceField(label=_("Exposure to"), required=False)
    tolerance = forms.FloatField(
        label=_("May lie apart by percent"), min_value=1, max_value=99, initial=20
    )
    least_people = forms.IntegerField(
        label=_("Least people of a group"), min_value=20, max_value=1_000_000, initial=100
    )
    on_breach = forms.ChoiceField(label=_("When it is broken"), choices=FairnessRule.Breach.choices)

    def __init__(self, *arguments: Any, policy: Policy, **options: Any) -> None:
        super().__init__(*arguments, **options)
        bank = selectors.options_of(policy.bank_id)
        self.fields["option"].choices = [
            ("", _("whatever is done")),
            *((f"{o.dimension}:{o.key}", f"{o.get_dimension_display()}: {o.name}") for o in bank),
        ]


class PastLogForm(forms.Form):
    file = forms.FileField(label=_("File"))
    format = forms.ChoiceField(label=_("Format"), choices=PastLog.Format.choices)
