"""Reading campaigns and sends."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import restored, say
from campaigns.content.models import Channel, Revision
from campaigns.delivery.models import Campaign, Endpoint, Send, Suppression
from campaigns.experiments import services as experiments
from campaigns.strategy import selectors as strategy


def campaigns(*, q: str = "", state: str = "") -> QuerySet[Campaign]:
    """Campaigns to an audience; journeys have pages of their own."""
    rows = _all().filter(by_journey=False)
    rows = rows.filter(name__icontains=q) if q else rows
    return rows.filter(state=state) if state else rows


def senders() -> QuerySet[Campaign]:
    """Everything that sends: campaigns and journeys."""
    return _all()


def _all() -> QuerySet[Campaign]:
    rows = Campaign.objects.select_related("audience", "experiment", "policy__bank", "topic")
    return rows.order_by("-id")


def campaign(campaign_id: uuid.UUID | str, *, lock: bool = False) -> Campaign:
    rows = _all().select_for_update(of=("self",)) if lock else _all()
    row = rows.filter(pk=campaign_id).first()
    if row is None:
        raise NotFound(say("There is no such campaign in this workspace."))
    return row


def visit_of(campaign: Campaign) -> dict[str, Any] | None:
    """What the newest visit of a campaign by a policy found: numbers of people, `at`, `problem`."""
    if not campaign.last_visit:
        return None
    kept = dict(campaign.last_visit)
    at = datetime.fromisoformat(kept.pop("at"))
    return {**kept, "at": at, "problem": restored(kept.get("problem"))}


def sends(campaign_id: uuid.UUID | None = None) -> QuerySet[Send]:
    rows = Send.objects.select_related("campaign", "contact", "revision__asset", "decision")
    rows = rows.order_by(F("sent_at").desc(nulls_last=True), "-id")
    return rows.filter(campaign_id=campaign_id) if campaign_id else rows


def send(send_id: uuid.UUID | str) -> Send:
    row = (
        Send.objects.select_related(
            "campaign", "contact", "revision", "revision__asset", "decision", "template"
        )
        .filter(pk=send_id)
        .first()
    )
    if row is None:
        raise NotFound(say("There is no such message in this workspace."))
    return row


def of_contact(contact_id: uuid.UUID) -> QuerySet[Send]:
    """What one person was sent, the newest first."""
    return sends().filter(contact_id=contact_id)


def endpoint(pk: uuid.UUID | str, *, lock: bool = False) -> Endpoint:
    rows = Endpoint.objects.select_for_update() if lock else Endpoint.objects.all()
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such endpoint in this workspace."))
    return row


def endpoints() -> QuerySet[Endpoint]:
    return Endpoint.objects.order_by("name")


def suppressions() -> QuerySet[Suppression]:
    return Suppression.objects.order_by("-id")


def shown(campaign: Campaign) -> list[tuple[str, Revision]]:
    """What people may get: the name of each arm or option, and its text."""
    if campaign.experiment is not None:
        arms = experiments.arms_of(campaign.experiment)
        return [(arm.name, arm.revision) for arm in arms if arm.revision is not None]
    if campaign.policy is None:
        return []
    options = strategy.options_of(campaign.policy.bank_id)
    return [
        (o.name, o.revision) for o in options if o.in_use and o.revision is not None
        and (campaign.via != Campaign.Via.EMAIL or o.revision.asset.channel == Channel.EMAIL)
    ]  # fmt: skip
