"""Who writes for a workspace: the versions of its own model, servers of others, and the meter."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import TenantForeignKey


class Task(models.TextChoices):
    WRITING = "writing", _("Writing copy")
    CHAT = "chat", _("Answering customers")
    EMBEDDING = "embedding", _("Embedding texts")
    TRAINING = "training", _("Training")


class ModelVersion(TenantModel):
    """An adapter of this workspace: what it learned from, how it did, and how far it may go."""

    class State(models.TextChoices):
        TRAINING = "training", _("Training")
        FAILED = "failed", _("Failed")
        EVALUATED = "evaluated", _("Evaluated")
        SHADOW = "shadow", _("Shadow")
        CANARY = "canary", _("Canary")
        LIVE = "live", _("Live")
        RETIRED = "retired", _("Retired")
        REVOKED = "revoked", _("Revoked")

    class Gate(models.TextChoices):
        OPEN = "open", _("Not judged yet")
        PASSED = "passed", _("Passed")
        REFUSED = "refused", _("Refused")

    number = models.PositiveIntegerField()
    base = models.CharField(max_length=200)
    state = models.CharField(max_length=9, choices=State, default=State.TRAINING)
    gate = models.CharField(max_length=7, choices=Gate, default=Gate.OPEN)
    verdict = PhraseField(default=str)
    card = models.JSONField(default=dict)
    results = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, blank=True, default="")
    before = TenantForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL)
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)
    live_at = models.DateTimeField(null=True, blank=True)
    tainted_at = models.DateTimeField(null=True, blank=True)
    author_id = models.BigIntegerField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "model_version"
        constraints = [
            models.UniqueConstraint(name="one_version_a_number", fields=["tenant_id", "number"]),
            models.UniqueConstraint(
                name="one_live_version_a_workspace",
                fields=["tenant_id"],
                condition=models.Q(state="live"),
            ),
            models.UniqueConstraint(
                name="one_version_on_trial_a_workspace",
                fields=["tenant_id"],
                condition=models.Q(state__in=["shadow", "canary"]),
            ),
            models.CheckConstraint(
                name="what_people_read_passed_the_gate",
                condition=~models.Q(state__in=["shadow", "canary", "live"])
                | (models.Q(gate="passed") & ~models.Q(digest="")),
            ),
        ]

    def __str__(self) -> str:
        return str(self.phrase)

    @property
    def phrase(self) -> Phrase:
        return say("version %(number)s", number=str(self.number))


class AdapterFile(TenantModel):
    """The weights of one version: in the database, so that isolation, backup and erasure hold for
    them as for every other row. The digest is checked at each load."""

    version = TenantForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=80)
    content = models.BinaryField()

    class Meta(TenantModel.Meta):
        db_table = "adapter_file"
        constraints = [
            models.UniqueConstraint(
                name="one_file_a_name_and_version", fields=["tenant_id", "version", "name"]
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ModelServer(TenantModel):
    """An OpenAI-compatible server that this workspace wants a task done by, instead of ours."""

    task = models.CharField(max_length=10, choices=Task)
    base_url = models.CharField(max_length=500)
    model = models.CharField(max_length=200)
    sealed_key = models.CharField(max_length=1000, blank=True, default="")
    seconds = models.PositiveSmallIntegerField(default=60)
    retries = models.PositiveSmallIntegerField(default=2)
    cents_per_million_in = models.PositiveIntegerField(default=0)
    cents_per_million_out = models.PositiveIntegerField(default=0)
    enabled = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        db_table = "model_server"
        constraints = [
            models.UniqueConstraint(name="one_server_a_task", fields=["tenant_id", "task"]),
        ]

    def __str__(self) -> str:
        return f"{self.model} ({self.base_url})"


class WritingSettings(TenantModel):
    """How much the model may do in a month, and what of a profile it may be told."""

    tokens_a_month = models.BigIntegerField(default=20_000_000)
    cents_a_month = models.BigIntegerField(default=5_000)
    profile_fields = models.JSONField(default=list)
    canary_share = models.FloatField(default=0.5)

    class Meta(TenantModel.Meta):
        db_table = "writing_settings"
        constraints = [
            models.UniqueConstraint(name="one_writing_settings_a_workspace", fields=["tenant_id"]),
            models.CheckConstraint(
                name="a_canary_writes_a_share",
                condition=models.Q(canary_share__gt=0, canary_share__lt=1),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tokens_a_month} tokens"


class Usage(TenantModel):
    """What a model did on a day. `micros` is money: a million of them are one unit of currency."""

    day = models.DateField()
    task = models.CharField(max_length=10, choices=Task)
    model = models.CharField(max_length=200)
    requests = models.IntegerField(default=0)
    tokens_in = models.BigIntegerField(default=0)
    tokens_out = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    micros = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        db_table = "usage"
        constraints = [
            models.UniqueConstraint(
                name="one_usage_a_day", fields=["tenant_id", "day", "task", "model"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.model}"
