"""The tables everyone stands on: the tenant base, jobs, audit, idempotency."""

from __future__ import annotations

import uuid

import uuid6
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from attune.kernel.phrase_field import PhraseField
from attune.kernel.tenancy import TenantManager, current_tenant


def new_id() -> uuid.UUID:
    """A UUIDv7: made by the server, sorts by time (RFC 9562, section 5.7)."""
    return uuid.UUID(int=uuid6.uuid7().int)


class TenantModel(models.Model):
    """Base of every row that belongs to a tenant. `tenant_id` comes from the open context."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.BigIntegerField(default=current_tenant, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: TenantManager = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        default_manager_name = "objects"


class JobRow(TenantModel):
    """One piece of later work. This row is the truth; the broker's message is a wake-up hint."""

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        QUARANTINED = "quarantined", _("Quarantined")
        CANCELLED = "cancelled", _("Cancelled")

    GAVE_UP = (State.CANCELLED, State.QUARANTINED)  # it will not go on by itself

    kind = models.CharField(max_length=60)
    queue = models.CharField(max_length=20)
    payload = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    state = models.CharField(max_length=12, choices=State, default=State.PENDING)
    run_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0)
    token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    dedupe_key = models.CharField(max_length=120, blank=True, default="")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    note = PhraseField(default=str)
    error = models.TextField(blank=True, default="")
    result = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    requested_by = models.CharField(max_length=120, blank=True, default="")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "job"
        constraints = [
            models.CheckConstraint(
                name="job_state_is_known",
                condition=models.Q(
                    state__in=["pending", "running", "done", "quarantined", "cancelled"]
                ),
            ),
            models.UniqueConstraint(
                name="one_waiting_job_per_dedupe_key",
                fields=["tenant_id", "kind", "dedupe_key"],
                condition=models.Q(state="pending") & ~models.Q(dedupe_key=""),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "-created_at"], name="job_newest"),
            models.Index(
                fields=["run_at"],
                name="job_waiting",
                condition=models.Q(state__in=["pending", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return self.kind

    @property
    def failure(self) -> str:
        """What went wrong, without the way there: the last line of the traceback."""
        lines = [line for line in self.error.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    @property
    def percent(self) -> int:
        """Progress from 0 to 100; 100 only when done."""
        if self.state == self.State.DONE:
            return 100
        return min(99, self.done * 100 // self.total) if self.total else 0


class AuditEntry(TenantModel):
    """One deed. The application role may insert and read, never update or delete."""

    action = models.CharField(max_length=80)
    object_type = models.CharField(max_length=80, blank=True, default="")
    object_id = models.CharField(max_length=64, blank=True, default="")
    object_label = models.CharField(max_length=200, blank=True, default="")
    actor_kind = models.CharField(max_length=12)
    actor_id = models.CharField(max_length=64, blank=True, default="")
    actor_label = models.CharField(max_length=200, blank=True, default="")
    request = models.UUIDField()
    details = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    class Meta(TenantModel.Meta):
        db_table = "audit_entry"
        indexes = [
            models.Index(fields=["tenant_id", "-created_at"], name="audit_newest"),
            models.Index(fields=["tenant_id", "object_id"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return self.action


class IdempotencyRecord(TenantModel):
    """The answer once given to an Idempotency-Key, so that a retry gets it again."""

    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "idempotency_record"
        constraints = [
            models.UniqueConstraint(
                name="one_answer_per_idempotency_key", fields=["tenant_id", "key"]
            ),
        ]

    def __str__(self) -> str:
        return self.key
