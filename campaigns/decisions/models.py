"""The decision log: every choice among alternatives with its propensities, and what followed.

One log for experiments, policies and chat. Written before acting; appended, never edited.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.tenancy import TenantForeignKey
from campaigns.contacts.models import Contact, Event


class Metric(TenantModel):
    """What counts as success or harm: an event, and how its rewards are summed up per person."""

    class Kind(models.TextChoices):
        CONVERSION = "conversion", _("Did it at least once (0 or 1)")
        COUNT = "count", _("How many times")
        VALUE = "value", _("Money of the events")

    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    event_name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind)
    higher_is_better = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        db_table = "metric"
        constraints = [
            models.UniqueConstraint(name="one_metric_a_key", fields=["tenant_id", "key"]),
        ]

    def __str__(self) -> str:
        return self.name


class Goal(TenantModel):
    """A metric that a source of decisions is judged by."""

    class Role(models.TextChoices):
        PRIMARY = "primary", _("Primary")
        SECONDARY = "secondary", _("Secondary")
        GUARDRAIL = "guardrail", _("Guardrail")

    source_id = models.UUIDField()
    metric = TenantForeignKey(Metric, on_delete=models.CASCADE)
    role = models.CharField(max_length=10, choices=Role)

    class Meta(TenantModel.Meta):
        db_table = "goal"
        constraints = [
            models.UniqueConstraint(
                name="a_metric_once_a_source", fields=["tenant_id", "source_id", "metric"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.metric_id}"


class Decision(TenantModel):
    """One choice: for whom, among what, with which probabilities, under which version.

    Of one source a person is decided for once a `slot`: experiments have one, a policy one for each
    stretch of time. `shadow` is what a version that only watches would have done.
    """

    class Mode(models.TextChoices):
        EXPERIMENT = "experiment", _("Experiment")
        EXPLORE = "explore", _("Explore")
        FALLBACK = "fallback", _("Fallback")
        EXPLOIT = "exploit", _("Learned")
        CONTROL = "control", _("Control group")
        IMPORTED = "imported", _("Imported")

    source = models.CharField(max_length=12)
    source_id = models.UUIDField()
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="decisions")
    eligible = models.JSONField()
    excluded = models.JSONField(default=list)
    propensities = models.JSONField()
    slot = models.CharField(max_length=40, blank=True, default="")
    action = models.CharField(max_length=160)
    propensity = models.FloatField()
    draw = models.FloatField()
    version = models.PositiveIntegerField(default=1)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.EXPERIMENT)
    context = models.JSONField(default=dict)
    profile = models.JSONField(default=dict)
    shadow = models.JSONField(default=dict)
    at = models.DateTimeField()
    acts_at = models.DateTimeField(null=True)  # when it is done, where that is later than `at`
    window_closes_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        db_table = "decision"
        constraints = [
            models.UniqueConstraint(
                name="one_sticky_decision_a_person",
                fields=["tenant_id", "source_id", "contact", "slot"],
            ),
            models.CheckConstraint(
                name="a_propensity_is_a_probability",
                condition=models.Q(propensity__gt=0, propensity__lte=1),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "contact", "at"], name="decision_by_contact"),
            models.Index(fields=["tenant_id", "source_id", "at"], name="decision_by_source"),
        ]

    def __str__(self) -> str:
        return f"{self.action} with {self.propensity:.2f}"


class Withdrawal(TenantModel):
    """A decision that was not done after all: its message never left. It teaches nothing."""

    decision = TenantForeignKey(Decision, on_delete=models.CASCADE, related_name="withdrawals")
    why = PhraseField(default=str)

    class Meta(TenantModel.Meta):
        db_table = "withdrawal"
        constraints = [
            models.UniqueConstraint(
                name="one_withdrawal_a_decision", fields=["tenant_id", "decision"]
            ),
        ]

    def __str__(self) -> str:
        return str(self.why)


class Reward(TenantModel):
    """What an event was worth to a decision: once per decision, metric and event."""

    decision = TenantForeignKey(Decision, on_delete=models.CASCADE, related_name="rewards")
    metric = TenantForeignKey(Metric, on_delete=models.CASCADE)
    event = TenantForeignKey(Event, on_delete=models.CASCADE)
    value = models.FloatField()
    observed_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        db_table = "reward"
        constraints = [
            models.UniqueConstraint(
                name="one_reward_an_event",
                fields=["tenant_id", "decision", "metric", "event"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.value}"
