"""What was found out: a claim with its effect, interval and number, the texts for and against it,
who owns it, what was done about it and what that changed. And reports, whose every sentence points
to where it stands."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.tenancy import TenantForeignKey
from insights.sources.models import Document


class Finding(TenantModel):
    """A claim about customers. `about` names what it speaks of ({"feature": id, "product": id, …}),
    which with `kind` says how it is measured; effect, low and high are in the unit of that measure,
    n texts (or people) stand behind it. What contradicts it later makes it stale."""

    class Kind(models.TextChoices):
        TOPIC_MOVED = "topic_moved", _("A topic moves")
        FEATURE_MOVED = "feature_moved", _("A feature is spoken of otherwise")
        FEATURE_BAD = "feature_bad", _("A product is worse in a feature")
        SEGMENT_SAYS = "segment_says", _("A segment speaks more of a feature")
        FOLLOWED = "followed", _("A complaint is followed by something")
        WISH = "wish", _("A wish")
        PERSON = "person", _("Written by a person")

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        UNDER_REVIEW = "under_review", _("Under review")
        ACCEPTED = "accepted", _("Accepted")
        REJECTED = "rejected", _("Rejected")
        STALE = "stale", _("Stale")
        SUPERSEDED = "superseded", _("Superseded")

    kind = models.CharField(max_length=13, choices=Kind)
    about = models.JSONField(default=dict)
    key = models.CharField(max_length=200)
    claim = PhraseField(default=str)
    caveat = PhraseField(default=str)
    state = models.CharField(max_length=12, choices=State, default=State.DRAFT)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL,
        related_name="+",
    )  # fmt: skip
    measure = PhraseField(default=str)
    effect = models.FloatField(default=0.0)
    low = models.FloatField(default=0.0)
    high = models.FloatField(default=0.0)
    q = models.FloatField(null=True, blank=True)
    n = models.IntegerField(default=0)
    measured_at = models.DateTimeField()
    why = PhraseField(default=str)

    class Meta(TenantModel.Meta):
        db_table = "finding"
        constraints = [
            models.UniqueConstraint(
                name="one_open_finding_a_key", fields=["tenant_id", "key"],
                condition=~models.Q(state="superseded"),
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["tenant_id", "state", "-id"], name="finding_by_state")]

    def __str__(self) -> str:
        return str(self.claim)


class Evidence(TenantModel):
    """A place in a text that speaks for a finding, or against it."""

    finding = TenantForeignKey(Finding, on_delete=models.CASCADE, related_name="evidence")
    document = TenantForeignKey(Document, on_delete=models.CASCADE, related_name="evidence_of")
    start = models.IntegerField()
    end = models.IntegerField()
    against = models.BooleanField(default=False)
    by_person = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        db_table = "finding_evidence"
        constraints = [
            models.UniqueConstraint(
                name="a_place_once_a_finding",
                fields=["tenant_id", "finding", "document", "start", "end"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.document_id} {self.start}-{self.end}"

    @property
    def quote(self) -> str:
        return self.document.text[self.start : self.end]


class Measurement(TenantModel):
    """A finding measured once more. Appended."""

    finding = TenantForeignKey(Finding, on_delete=models.CASCADE, related_name="measurements")
    at = models.DateTimeField()
    effect = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    n = models.IntegerField()
    verdict = models.CharField(max_length=12)

    class Meta(TenantModel.Meta):
        db_table = "finding_measurement"
        indexes = [models.Index(fields=["tenant_id", "finding", "-at"], name="measured_by_finding")]

    def __str__(self) -> str:
        return f"{self.effect:.3g}"


class Action(TenantModel):
    """What somebody did about a finding, and the share it is about before and since."""

    class Kind(models.TextChoices):
        BRIEF = "brief", _("Brief")
        SEGMENT = "segment", _("Segment")
        FAQ = "faq", _("FAQ entry")
        EXPERIMENT = "experiment", _("Experiment")

    finding = TenantForeignKey(Finding, on_delete=models.CASCADE, related_name="actions")
    kind = models.CharField(max_length=10, choices=Kind)
    target = models.UUIDField()
    label = models.CharField(max_length=200)
    at = models.DateTimeField()
    effect = models.JSONField(default=dict)
    verdict = models.CharField(max_length=12, default="early")
    measured_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "finding_action"
        indexes = [models.Index(fields=["tenant_id", "finding"], name="action_by_finding")]

    def __str__(self) -> str:
        return self.label


class Report(TenantModel):
    """Sentences with what they stand on: a report of findings, or the answer to a question.
    `sentences` are {text, places [{document, start, end}], finding, struck}; a struck one was
    written by the model and nothing supports it. `query` is what was looked up, as data."""

    class Kind(models.TextChoices):
        REPORT = "report", _("Report")
        ANSWER = "answer", _("Answer")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    kind = models.CharField(max_length=6, choices=Kind)
    title = models.CharField(max_length=300)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    problem = PhraseField(default=str)
    query = models.JSONField(default=dict)
    findings = models.JSONField(default=list)
    sentences = models.JSONField(default=list)
    model = models.CharField(max_length=120, blank=True, default="")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL,
        related_name="+",
    )  # fmt: skip
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta(TenantModel.Meta):
        db_table = "insight_report"
        indexes = [models.Index(fields=["tenant_id", "kind", "-id"], name="report_newest")]

    def __str__(self) -> str:
        return self.title
