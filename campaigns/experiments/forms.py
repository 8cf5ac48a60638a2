"""Forms of experiments."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.content import selectors as content
from campaigns.decisions import selectors as log
from campaigns.decisions.models import Goal, Metric
from campaigns.experiments.models import Experiment, LearningEvidence
from campaigns.segments import selectors as segments


class ExperimentForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    hypothesis = forms.CharField(label=_("Hypothesis"), max_length=300, required=False)
    kind = forms.ChoiceField(label=_("Kind"), choices=Experiment.Kind.choices)
    assigned_by = forms.ChoiceField(
        label=_("Who assigns people"), choices=Experiment.By.choices, required=False,
        help_text=_(
            "A GrowthBook SDK reads the experiment from /api/features/<write-only key> and tells "
            "who saw what by the event “Experiment Viewed”."
        ),
    )  # fmt: skip
    revisions = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, label=_("Variants"),
        help_text=_("Approved texts of one channel; the first one ticked is the control without a "
                    "holdout."),
    )  # fmt: skip
    holdout = forms.FloatField(
        min_value=0, max_value=90, initial=10, label=_("Holdout in percent"),
        help_text=_("People who get nothing: the only honest comparison. 0 for none."),
    )  # fmt: skip
    primary = forms.ChoiceField(label=_("Goal"))
    guardrails = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label=_("Must not get worse")
    )
    window_days = forms.IntegerField(
        label=_("Window in days"), min_value=1, max_value=365, initial=7
    )
    target_lift = forms.FloatField(
        min_value=1, max_value=1000, initial=20, label=_("Smallest effect worth finding, percent")
    )
    secondary = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label=_("Also looked at"),
        help_text=_("They share one error of 5 % among them, so that many do not find by chance."),
    )  # fmt: skip
    criteria = forms.ChoiceField(
        label=_("When it is shipped"), choices=Experiment.Criteria.choices,
        initial=Experiment.Criteria.CLEAR, required=False,
        help_text=_("Said beforehand, so that nobody moves the goal when numbers are in."),
    )  # fmt: skip
    use_before = forms.BooleanField(
        label=_("Take out what people did before (CUPED)"), required=False, initial=True,
        help_text=_("The same metric in the 30 days before the decision explains part of the "
                    "noise: intervals get narrower, the effect stays the same on average."),
    )  # fmt: skip
    floor = forms.FloatField(
        min_value=0, max_value=50, initial=1, label=_("Least share of a bandit's arm, percent"),
        help_text=_(
            "Every arm keeps this share, so that a late winner is still found. It costs about what "
            "it gives to weak arms: on 300 real headline tests 5 percent lost 10 of 100 clicks, "
            "no floor 7."
        ),
    )  # fmt: skip

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["revisions"].choices = content.grouped(
            content.approved_revisions()[:100],
            lambda r: " · ".join([str(r), str(r.version or "")]).strip(" ·"),
        )
        metrics = [(m.key, m.name) for m in log.metrics()]
        self.fields["primary"].choices = [m for m in metrics if m[0]]
        self.fields["guardrails"].choices = self.fields["secondary"].choices = metrics

    @staticmethod
    def initial_of(row: Experiment) -> dict[str, Any]:
        """A draft as the form shows it: its texts share what the holdout leaves."""
        arms, goals = list(row.arms.order_by("position")), log.goals(row.pk)
        of = {role: [g.metric.key for g in goals if g.role == role] for role in Goal.Role.values}
        return {
            "name": row.name, "hypothesis": row.hypothesis, "kind": row.kind,
            "assigned_by": row.assigned_by, "criteria": row.criteria,
            "revisions": [str(a.revision_id) for a in arms if a.revision_id],
            "holdout": round(sum(a.weight for a in arms if not a.revision_id) * 100, 2),
            "primary": next(iter(of["primary"]), ""), "guardrails": of["guardrail"],
            "secondary": of["secondary"], "window_days": max(1, round(row.window_hours / 24)),
            "target_lift": round(row.target_lift * 100, 2), "use_before": row.use_before,
            "floor": round(row.floor * 100, 2),
        }  # fmt: skip


class PlanForm(forms.Form):
    """What is asked of the planner; nothing is saved."""

    metric = forms.ChoiceField(label=_("Goal"))
    audience = forms.ChoiceField(label=_("Audience"), required=False)
    arms = forms.IntegerField(label=_("Arms, with the control"), min_value=2, max_value=10,
                              initial=2)  # fmt: skip
    window_days = forms.IntegerField(
        label=_("Window in days"), min_value=1, max_value=365, initial=7
    )
    lift = forms.FloatField(
        label=_("Smallest effect worth finding, percent"), min_value=1, max_value=1000, initial=20
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["metric"].choices = [(m.key, m.name) for m in log.metrics()]
        self.fields["audience"].choices = [("", _("Everybody")), *segments.as_choices()]


class LearningForm(forms.Form):
    claim = forms.CharField(
        label=_("What was learned"), max_length=300,
        help_text=_("One sentence that could turn out wrong, such as “Questions in the subject "
                    "bring more clicks”."),
    )  # fmt: skip
    note = forms.CharField(
        label=_("Where it holds, and where not"), max_length=1000, required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip


class EvidenceForm(forms.Form):
    experiment = forms.ChoiceField(label=_("Experiment"))
    stance = forms.ChoiceField(label=_("It"), choices=LearningEvidence.Stance.choices)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        rows = Experiment.objects.exclude(state="draft").order_by("-id")[:200]
        self.fields["experiment"].choices = [(str(e.pk), e.name) for e in rows]


class MetricForm(forms.Form):
    key = forms.SlugField(label=_("Key"), max_length=60)
    name = forms.CharField(label=_("Name"), max_length=120)
    event_name = forms.CharField(label=_("Name of the event"), max_length=200)
    kind = forms.ChoiceField(label=_("Kind"), choices=Metric.Kind.choices)
    higher_is_better = forms.BooleanField(label=_("Higher is better"), required=False, initial=True)
