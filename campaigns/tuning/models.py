"""What a version of the model learned from, item by item; and what none may learn from."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import TenantForeignKey
from campaigns.content.models import Revision
from campaigns.generators.models import ModelVersion


class LessonItem(TenantModel):
    """One thing a version saw: an approved text, or a pair of which evidence prefers one."""

    class Source(models.TextChoices):
        APPROVAL = "approval", _("Approved copy")
        VERDICT = "verdict", _("Approved beside rejected")
        EDIT = "edit", _("A person's edit")
        EXPERIMENT = "experiment", _("An experiment")

    version = TenantForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="items")
    source = models.CharField(max_length=10, choices=Source)
    chosen = TenantForeignKey(Revision, on_delete=models.CASCADE, related_name="+")
    rejected = TenantForeignKey(
        Revision, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    weight = models.FloatField(default=1.0)
    held_out = models.BooleanField(default=False)
    reason = models.CharField(max_length=12, blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "lesson_item"
        indexes = [models.Index(fields=["tenant_id", "chosen"], name="lesson_by_chosen")]

    def __str__(self) -> str:
        return f"{self.source}: {self.chosen_id}"


class Exclusion(TenantModel):
    """A text that no version may learn from: a person's data, or a person's wish."""

    revision = TenantForeignKey(Revision, on_delete=models.CASCADE, related_name="exclusions")
    reason = models.CharField(max_length=200)

    class Meta(TenantModel.Meta):
        db_table = "exclusion"
        constraints = [
            models.UniqueConstraint(name="one_exclusion_a_text", fields=["tenant_id", "revision"]),
        ]

    def __str__(self) -> str:
        return self.reason
