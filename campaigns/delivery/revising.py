"""Changing what runs: a new version of the campaign, for whoever is not written to yet.

Who got a message keeps exactly what they got, and it says of which version it was. A text changes
only to an approved one that grew from the same asset: the typo that somebody found meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

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
BATCH = 500


@dataclass(frozen=True, slots=True)
class Affected:
    """Whom a change now would concern: who has their message, and who still waits for it."""

    left: int
    waits: int


@dataclass(frozen=True, slots=True)
class Edited:
    """A text that runs and was edited since, and the newest that came after it: what waits leaves
    with that, once it is approved and somebody says so."""

    arm_key: str
    name: str
    old: Revision
    new: Revision

    @property
    def approved(self) -> bool:
        return self.new.state == Revision.State.APPROVED


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different: by field or arm, what it was and is, and as a sentence."""

    name: str
    before: str
    after: str
    sentence: Phrase


def affected(campaign: Campaign) -> Affected:
    """Whoever is not loaded yet waits too."""
    rows = Send.objects.filter(campaign=campaign)
    left = rows.filter(state__in=Send.HAS_LEFT).count()
    waits = rows.filter(state=Send.State.PENDING).count()
    if campaign.state == Campaign.State.LOADING:
        waits = max(waits, campaign.planned - rows.exclude(state=Send.State.PENDING).count())
    return Affected(left, waits)


def edited(campaign: Campaign) -> list[Edited]:
    """Of the texts that run, those that were edited since they were approved."""
    if campaign.experiment is None or campaign.state not in RUNS:
        return []
    found = []
    for arm in experiments.arms_of(campaign.experiment):
        if arm.revision is None or arm.revision.state != Revision.State.SUPERSEDED:
            continue
        after = Revision.objects.filter(asset=arm.revision.asset_id, id__gt=arm.revision_id)
        approved = after.filter(state=Revision.State.APPROVED).order_by("-id").first()
        if new := approved or after.order_by("-id").first():
            found.append(Edited(arm.key, arm.name, arm.revision, new))
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
        told = say(
            "Only what runs is changed here, and this campaign is %(state)s: edit a draft on its "
            "own page.",
            state=word(campaign.state),
        )
        raise Conflict(told)
    if seen != campaign.version:
        raise Conflict(say("Somebody made version %(n)s since you looked; look again.",
                           n=str(campaign.version)))  # fmt: skip
    if local_time is not None and local_time != campaign.local_time and campaign.standing:
        told = say("A policy chooses the moment itself: leave the time of day empty.")
        raise Invalid.one("local_time", told)
    if template not in (None, campaign.template) and campaign.channel != Channel.EMAIL:
        raise Invalid.one("template", say("Only e-mails have a template; leave it empty."))
    wanted = {"template": template, "topic": topic, "local_time": local_time, "per_hour": per_hour}
    chosen = _chosen(campaign, texts)
    changes = [*_settings(campaign, wanted), *map(_text, chosen)]
    if not changes:
        raise Invalid.one(
            "campaign", say("Nothing is different: change something, or leave the page.")
        )
    whom = affected(campaign)
    if local_time != campaign.local_time:
        campaign.timed_at = timezone.now()  # the next time it is so late, not the one gone by
    for field, value in wanted.items():
        setattr(campaign, field, value)
    for one in chosen:
        _replace(campaign, one)
    campaign.version += 1
    campaign.save(update_fields=["version", "timed_at", *wanted])
    made = CampaignVersion.objects.create(
        campaign=campaign, number=campaign.version,
        before={c.name: c.before for c in changes}, after={c.name: c.after for c in changes},
        changes=[c.sentence.stored() for c in changes],
        left=whom.left, waits=whom.waits, by_label=audit.actor().label[:120],
    )  # fmt: skip
    _reschedule(campaign)
    audit.record("campaigns.revise", campaign, version=campaign.version, waits=whom.waits,
                 left=whom.left)  # fmt: skip
    live.push(current_tenant(), "campaigns", str(campaign.pk))
    return made


def _settings(campaign: Campaign, wanted: Mapping[str, Any]) -> Iterator[Change]:
    """What of the settings is different."""
    sentences = {
        "template": partial(say, "Template: %(now)s"), "topic": partial(say, "Topic: %(now)s"),
        "local_time": partial(say, "Time of each person's day: %(now)s"),
        "per_hour": partial(say, "Most messages an hour: %(now)s"),
    }  # fmt: skip
    for field, value in wanted.items():
        was = getattr(campaign, field)
        if value != was:
            now = f"{value:%H:%M}" if isinstance(value, time) else str(value or "–")
            yield Change(field, _plain(was), _plain(value), sentences[field](now=now))


def _plain(value: Any) -> str:
    """A setting as it is kept: the id of a row, else its text."""
    return "" if value is None else str(getattr(value, "pk", value))


def _text(one: Edited) -> Change:
    told = say("%(arm)s: %(text)s", arm=one.name, text=one.new)
    return Change(f"text {one.arm_key}", str(one.old.pk), str(one.new.pk), told)


def _chosen(campaign: Campaign, texts: Mapping[str, UUID]) -> list[Edited]:
    """The approved texts that shall take others' places, each verified. Raises Invalid."""
    offered = {one.arm_key: one for one in edited(campaign) if one.approved}
    chosen = []
    for key, revision_id in texts.items():
        one = offered.get(key)
        if one is None or one.new.pk != revision_id:
            told = say("This text is not the approved one any more; look again.")
            raise Invalid.one("texts", told)
        verify(one.new)
        chosen.append(one)
    return chosen


def _replace(campaign: Campaign, one: Edited) -> None:
    """The arm shows the new text from now on, and so does every message of it that waits."""
    assert campaign.experiment is not None  # noqa: S101 - edited() offers none without
    experiments.change_text(experiment=campaign.experiment, arm_key=one.arm_key, revision=one.new)
    waiting = Send.objects.filter(campaign=campaign, state=Send.State.PENDING)
    waiting.filter(decision__action=one.arm_key).update(revision=one.new)


def _reschedule(campaign: Campaign) -> None:
    """Whatever waits is asked anew whether it may leave: for another hour, another pace, the new
    text. What a policy chose keeps the hour that it chose."""
    if campaign.standing:
        return
    rows = Send.objects.filter(campaign=campaign, state=Send.State.PENDING)
    rows.exclude(due_at=None).update(due_at=None, paced_at=None)
    if campaign.state == Campaign.State.PAUSED:
        return
    ids = list(rows.order_by("id").values_list("id", flat=True))
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        SEND_BATCH.enqueue(SendBatch(campaign.pk, part[0], part[-1]))
