"""Money by channel and day, what a mix model says of it, plans, and what became of them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.tenancy import TenantForeignKey
from campaigns.decisions.models import Metric


class Mix(TenantModel):
    """A question: what does each channel's money bring of this outcome? Its outcome is what events
    say, or what a file said for the days that it names."""

    name = models.CharField(max_length=120)
    outcome = TenantForeignKey(Metric, on_delete=models.PROTECT, related_name="mixes")
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta(TenantModel.Meta):
        db_table = "mix"
        constraints = [
            models.UniqueConstraint(name="one_mix_a_name", fields=["tenant_id", "name"]),
        ]

    def __str__(self) -> str:
        return self.name


class MixDay(TenantModel):
    """Money of a channel on a day; with an empty channel, the outcome of that day."""

    mix = TenantForeignKey(Mix, on_delete=models.CASCADE, related_name="days")
    day = models.DateField()
    channel = models.CharField(max_length=60, blank=True, default="")
    amount = models.FloatField()

    class Meta(TenantModel.Meta):
        db_table = "mix_day"
        constraints = [
            models.UniqueConstraint(
                name="one_amount_a_day_and_channel",
                fields=["tenant_id", "mix", "channel", "day"],
            ),
            models.CheckConstraint(
                name="an_amount_is_not_negative", condition=models.Q(amount__gte=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.channel}: {self.amount}"


class Lift(TenantModel):
    """What an experiment found a channel to bring in a time: the model is held to it."""

    mix = TenantForeignKey(Mix, on_delete=models.CASCADE, related_name="lifts")
    channel = models.CharField(max_length=60)
    since = models.DateField()
    until = models.DateField()
    outcome = models.FloatField()
    error = models.FloatField()
    experiment_id = models.UUIDField(null=True)  # None: entered by hand
    note = models.CharField(max_length=200, blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "lift"
        constraints = [
            models.CheckConstraint(name="a_lift_has_an_error", condition=models.Q(error__gt=0)),
            models.UniqueConstraint(
                name="an_experiment_once_a_mix", fields=["tenant_id", "mix", "experiment_id"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.outcome:.0f}"


class MixFit(TenantModel):
    """One fit: what it says, and whether it may be believed. Appended; the same data and seed give
    the same fit."""

    class State(models.TextChoices):
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")

    mix = TenantForeignKey(Mix, on_delete=models.CASCADE, related_name="fits")
    at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State)
    reason = PhraseField(default=str)
    seed = models.IntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True, default="")  # of the data
    findings = models.JSONField(default=list)
    results = models.JSONField(default=dict)
    curves = models.JSONField(default=dict)  # the draws that plans are told from

    class Meta(TenantModel.Meta):
        db_table = "mix_fit"

    def __str__(self) -> str:
        return f"{self.mix_id} {self.at:%Y-%m-%d}"


class BudgetPlan(TenantModel):
    """Money for some weeks to come: scenarios, the one that was adopted, and what became of it."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        ADOPTED = "adopted", _("Adopted")
        DROPPED = "dropped", _("Dropped")
        CLOSED = "closed", _("Closed")

    mix = TenantForeignKey(Mix, on_delete=models.CASCADE, related_name="plans")
    fit = TenantForeignKey(MixFit, on_delete=models.PROTECT, related_name="plans")
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT)
    starts = models.DateField()
    weeks = models.PositiveSmallIntegerField()
    total = models.FloatField()  # a week
    limits = models.JSONField(default=dict)  # {channel: [least, most]} a week
    scenarios = models.JSONField(default=list)
    adopted = models.CharField(max_length=20, blank=True, default="")  # the key of the scenario
    spent = models.JSONField(default=dict)  # {channel: money a week}, once it is over
    outcome = models.FloatField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "budget_plan"

    def __str__(self) -> str:
        return self.name
