"""Predictions: what is foretold of whom, each refresh with what it was worth."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.phrases import known_words
from attune.kernel.tenancy import TenantForeignKey
from campaigns.decisions.models import Metric
from campaigns.experiments.models import Experiment

known_words("settled", "moving", "moved")  # what is said of drift


class Prediction(TenantModel):
    """Will a contact do the goal's event within so many days?"""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")

    key = models.SlugField(max_length=60)  # what segments and policies call it
    name = models.CharField(max_length=120)
    goal = TenantForeignKey(Metric, on_delete=models.PROTECT, related_name="predictions")
    days = models.PositiveSmallIntegerField(default=30)
    traits = models.JSONField(default=list)  # that it may know, as they were told before a moment
    state = models.CharField(max_length=6, choices=State, default=State.ACTIVE)
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta(TenantModel.Meta):
        db_table = "prediction"
        constraints = [
            models.UniqueConstraint(name="one_prediction_a_key", fields=["tenant_id", "key"]),
        ]

    def __str__(self) -> str:
        return self.name


class PredictionRun(TenantModel):
    """One refresh: what it learned from, how well the way of learning foretold what had not
    happened yet, and whom it scored. Appended."""

    class State(models.TextChoices):
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")

    prediction = TenantForeignKey(Prediction, on_delete=models.CASCADE, related_name="runs")
    at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State)
    reason = PhraseField(default=str)
    people = models.PositiveIntegerField(default=0)  # who got a score
    card = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        db_table = "prediction_run"
        indexes = [
            models.Index(fields=["tenant_id", "prediction", "at"], name="prediction_run_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.prediction_id} {self.at:%Y-%m-%d}"


class UpliftReport(TenantModel):
    """Whom an experiment's arms persuade, and whether choosing for each person pays. Appended."""

    experiment = TenantForeignKey(Experiment, on_delete=models.CASCADE, related_name="uplifts")
    at = models.DateTimeField()
    reason = PhraseField(default=str)
    results = models.JSONField(default=dict)  # empty: too little to tell

    class Meta(TenantModel.Meta):
        db_table = "uplift_report"

    def __str__(self) -> str:
        return f"{self.experiment_id} {self.at:%Y-%m-%d}"
