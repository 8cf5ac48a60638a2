"""What went out to partners' endpoints, each with its attempts."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import TenantForeignKey
from campaigns.delivery.models import Endpoint


class WebhookDelivery(TenantModel):
    """One message to one endpoint: delivered at least once, always with the same id."""

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")
        HELD = "held", _("Held")

    endpoint = TenantForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    of = models.CharField(max_length=160)  # what happened: told twice, it goes out once
    type = models.CharField(max_length=40)
    payload = models.JSONField()
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    attempts = models.JSONField(default=list)  # {at, status, error, ms}, the newest 20
    tries = models.PositiveSmallIntegerField(default=0)  # since it was last asked for
    next_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "webhook_delivery"
        constraints = [
            models.UniqueConstraint(
                name="one_delivery_a_happening", fields=["tenant_id", "endpoint", "of"]
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant_id", "endpoint", "next_at"], name="delivery_due",
                condition=models.Q(state="pending"),
            ),
            models.Index(fields=["tenant_id", "endpoint", "-id"], name="delivery_newest"),
            models.Index(fields=["tenant_id", "created_at"], name="delivery_oldest"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"

    @property
    def message_id(self) -> str:
        """The webhook-id, the same at every attempt and replay."""
        return f"msg_{self.pk.hex}"

    @property
    def last(self) -> dict[str, object]:
        return self.attempts[-1] if self.attempts else {}
