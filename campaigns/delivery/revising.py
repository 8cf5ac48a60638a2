"""Changing what runs: a new version of the campaign, for whoever is not written to yet.

Who got a message keeps exactly what they got, and it says of which version it was. A text changes
only to an approved one that grew from the same asset: the typo that somebody found meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from uuid import UUID

from django.db import transaction

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.locking import locked
from attune.kernel.phrases import Phrase, say, word
from attune.kernel.tenancy import current_tenant
from campaigns.content.models import Channel, Revision
from campaigns.content.services import verify
from campaigns.delivery import services
from campaigns.delivery.jobs import SEND_BATCH, SendBatch
from campaigns.delivery.models import Campaign, CampaignVersion, Send
from campaigns.experiments import services as experiments
from campaigns.layouts.models import TemplateVersion
from campaigns.subscriptions.models import Topic

RUNS = (Campaign.State.LOADING, Campaign.State.RUNNING, Campaign.State.PAUSED)
LEFT = (Send.State.SENT, Send.State.SENDING, Send.State.UNCERTAIN, Send.State.FAILED)


@dataclass(frozen=True, slots=True)
class Affected:
    """Whom a change now would concern: who has their message, and who still waits for it."""

    left: int
    waits: int


@dataclass(frozen=True, slots=True)
class Newer:
    """A text that runs, and the approved one that came after it."""

    arm_key: str
    name: str
    old: Revision
    new: Revision


def affected(campaign: Campaign) -> Affected:
    """Whoever is not loaded yet waits too."""
    rows = Send.objects.filter(campaign=campaign)
    left, waits = rows.filter(state__in=LEFT).count(), rows.filter(state="pending").count()
    if campaign.state == Campaign.State.LOADING:
        waits = max(waits, campaign.planned - rows.exclude(state="pending").count())
    return Affected(left, waits)


def newer(campaign: Campaign) -> list[Newer]:
    """Of the texts that run, those with an approved successor."""
    if campaign.experiment is None:
        return []
    found = []
    for arm in experiments.arms_of(campaign.experiment):
        if arm.revision is None:
            continue
        after = Revision.objects.filter(
            asset=arm.revision.asset_id, state=Revision.State.APPROVED, id__gt=arm.revision_id
        )
        if new := after.order_by("-id").first():
            found.append(Newer(arm.key, arm.name, arm.revision, new))
    return found


def versions(campaign: Campaign) -> list[CampaignVersion]:
    return list(CampaignVersion.objects.filter(campaign=campaign).order_by("-number"))


@transaction.atomic
def revise(
    *, campaign: Campaign, seen: int, template: TemplateVersion | None, topic: Topic | None,
    local_time: time | None, per_hour: int | None, texts: Mapping[str, UUID],
) -> CampaignVersion:  # fmt: skip
    """Change a running campaign for whoever still waits. `texts` are arms and the approved
    revisions that they show from now on; `seen` is the version that the editor saw.

    Raises Conflict for a campaign that does not run, or that was changed meanwhile; Invalid for a
    text that may not take the other's place, and where nothing changes.
    """
    locked(campaign)
    services.by_audience(campaign)
    campaign.refresh_from_db()
    if campaign.state not in RUNS:
        told = say("Only what runs is changed so; this campaign is %(state)s.",
                   state=word(campaign.state))  # fmt: skip
        raise Conflict(told)
    if seen != campaign.version:
        raise Conflict(say("Somebody made version %(n)s since you looked; look again.",
                           n=str(campaign.version)))  # fmt: skip
    changes = [
        *_settings(campaign, template, topic, local_time, per_hour), *_texts(campaign, texts)
    ]  # fmt: skip
    if not changes:
        raise Invalid.one("campaign", say("Nothing is different: the campaign goes on as it is."))
    whom = affected(campaign)
    campaign.version += 1
    campaign.save(update_fields=["version", "template", "topic", "local_time", "per_hour"])
    made = CampaignVersion.objects.create(
        campaign=campaign, number=campaign.version, changes=[c.stored() for c in changes],
        left=whom.left, waits=whom.waits, by_label=audit.actor().label[:120],
    )  # fmt: skip
    _look_again(campaign)
    audit.record("campaigns.revise", campaign, version=campaign.version, waits=whom.waits,
                 left=whom.left)  # fmt: skip
    live.push(current_tenant(), "campaigns", str(campaign.pk))
    return made


def _settings(
    campaign: Campaign, template: TemplateVersion | None, topic: Topic | None,
    local_time: time | None, per_hour: int | None,
) -> list[Phrase]:  # fmt: skip
    changes: list[Phrase] = []
    if template != campaign.template:
        if template is not None and campaign.channel != Channel.EMAIL:
            raise Invalid.one("template", say("Only e-mails have a template."))
        changes.append(say("Template: %(name)s", name=str(template or "–")))
        campaign.template = template
    if topic != campaign.topic:
        changes.append(say("Topic: %(name)s", name=str(topic or "–")))
        campaign.topic = topic
    if local_time != campaign.local_time:
        told = f"{local_time:%H:%M}" if local_time else "–"
        changes.append(say("Time of each person's day: %(at)s", at=told))
        campaign.local_time = local_time
    if per_hour != campaign.per_hour:
        changes.append(say("Most messages an hour: %(n)s", n=str(per_hour or "–")))
        campaign.per_hour = per_hour
    return changes


def _look_again(campaign: Campaign) -> None:
    """Whatever waits is asked anew whether it may leave: for another hour, another pace, the new
    text. What a policy chose keeps the hour that it chose."""
    if campaign.standing:
        return
    rows = Send.objects.filter(campaign=campaign, state=Send.State.PENDING)
    rows.exclude(due_at=None).update(due_at=None, paced_at=None)
    first, last = rows.order_by("id").first(), rows.order_by("-id").first()
    if first is not None and last is not None and campaign.state != Campaign.State.PAUSED:
        SEND_BATCH.enqueue(SendBatch(campaign.pk, first.pk, last.pk))


def _texts(campaign: Campaign, texts: Mapping[str, UUID]) -> list[Phrase]:
    offered = {one.arm_key: one for one in newer(campaign)}
    changes = []
    for key, revision_id in texts.items():
        one = offered.get(key)
        if one is None or one.new.pk != revision_id:
            raise Invalid.one("texts", say("This text is not the approved one any more; look "
                                           "again."))  # fmt: skip
        verify(one.new)
        assert campaign.experiment is not None  # noqa: S101 - newer() offers none without
        experiments.change_text(experiment=campaign.experiment, arm_key=key, revision=one.new)
        Send.objects.filter(campaign=campaign, state="pending", revision=one.old).update(
            revision=one.new
        )
        changes.append(say("%(arm)s: %(text)s", arm=one.name, text=one.new))
    return changes
