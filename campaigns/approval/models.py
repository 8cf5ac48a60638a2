"""Reviews of revisions, and the verdicts people gave."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import TenantForeignKey
from campaigns.content.models import Revision
from tenants.models import Team


class Review(TenantModel):
    """A revision waiting for a person. One open review a revision."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        CHANGES_REQUESTED = "changes_requested", _("Changes requested")
        CANCELLED = "cancelled", _("Cancelled")

    revision = TenantForeignKey(Revision, on_delete=models.CASCADE, related_name="reviews")
    state = models.CharField(max_length=18, choices=State, default=State.OPEN)
    submitted_by = models.BigIntegerField(null=True)
    assigned_to = models.BigIntegerField(null=True, blank=True)
    team = TenantForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL)
    due_on = models.DateField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "review"
        constraints = [
            models.UniqueConstraint(
                name="one_open_review_per_revision",
                fields=["tenant_id", "revision"],
                condition=models.Q(state="open"),
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "state", "id"], name="review_by_state")]

    def __str__(self) -> str:
        return f"Review of {self.revision}"


class Verdict(TenantModel):
    """What a person decided, why, after how long. Appended, never edited."""

    class Kind(models.TextChoices):
        APPROVE = "approve", _("Approve")
        REJECT = "reject", _("Reject")
        REQUEST_CHANGES = "request_changes", _("Request changes")

    class Reason(models.TextChoices):
        NONE = "", "–"
        OFF_BRAND = "off_brand", _("Off brand")
        UNSUPPORTED = "unsupported", _("Claims what we cannot support")
        WRONG_TONE = "wrong_tone", _("Wrong tone")
        UNCLEAR = "unclear", _("Unclear or clumsy")
        REPETITIVE = "repetitive", _("Too much like another")
        LEGAL = "legal", _("Legal concern")
        OTHER = "other", _("Other")

    review = TenantForeignKey(Review, on_delete=models.CASCADE, related_name="verdicts")
    kind = models.CharField(max_length=16, choices=Kind)
    reason = models.CharField(max_length=12, choices=Reason, blank=True, default="")
    comment = models.CharField(max_length=500, blank=True, default="")
    by_id = models.BigIntegerField()
    by_label = models.CharField(max_length=200)
    author_id = models.BigIntegerField(null=True)
    hash = models.CharField(max_length=64)
    seconds = models.FloatField(default=0)

    class Meta(TenantModel.Meta):
        db_table = "verdict"
        constraints = [
            models.CheckConstraint(
                name="an_author_does_not_approve",
                condition=~models.Q(kind="approve", by_id=models.F("author_id")),
            ),
            models.CheckConstraint(
                name="a_rejection_has_a_reason",
                condition=~models.Q(kind="reject", reason=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.by_label}"


class ReviewLink(TenantModel):
    """A signed address by which someone without a login reads one revision and says what they
    think. It decides nothing; it ends on a day, or when it is taken back."""

    review = TenantForeignKey(Review, on_delete=models.CASCADE, related_name="links")
    guest = models.CharField(max_length=120)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    made_by = models.BigIntegerField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "review_link"

    def __str__(self) -> str:
        return self.guest


class Opinion(TenantModel):
    """What a guest said of a revision. Appended, never edited."""

    class Kind(models.TextChoices):
        FINE = "fine", _("Fine as it is")
        CHANGE = "change", _("Please change")

    link = TenantForeignKey(ReviewLink, on_delete=models.CASCADE, related_name="opinions")
    kind = models.CharField(max_length=6, choices=Kind)
    comment = models.CharField(max_length=1000, blank=True, default="")
    hash = models.CharField(max_length=64)

    class Meta(TenantModel.Meta):
        db_table = "opinion"
        constraints = [
            models.CheckConstraint(
                name="a_wish_for_change_says_which",
                condition=~models.Q(kind="change", comment=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.link_id}"
