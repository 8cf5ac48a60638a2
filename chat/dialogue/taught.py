"""What people teach the assistant by hand: intents with examples, slots, tasks, allowed replies."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import TenantForeignKey


class Intent(TenantModel):
    """Something that customers want. `name` is what files and models call it."""

    name = models.SlugField(max_length=60)
    title = models.CharField(max_length=120)
    enabled = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        db_table = "intent"
        constraints = [
            models.UniqueConstraint(name="one_intent_a_name", fields=["tenant_id", "name"]),
        ]

    def __str__(self) -> str:
        return self.title


class Example(TenantModel):
    """A sentence of a customer and what it means; without an intent it is out of scope."""

    class Source(models.TextChoices):
        WRITTEN = "written", _("Written by a person")
        IMPORTED = "imported", _("From past conversations")

    intent = TenantForeignKey(
        Intent, null=True, blank=True, on_delete=models.CASCADE, related_name="examples"
    )
    text = models.CharField(max_length=500)
    source = models.CharField(max_length=8, choices=Source, default=Source.WRITTEN)

    class Meta(TenantModel.Meta):
        db_table = "intent_example"
        constraints = [
            models.UniqueConstraint(name="one_meaning_a_sentence", fields=["tenant_id", "text"]),
        ]

    def __str__(self) -> str:
        return self.text


class Slot(TenantModel):
    """Something that a task must know."""

    class Kind(models.TextChoices):
        CHOICE = "choice", _("One of some values")
        TEXT = "text", _("Text")
        NUMBER = "number", _("Number or code")
        EMAIL = "email", _("E-mail address")
        DATE = "date", _("Date")
        PHONE = "phone", _("Telephone number")

    name = models.SlugField(max_length=60)
    kind = models.CharField(max_length=6, choices=Kind)
    ask = models.CharField(max_length=300)
    values = models.JSONField(default=list)
    requested = models.BooleanField(default=False)  # customers ask for it, too

    class Meta(TenantModel.Meta):
        db_table = "dialogue_slot"
        constraints = [
            models.UniqueConstraint(name="one_slot_a_name", fields=["tenant_id", "name"]),
        ]

    def __str__(self) -> str:
        return self.name


class Task(TenantModel):
    """What an intent sets going: questions for its slots, then a tool, then words."""

    name = models.SlugField(max_length=60)
    title = models.CharField(max_length=120)
    intent = TenantForeignKey(Intent, on_delete=models.CASCADE, related_name="tasks")
    slots = models.JSONField(default=list)
    tool = models.CharField(max_length=40, blank=True, default="")
    done = models.CharField(max_length=500, blank=True, default="")
    enabled = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        db_table = "dialogue_task"
        constraints = [
            models.UniqueConstraint(name="one_task_a_name", fields=["tenant_id", "name"]),
            models.UniqueConstraint(name="one_task_an_intent", fields=["tenant_id", "intent"]),
        ]

    def __str__(self) -> str:
        return self.title


class Action(TenantModel):
    """Something the house did in past conversations. The learned policy may say its text only
    where a person allowed it."""

    name = models.SlugField(max_length=80)
    text = models.CharField(max_length=1000, blank=True, default="")
    seen = models.PositiveIntegerField(default=0)
    allowed = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        db_table = "dialogue_action"
        constraints = [
            models.UniqueConstraint(name="one_action_a_name", fields=["tenant_id", "name"]),
        ]

    def __str__(self) -> str:
        return self.name
