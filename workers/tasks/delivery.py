"""Campaigns: load the audience, hand messages over."""

from __future__ import annotations

import logging
from dataclasses import asdict
from uuid import UUID

from django.utils import timezone

from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.phrases import as_is, say
from campaigns.automations import services as journeys
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Contact
from campaigns.content import selectors as content
from campaigns.delivery import (
    email,
    loading,
    planning,
    previewing,
    selectors,
    sending,
    services,
    standing,
)
from campaigns.delivery.jobs import (
    LAUNCH_CAMPAIGN,
    LOAD_CAMPAIGN,
    SEND_BATCH,
    SEND_DUE,
    SEND_TEST,
    VISIT,
    LaunchCampaign,
    LoadCampaign,
    SendBatch,
    SendDue,
    SendTest,
    Visit,
)
from campaigns.delivery.models import Send
from campaigns.layouts import selectors as layouts
from tenants.models import User
from workers.runner import Run, handles

logger = logging.getLogger(__name__)
GOING = {"loading", "running"}


@handles(LAUNCH_CAMPAIGN)
def launch_campaign(payload: LaunchCampaign, run: Run) -> None:
    with run.unit():
        campaign = selectors.campaign(payload.campaign_id, lock=True)
        planning.launch_due(campaign=campaign, at=payload.at)


@handles(LOAD_CAMPAIGN)
def load_campaign(payload: LoadCampaign, run: Run) -> None:
    """Decide for the audience, batch by batch, by contact id; sticky and unique, so resumable."""
    after, done = None, 0
    while True:
        with run.unit():
            campaign = selectors.campaign(
                payload.campaign_id, lock=True
            )  # none revises it meanwhile
            if campaign.state not in GOING:
                return
            contacts = loading.audience_batch(campaign, after=after)
            loading.load_batch(campaign=campaign, contact_ids=contacts, now=timezone.now())
        if not contacts:
            break
        after, done = contacts[-1], done + len(contacts)
        run.progress(
            done=done,
            total=max(done, campaign.planned),
            note=say("%(done)s people decided", done=done),
        )
    with run.unit():
        if payload.resumed:
            _send_what_waited(payload)
        services.loaded(campaign=campaign)


def _send_what_waited(payload: LoadCampaign) -> None:
    """Messages left pending by a pause get a batch of their own."""
    rows = Send.objects.filter(campaign_id=payload.campaign_id, state=Send.State.PENDING)
    ids = list(rows.order_by("id").values_list("id", flat=True))
    if ids:
        SEND_BATCH.enqueue(SendBatch(payload.campaign_id, ids[0], ids[-1]))


@handles(SEND_BATCH)
def send_batch(payload: SendBatch, run: Run) -> None:
    """Each message by itself: claim and commit, hand over, settle."""
    with run.unit():
        campaign = selectors.campaign(payload.campaign_id)
        if run.row.attempts > 1:
            sending.find_uncertain(payload.campaign_id, payload.first, payload.last)
        waiting = sending.waiting(payload.campaign_id, payload.first, payload.last, timezone.now())
    _send_each(waiting, run)
    with run.unit():
        services.finish_if_done(campaign=campaign)


@handles(SEND_TEST)
def send_test(payload: SendTest, run: Run) -> None:
    """A test to a member, by the real backend also where campaigns stay in the outbox."""
    with run.unit():
        template = layouts.version(payload.template) if payload.template else None
        letter = previewing.letter(
            content.revision(payload.revision_id), contacts.contact(payload.contact_id), template,
            User.objects.get(pk=payload.user_id),
        )  # fmt: skip
    email.hand_over(letter)


@handles(VISIT)
def visit(payload: Visit, run: Run) -> None:
    """Decide for whoever is due, a few people at a time, so that a stop holds from the next few.
    After many another job goes on, so that other work has its turn."""
    after, seen = UUID(payload.after) if payload.after else None, standing.Seen(**payload.seen)
    before, looked = seen.decided, 0
    while True:
        now = timezone.now()
        with run.unit():
            campaign = selectors.campaign(payload.campaign_id)
            try:
                sending_now = standing.ready(campaign, now)
            except AttuneError as refusal:  # the policy was retired, for one
                standing.told(campaign.pk, asdict(seen), now, as_is(refusal.detail))
                return
            people = standing.due_people(campaign, sending_now.plan, after=after, now=now)
        awake = [person for person in people if not sending_now.asleep(person, now)]
        seen.quiet += len(people) - len(awake)
        for start in range(0, len(awake), standing.PORTION):
            if not _decide(campaign.pk, awake[start : start + standing.PORTION], seen, run):
                return
        if not people:
            break
        after, looked = people[-1].pk, looked + len(people)
        run.progress(done=looked, total=max(looked, campaign.planned),
                     note=say("%(done)s people looked at", done=looked))  # fmt: skip
        if seen.decided - before >= standing.MOST:
            with run.unit():
                VISIT.enqueue(Visit(campaign.pk, str(after), asdict(seen)),
                              dedupe_key=str(campaign.pk))  # fmt: skip
            return
    with run.unit():
        standing.told(campaign.pk, asdict(seen), now, sending_now.problem)


def _decide(
    campaign_id: UUID, people: list[Contact], seen: standing.Seen, run: Run
) -> bool:  # fmt: skip
    """One portion, unless the campaign stopped meanwhile: it stays locked, so it cannot now."""
    now = timezone.now()
    with run.unit():
        campaign = selectors.campaign(campaign_id, lock=True)
        if campaign.state != "running":
            return False
        seen.add(standing.visit(campaign, standing.ready(campaign, now), people, now))
    return True


@handles(SEND_DUE)
def send_due(payload: SendDue, run: Run) -> None:
    """Messages that a policy chose and whose time has come; after many another job goes on."""
    with run.unit():
        waiting = standing.waiting(payload.campaign_id, timezone.now())
    _send_each(waiting, run)
    if len(waiting) == standing.MOST:
        with run.unit():
            SEND_DUE.enqueue(payload, dedupe_key=str(payload.campaign_id))
    with run.unit():
        campaign = selectors.campaign(payload.campaign_id)
        services.finish_if_done(campaign=campaign)
        if campaign.by_journey and waiting:
            journeys.ask()  # who waited for their message goes on


def keep_up() -> None:
    standing.ask(timezone.now())


def _send_each(waiting: list[UUID], run: Run) -> None:
    for done, send_id in enumerate(waiting, start=1):
        with run.unit():
            prepared = sending.prepare(send_id, now=timezone.now())
        if prepared is not None:
            failure, unclear = _hand_over(prepared)
            with run.unit():
                sending.settle(send_id, failure=failure, unclear=unclear)
        if done % 20 == 0 or done == len(waiting):
            run.progress(done=done, total=len(waiting))


def _hand_over(prepared: sending.Prepared) -> tuple[str, bool]:
    try:
        return sending.hand_over(prepared), False
    except Invalid as refused:
        return refused.detail, False
    except ConnectionRefusedError as refused:
        return say("The address refused the connection: %(why)s", why=refused), False
    except OSError as unclear:
        logger.warning("send %s ended unclearly: %s", prepared.send_id, unclear)
        return say("No clear answer: %(why)s", why=unclear), True
