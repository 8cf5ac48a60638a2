"""What the assistant said and on what it stood; what people thought of it; what it proposed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import TenantForeignKey
from campaigns.generators.models import ModelVersion
from chat.conversations.models import Conversation
from chat.knowledge.models import Document


class Generation(TenantModel):
    """One answer of the assistant, or that it had none: kept whatever became of it."""

    class Route(models.TextChoices):
        FAQ = "faq", _("Approved answer")
        GENERATED = "generated", _("Written from passages")
        QUOTED = "quoted", _("Quoted from passages")
        SMALL_TALK = "small_talk", _("Small talk")
        TASK = "task", _("A step of a task")
        NONE = "none", _("No answer known")
        PERSON = "person", _("Handed to a person")

    conversation = TenantForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="generations"
    )
    reply_to_seq = models.PositiveIntegerField()
    seq = models.PositiveIntegerField(null=True)
    route = models.CharField(max_length=12, choices=Route)
    question = models.TextField()
    model = models.CharField(max_length=200, blank=True, default="")
    version = TenantForeignKey(ModelVersion, null=True, blank=True, on_delete=models.SET_NULL)
    citations = models.JSONField(default=list)
    confidence = models.FloatField(default=0)
    sentiment = models.FloatField(default=0)
    intent = models.CharField(max_length=60, blank=True, default="")
    seconds = models.FloatField(default=0)
    tokens = models.PositiveIntegerField(default=0)

    class Meta(TenantModel.Meta):
        db_table = "chat_generation"
        constraints = [
            models.UniqueConstraint(
                name="one_generation_a_question",
                fields=["tenant_id", "conversation", "reply_to_seq"],
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "route", "-id"], name="generation_by_route")]

    def __str__(self) -> str:
        return f"{self.route}: {self.question[:60]}"


class Report(TenantModel):
    """Somebody says that an answer of the assistant was not right."""

    class Reason(models.TextChoices):
        INCORRECT = "incorrect_information", _("Not correct")
        INAPPROPRIATE = "inappropriate_response", _("Not appropriate")
        INCOMPLETE = "incomplete_response", _("Not complete")
        OUTDATED = "outdated_information", _("Out of date")
        OTHER = "other", _("Other")

    generation = TenantForeignKey(Generation, on_delete=models.CASCADE, related_name="reports")
    reason = models.CharField(max_length=24, choices=Reason)
    comment = models.CharField(max_length=500, blank=True, default="")
    by_visitor = models.BooleanField(default=False)
    by_id = models.BigIntegerField(null=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "chat_report"
        constraints = [
            models.UniqueConstraint(
                name="one_report_an_answer_and_person", nulls_distinct=False,
                fields=["tenant_id", "generation", "by_visitor", "by_id"],
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.get_reason_display()


class Suggestion(TenantModel):
    """A question that customers asked and nothing answered: to be answered, or dismissed."""

    class State(models.TextChoices):
        OPEN = "open", _("To be answered")
        APPROVED = "approved", _("Answered")
        DISMISSED = "dismissed", _("Dismissed")

    question = models.CharField(max_length=300)
    answer = models.TextField(blank=True, default="")
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    sources = models.PositiveIntegerField(default=1)
    samples = models.JSONField(default=list)
    embedding = VectorField(null=True)
    document = TenantForeignKey(Document, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta(TenantModel.Meta):
        db_table = "faq_suggestion"
        indexes = [models.Index(fields=["tenant_id", "state", "-sources"], name="suggestion_open")]

    def __str__(self) -> str:
        return self.question


class Draft(TenantModel):
    """An answer that the assistant proposes to an agent, and what the agent made of it: what a
    model can learn from, as pairs of before and after."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Being written")
        OPEN = "open", _("Proposed")
        ACCEPTED = "accepted", _("Sent as it was")
        EDITED = "edited", _("Sent changed")
        DISCARDED = "discarded", _("Discarded")
        EMPTY = "empty", _("Nothing known")

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="drafts")
    seq = models.PositiveIntegerField()
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    question = models.TextField()
    text = models.TextField(blank=True, default="")
    final = models.TextField(blank=True, default="")
    citations = models.JSONField(default=list)
    model = models.CharField(max_length=200, blank=True, default="")
    by_id = models.BigIntegerField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "reply_draft"
        constraints = [
            models.UniqueConstraint(name="one_draft_a_question",
                                    fields=["tenant_id", "conversation", "seq"]),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.state}: {self.text[:60]}"
