"""Segments: a rule over customers, and who was in when."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import TenantForeignKey
from campaigns.contacts.models import Contact


class Segment(TenantModel):
    """A named rule tree (rules.py). Its members follow from events as they arrive."""

    class State(models.TextChoices):
        LOADING = "loading", _("Loading")
        READY = "ready", _("Ready")
        ARCHIVED = "archived", _("Archived")

    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True, default="")
    rule = models.JSONField()
    version = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=8, choices=State, default=State.LOADING)
    size = models.IntegerField(default=0)
    refreshed_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "segment"
        constraints = [
            models.UniqueConstraint(name="one_segment_a_name", fields=["tenant_id", "name"]),
        ]

    def __str__(self) -> str:
        return self.name


class SegmentRevision(TenantModel):
    """A definition as it was: who changed it is in the audit log."""

    segment = TenantForeignKey(Segment, on_delete=models.CASCADE, related_name="revisions")
    version = models.PositiveIntegerField()
    rule = models.JSONField()

    class Meta(TenantModel.Meta):
        db_table = "segment_revision"
        constraints = [
            models.UniqueConstraint(
                name="one_revision_a_version", fields=["tenant_id", "segment", "version"]
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.version}"


class SegmentMembership(TenantModel):
    """A stay in a segment. `left_at` is null while it lasts."""

    segment = TenantForeignKey(Segment, on_delete=models.CASCADE, related_name="memberships")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="memberships")
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "segment_membership"
        constraints = [
            models.UniqueConstraint(
                name="one_open_stay_a_segment",
                fields=["tenant_id", "segment", "contact"],
                condition=models.Q(left_at=None),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "contact"], name="stay_by_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.segment_id}"
