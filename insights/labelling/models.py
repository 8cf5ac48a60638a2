"""What people say a text means, by which the models are measured."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import TenantForeignKey
from insights.reading.models import Reading
from insights.sources.models import Document


class LabelTask(TenantModel):
    """A text that two people label. Where they agree that is its gold label, else a third settles
    it. Of the random ones alone the models' accuracy is told: the uncertain ones are the hard
    ones. `model_feeling` is what the model said when the task was drawn."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        DISPUTED = "disputed", _("Disputed")
        SETTLED = "settled", _("Settled")

    class Drawn(models.TextChoices):
        RANDOM = "random", _("By chance")
        UNCERTAIN = "uncertain", _("The model was unsure")

    document = TenantForeignKey(Document, on_delete=models.CASCADE, related_name="label_tasks")
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    drawn = models.CharField(max_length=9, choices=Drawn)
    unsure = models.FloatField()
    model = models.CharField(max_length=60)
    model_feeling = models.CharField(max_length=8, choices=Reading.Feeling)
    gold = models.CharField(max_length=8, choices=Reading.Feeling, blank=True, default="")
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "label_task"
        constraints = [
            models.UniqueConstraint(name="one_task_a_document", fields=["tenant_id", "document"]),
            models.CheckConstraint(
                name="what_is_settled_has_a_label",
                condition=~models.Q(state="settled") | ~models.Q(gold=""),
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "state", "-unsure"], name="task_by_unsure")]

    def __str__(self) -> str:
        return f"{self.document_id} {self.state}"


class Annotation(TenantModel):
    """One person's label of a text, and how many seconds it took them."""

    task = TenantForeignKey(LabelTask, on_delete=models.CASCADE, related_name="annotations")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    feeling = models.CharField(max_length=8, choices=Reading.Feeling)
    seconds = models.FloatField()
    adjudicates = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        db_table = "annotation"
        constraints = [
            models.UniqueConstraint(
                name="one_label_a_person_and_task", fields=["tenant_id", "task", "user"]
            ),
        ]

    def __str__(self) -> str:
        return self.feeling
