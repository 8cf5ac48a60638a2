"""Where texts come from, and the texts. What is kept is clean: without mark-up, personal data
masked; a document's text is never edited."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.tenancy import TenantForeignKey
from campaigns.catalog.models import Product
from campaigns.contacts.models import Contact


class Source(TenantModel):
    """An origin of texts: app-store reviews, tickets, a survey, our own chats. `licence` says what
    may be done with them; `columns` is how a webhook's fields become ours; `door` is what makes
    the address of its webhook valid."""

    class Kind(models.TextChoices):
        REVIEW = "review", _("Reviews")
        TICKET = "ticket", _("Tickets")
        SURVEY = "survey", _("Survey")
        REPORT = "report", _("Reports")
        CHAT = "chat", _("Our chats")
        OTHER = "other", _("Other texts")

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        ARCHIVED = "archived", _("Archived")

    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    licence = models.CharField(max_length=200, blank=True, default="")
    language = models.CharField(max_length=8, blank=True, default="")
    product = TenantForeignKey(Product, null=True, blank=True, on_delete=models.SET_NULL)
    columns = models.JSONField(default=dict, blank=True)
    door = models.CharField(max_length=16, blank=True, default="")
    gathered_until = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "insight_source"
        constraints = [
            models.UniqueConstraint(name="one_source_a_name", fields=["tenant_id", "name"]),
            models.UniqueConstraint(
                name="one_source_of_our_chats", fields=["tenant_id", "kind"],
                condition=models.Q(kind="chat"),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name


class DocumentImport(TenantModel):
    """A file of texts: columns mapped, taken in portions, taken up where it stopped."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("Uploaded")
        RUNNING = "running", _("Running")
        FINISHED = "finished", _("Finished")

    source = TenantForeignKey(Source, on_delete=models.CASCADE, related_name="imports")
    filename = models.CharField(max_length=200)
    digest = models.CharField(max_length=32, blank=True, default="")
    format = models.CharField(max_length=5)
    file = models.FileField(upload_to="insights/%Y/%m", max_length=300)
    columns = models.JSONField(default=list)
    sample = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    rows = models.IntegerField(default=0)
    next_row = models.IntegerField(default=0)
    accepted = models.IntegerField(default=0)
    known = models.IntegerField(default=0)
    set_aside = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta(TenantModel.Meta):
        db_table = "document_import"

    def __str__(self) -> str:
        return self.filename


class DocumentProblem(TenantModel):
    """Something that was sent and could not be taken: its line or place, the field, why, and the
    row itself with personal data masked."""

    source = TenantForeignKey(Source, on_delete=models.CASCADE, related_name="problems")
    of = TenantForeignKey(
        DocumentImport, null=True, blank=True, on_delete=models.CASCADE, related_name="problems"
    )
    line = models.IntegerField()
    field = models.CharField(max_length=80)
    reason = PhraseField(default=str)
    raw = models.TextField(blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "document_problem"
        indexes = [models.Index(fields=["tenant_id", "of", "line"], name="problem_by_import")]

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class Document(TenantModel):
    """One text somebody wrote. `leader` is the first document that says the same (itself, mostly);
    a leader counts its `copies` and carries the `bands` that near copies are found by. `weight` is
    what the document counts in every figure: copies of a flood share one voice. A document that
    was set aside is read by no model until a person lets it in."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waits to be read")
        READ = "read", _("Read")
        ASIDE = "aside", _("Set aside")

    class Why(models.TextChoices):
        COMMAND = "command", _("Speaks to a model")
        LANGUAGE = "language", _("Another language than its column says")
        UNKNOWN = "unknown", _("No model reads its language")
        PERSON = "person", _("Set aside by a person")
        FAILED = "failed", _("The model failed at it")

    source = TenantForeignKey(Source, on_delete=models.CASCADE, related_name="documents")
    of = TenantForeignKey(
        DocumentImport, null=True, blank=True, on_delete=models.SET_NULL, related_name="documents"
    )
    external_id = models.CharField(max_length=120, blank=True, default="")
    author = models.CharField(max_length=24, blank=True, default="")
    contact = TenantForeignKey(Contact, null=True, blank=True, on_delete=models.SET_NULL)
    product = TenantForeignKey(Product, null=True, blank=True, on_delete=models.SET_NULL)
    at = models.DateTimeField()
    title = models.CharField(max_length=300, blank=True, default="")
    text = models.TextField()
    rating = models.FloatField(null=True, blank=True)
    language = models.CharField(max_length=8, blank=True, default="")
    masked = models.JSONField(default=dict, blank=True)
    attributes = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    why = models.CharField(max_length=8, choices=Why, blank=True, default="")
    found = models.CharField(max_length=200, blank=True, default="")
    digest = models.CharField(max_length=32)
    leader_id = models.UUIDField()
    copies = models.IntegerField(default=1)
    weighed = models.IntegerField(default=1)
    bands = ArrayField(models.BigIntegerField(), null=True, blank=True)
    weight = models.FloatField(default=1.0)

    class Meta(TenantModel.Meta):
        db_table = "insight_document"
        constraints = [
            models.UniqueConstraint(
                name="one_text_an_external_id", fields=["tenant_id", "source", "external_id"],
                condition=~models.Q(external_id=""),
            ),
            models.CheckConstraint(
                name="what_is_set_aside_says_why",
                condition=~models.Q(state="aside") | ~models.Q(why=""),
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["tenant_id", "digest"], name="text_by_digest"),
            models.Index(fields=["tenant_id", "source", "-id"], name="text_by_source"),
            models.Index(fields=["tenant_id", "-at", "-id"], name="text_newest"),
            models.Index(fields=["tenant_id", "leader_id"], name="text_by_leader"),
            models.Index(fields=["tenant_id", "id"], name="text_waiting",
                         condition=models.Q(state="waiting")),
            models.Index(fields=["tenant_id", "id"], name="text_to_weigh",
                         condition=~models.Q(copies=models.F("weighed"))),
            GinIndex(fields=["bands"], name="text_by_bands"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.title or self.text[:80]


class GatheredTalk(TenantModel):
    """A conversation of ours that was looked at as it closed, up to its message `seq`."""

    conversation_id = models.UUIDField()
    seq = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        db_table = "gathered_talk"
        constraints = [
            models.UniqueConstraint(
                name="one_gathering_a_closing",
                fields=["tenant_id", "conversation_id", "seq"],
            ),
        ]

    def __str__(self) -> str:
        return str(self.conversation_id)
