"""What a campaign cost, so that its return can be told."""

from __future__ import annotations

from django.db import models

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import TenantForeignKey
from campaigns.delivery.models import Campaign


class CampaignCost(TenantModel):
    """Money spent on a campaign: once, and for each message (in millionths of the currency)."""

    campaign = TenantForeignKey(Campaign, on_delete=models.CASCADE, related_name="costs")
    fixed_cents = models.BigIntegerField(default=0)
    message_micros = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        db_table = "campaign_cost"
        constraints = [
            models.UniqueConstraint(name="one_cost_a_campaign", fields=["tenant_id", "campaign"]),
            models.CheckConstraint(
                name="a_cost_is_not_negative",
                condition=models.Q(fixed_cents__gte=0, message_micros__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.fixed_cents}"
