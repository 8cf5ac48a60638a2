"""The audience of a blast becomes messages: decided for and written batch by batch."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection

from attune.kernel.models import new_id
from attune.kernel.tenancy import current_tenant
from campaigns.delivery.jobs import SEND_BATCH, SendBatch
from campaigns.delivery.models import Campaign
from campaigns.experiments import services as experiments
from campaigns.segments.models import SegmentMembership

BATCH = 500
MAKE_SENDS_SQL = """
INSERT INTO send (id, tenant_id, campaign_id, contact_id, decision_id, revision_id, state,
                  reason, address, message_id, components, slot, version)
SELECT n.id, %(tenant)s, %(campaign)s, d.contact_id, d.id, a.revision_id, 'pending',
       '{"text": ""}', '', '', '{}', '', 1
FROM unnest(%(contacts)s::uuid[], %(ids)s::uuid[]) AS n(contact_id, id)
JOIN decision d ON d.tenant_id = %(tenant)s AND d.source_id = %(experiment)s
  AND d.contact_id = n.contact_id
JOIN arm a ON a.tenant_id = %(tenant)s AND a.experiment_id = d.source_id
  AND a.key = d.action
WHERE a.revision_id IS NOT NULL
ON CONFLICT (tenant_id, campaign_id, contact_id, slot) DO NOTHING RETURNING id"""


def load_batch(*, campaign: Campaign, contact_ids: list[UUID], now: datetime) -> int:
    """Decide for some of the audience and make their sends, with the job that sends them.

    Running twice makes nothing twice: decisions are sticky, sends unique.
    """
    assert campaign.experiment is not None  # noqa: S101
    experiments.decide_many(experiment=campaign.experiment, contact_ids=contact_ids, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            MAKE_SENDS_SQL,
            {
                "tenant": current_tenant(),
                "campaign": campaign.pk,
                "experiment": campaign.experiment_id,
                "contacts": contact_ids,
                "ids": [new_id() for _ in contact_ids],  # sorted by time: a batch is a range
            },
        )
        made = sorted(row[0] for row in cursor.fetchall())
    if made:
        SEND_BATCH.enqueue(SendBatch(campaign.pk, made[0], made[-1]))
    return len(made)


def audience_batch(campaign: Campaign, *, after: UUID | None) -> list[UUID]:
    """The next members of the audience by contact id."""
    rows = SegmentMembership.objects.filter(segment=campaign.audience, left_at=None)
    if after is not None:
        rows = rows.filter(contact_id__gt=after)
    return list(rows.order_by("contact_id").values_list("contact_id", flat=True)[:BATCH])
