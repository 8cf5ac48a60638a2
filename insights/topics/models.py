"""What texts are about. A topic keeps its id through every refit; its history says what came of
it."""

from __future__ import annotations

import numpy as np
from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.tenancy import TenantForeignKey
from insights.sources.models import Document


class TopicFit(TenantModel):
    """One time that topics were looked for: over how many texts, and how good what was found is."""

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    number = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    texts = models.IntegerField(default=0)
    topics = models.IntegerField(default=0)
    unassigned = models.FloatField(null=True, blank=True)
    coherence = models.FloatField(null=True, blank=True)
    diversity = models.FloatField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    verdict = PhraseField(default=str)
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta(TenantModel.Meta):
        db_table = "topic_fit"
        constraints = [
            models.UniqueConstraint(name="one_fit_a_number", fields=["tenant_id", "number"]),
            models.UniqueConstraint(name="one_fit_at_a_time", fields=["tenant_id"],
                                    condition=models.Q(state="running")),
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.number)


class Topic(TenantModel):
    """Something that many texts are about. A candidate was found by a refit and waits for a person;
    what is merged counts elsewhere; what is blocked is never shown again. A pinned topic does not
    move. `near` is the cosine from which on a text belongs to it."""

    class State(models.TextChoices):
        CANDIDATE = "candidate", _("Candidate")
        ACTIVE = "active", _("Active")
        MERGED = "merged", _("Merged")
        RETIRED = "retired", _("Retired")
        BLOCKED = "blocked", _("Blocked")

    SHOWN = (State.ACTIVE, State.CANDIDATE)

    state = models.CharField(max_length=9, choices=State, default=State.CANDIDATE)
    label = models.CharField(max_length=120)
    named_by = models.CharField(max_length=8, default="words")
    terms = models.JSONField(default=list)
    examples = models.JSONField(default=list)
    family = models.IntegerField(default=0)
    pinned = models.BooleanField(default=False)
    into = TenantForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="merged_in"
    )
    centroid = HalfVectorField()
    near = models.FloatField()
    born_in = TenantForeignKey(
        TopicFit, null=True, blank=True, on_delete=models.SET_NULL, related_name="born"
    )

    class Meta(TenantModel.Meta):
        db_table = "topic"
        indexes = [models.Index(fields=["tenant_id", "state"], name="topic_by_state")]
        constraints = [
            models.CheckConstraint(
                name="a_merged_topic_says_where_to",
                condition=~models.Q(state="merged") | models.Q(into__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def centre(self) -> np.ndarray:
        """The direction of its texts (C,)."""
        return np.asarray(self.centroid, dtype=np.float32)


class Belonging(TenantModel):
    """Which topic a document is about; none where it is far from all. One a document."""

    document = TenantForeignKey(Document, on_delete=models.CASCADE, related_name="belongings")
    topic = TenantForeignKey(
        Topic, null=True, blank=True, on_delete=models.SET_NULL, related_name="belongings"
    )
    cosine = models.FloatField()
    by_person = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        db_table = "topic_belonging"
        constraints = [
            models.UniqueConstraint(
                name="one_belonging_a_document", fields=["tenant_id", "document"]
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "topic"], name="belonging_by_topic")]

    def __str__(self) -> str:
        return f"{self.document_id} {self.topic_id}"


class TopicChange(TenantModel):
    """What happened to a topic: born, renamed, merged, split, pinned, faded. Appended."""

    topic = TenantForeignKey(Topic, on_delete=models.CASCADE, related_name="changes")
    fit = TenantForeignKey(TopicFit, null=True, blank=True, on_delete=models.SET_NULL)
    kind = models.CharField(max_length=10)
    told = PhraseField(default=str)

    class Meta(TenantModel.Meta):
        db_table = "topic_change"
        indexes = [models.Index(fields=["tenant_id", "topic", "-id"], name="change_by_topic")]

    def __str__(self) -> str:
        return self.kind
