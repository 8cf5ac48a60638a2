"""What the assistant may answer from: documents and their passages."""

from __future__ import annotations

from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import TenantForeignKey


class Document(TenantModel):
    """A page, a file, a question with its approved answer, or a product of the catalogue. A FAQ's
    title is the question and its body the answer."""

    class Kind(models.TextChoices):
        PAGE = "page", _("Page")
        FILE = "file", _("File")
        FAQ = "faq", _("Question and answer")
        PRODUCT = "product", _("Product")

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        ARCHIVED = "archived", _("Archived")

    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    title = models.CharField(max_length=300)
    url = models.CharField(max_length=500, blank=True, default="")
    body = models.TextField()
    language = models.CharField(max_length=8, default="en")
    reference = models.CharField(max_length=80, blank=True, default="")
    commands = models.PositiveSmallIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        db_table = "document"
        constraints = [
            models.UniqueConstraint(
                name="one_document_a_reference", fields=["tenant_id", "kind", "reference"],
                condition=~models.Q(reference=""),
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["tenant_id", "state", "-id"], name="document_newest")]

    def __str__(self) -> str:
        return self.title


class Passage(TenantModel):
    """A piece of a document, found by its words and by its sense. `terms` is written at once;
    `embedding` (by the encoder named) follows from the model queue."""

    document = TenantForeignKey(Document, on_delete=models.CASCADE, related_name="passages")
    position = models.PositiveIntegerField()
    heading = models.CharField(max_length=300, blank=True, default="")
    text = models.TextField()
    terms = SearchVectorField(null=True)
    embedding = VectorField(null=True)
    encoder = models.CharField(max_length=120, blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "passage"
        constraints = [
            models.UniqueConstraint(
                name="one_passage_a_position", fields=["tenant_id", "document", "position"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.document} {self.position}"
