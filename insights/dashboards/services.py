"""What a campaign cost."""

from __future__ import annotations

from decimal import Decimal

from attune.kernel import audit
from attune.kernel.errors import FieldError, Invalid
from attune.kernel.phrases import say
from campaigns.delivery.models import Campaign
from insights.dashboards.models import CampaignCost

MOST = Decimal(10) ** 10


def set_cost(*, campaign: Campaign, fixed: Decimal, message: Decimal) -> CampaignCost:
    """Money spent once and for each message, in units of the currency. Raises Invalid."""
    wrong = []
    if not 0 <= fixed < MOST:
        wrong.append(FieldError("fixed", say("Give an amount that is not negative.")))
    if not 0 <= message < MOST / 1_000_000:
        wrong.append(FieldError("message", say("Give an amount that is not negative.")))
    if wrong:
        raise Invalid(wrong)
    row, _ = CampaignCost.objects.update_or_create(
        campaign=campaign,
        defaults={"fixed_cents": round(fixed * 100), "message_micros": round(message * 1_000_000)},
    )
    audit.record("insights.set_cost", campaign, fixed=str(fixed), message=str(message))
    return row
