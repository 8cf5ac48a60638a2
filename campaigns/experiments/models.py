"""Experiments: arms, allocations over time, snapshots of what is known."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.phrases import Phrase, say_many
from attune.kernel.tenancy import TenantForeignKey
from campaigns.content.models import Revision


class Experiment(TenantModel):
    """A question with arms. Fixed split, or Thompson sampling with a floor for every arm."""

    class Kind(models.TextChoices):
        FIXED = "fixed", _("Fixed split")
        THOMPSON = "thompson", _("Bandit (Thompson sampling)")

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        STOPPED = "stopped", _("Stopped")

    class By(models.TextChoices):
        ATTUNE = "attune", _("Attune, when it is asked or sends")
        SDK = "sdk", _("A GrowthBook SDK in your application")

    class Criteria(models.TextChoices):
        CLEAR = "clear", _("Ship what is clearly better")
        TARGET = "target", _("Ship what reaches the target effect")
        NO_HARM = "no_harm", _("Ship what does no harm")

    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    assigned_by = models.CharField(max_length=6, choices=By, default=By.ATTUNE)
    hash_version = models.PositiveSmallIntegerField(default=2)  # of the SDK: 1 or 2
    criteria = models.CharField(max_length=8, choices=Criteria, default=Criteria.CLEAR)
    use_before = models.BooleanField(default=False)  # CUPED: less noise by what people did before
    author_id = models.BigIntegerField(null=True, blank=True)
    approved_by = models.CharField(max_length=120, blank=True, default="")
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_digest = models.CharField(max_length=64, blank=True, default="")
    warned = models.JSONField(default=list)  # troubles that people were told of
    hypothesis = models.CharField(max_length=300, blank=True, default="")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.FIXED)
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT)
    floor = models.FloatField(default=0.01, help_text=_("Least share of an arm in a bandit."))
    window_hours = models.PositiveIntegerField(default=168)
    target_lift = models.FloatField(
        default=0.1, help_text=_("Smallest relative effect worth finding.")
    )
    prior = models.JSONField(default=dict, blank=True)  # beliefs.ArmPrior.stored, and "texts"
    version = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    winner = models.CharField(max_length=60, blank=True, default="")

    @property
    def window_words(self) -> Phrase:
        """The window as people set it: in days where it is whole days."""
        days, rest = divmod(self.window_hours, 24)
        if rest:
            return say_many("%(n)s hour", "%(n)s hours", n=self.window_hours)
        return say_many("%(n)s day", "%(n)s days", n=days)

    class Meta(TenantModel.Meta):
        db_table = "experiment"
        constraints = [
            models.UniqueConstraint(name="one_experiment_a_key", fields=["tenant_id", "key"]),
            models.CheckConstraint(
                name="a_floor_is_a_share", condition=models.Q(floor__gte=0, floor__lte=0.5)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Arm(TenantModel):
    """An alternative. An arm without a revision shows nothing: the holdout."""

    experiment = TenantForeignKey(Experiment, on_delete=models.CASCADE, related_name="arms")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    revision = TenantForeignKey(Revision, null=True, blank=True, on_delete=models.PROTECT)
    weight = models.FloatField()
    is_control = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta(TenantModel.Meta):
        db_table = "arm"
        constraints = [
            models.UniqueConstraint(
                name="one_arm_a_key", fields=["tenant_id", "experiment", "key"]
            ),
            models.UniqueConstraint(
                name="one_control_an_experiment",
                fields=["tenant_id", "experiment"],
                condition=models.Q(is_control=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Allocation(TenantModel):
    """The shares that held from `since` on. Appended: analysis is stratified by version."""

    experiment = TenantForeignKey(Experiment, on_delete=models.CASCADE, related_name="allocations")
    version = models.PositiveIntegerField()
    weights = models.JSONField()
    reason = PhraseField(default=str)
    since = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "allocation"
        constraints = [
            models.UniqueConstraint(
                name="one_allocation_a_version", fields=["tenant_id", "experiment", "version"]
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.version}"


class Snapshot(TenantModel):
    """What was known at a moment: per metric and arm, with the sentence that followed."""

    experiment = TenantForeignKey(Experiment, on_delete=models.CASCADE, related_name="snapshots")
    at = models.DateTimeField()
    decided = models.IntegerField()
    verdict = models.CharField(max_length=10)
    sentence = PhraseField(default=str)
    srm_p = models.FloatField(null=True)
    results = models.JSONField()

    class Meta(TenantModel.Meta):
        db_table = "snapshot"
        indexes = [models.Index(fields=["tenant_id", "experiment", "at"], name="snapshot_by_time")]

    def __str__(self) -> str:
        return self.sentence


class Learning(TenantModel):
    """A statement that experiments speak for or against."""

    claim = models.CharField(max_length=300)
    note = models.CharField(max_length=1000, blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "learning"
        constraints = [
            models.UniqueConstraint(name="one_learning_a_claim", fields=["tenant_id", "claim"]),
        ]

    def __str__(self) -> str:
        return self.claim


class LearningEvidence(TenantModel):
    """An experiment that speaks for or against a statement, with what it had shown then."""

    class Stance(models.TextChoices):
        SUPPORTS = "supports", _("Speaks for it")
        CONTRADICTS = "contradicts", _("Speaks against it")

    learning = TenantForeignKey(Learning, on_delete=models.CASCADE, related_name="evidence")
    experiment = TenantForeignKey(Experiment, on_delete=models.CASCADE, related_name="learned")
    stance = models.CharField(max_length=11, choices=Stance)
    verdict = models.CharField(max_length=10)
    shown = PhraseField(default=str)

    class Meta(TenantModel.Meta):
        db_table = "learning_evidence"
        constraints = [
            models.UniqueConstraint(
                name="one_stance_an_experiment", fields=["tenant_id", "learning", "experiment"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.experiment_id} {self.stance}"
