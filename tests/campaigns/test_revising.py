"""Changing what runs: for whom, and what of it stays as it was."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import restored
from campaigns.approval import services as approval
from campaigns.contacts.models import Contact
from campaigns.delivery import loading, revising, sending, services, turns
from campaigns.delivery.models import Campaign, CampaignVersion, Send
from campaigns.experiments import services as experiments
from campaigns.layouts import services as layouts
from campaigns.subscriptions import services as subscriptions
from tenants.models import Tenant
from tests import make

HERE = {"kind": "copy"}


@pytest.fixture
def running(tenant):
    """A blast to six people of whom two have their message; an hour gives two."""
    for number in range(6):
        make.contact(f"p{number}", email=f"p{number}@example.com")
    audience = make.segment({"trait": "email", "exists": True})
    trial = make.experiment([make.approved(subject="Old slip")], holdout=1e-9, running=False)
    campaign = make.campaign(audience, trial, per_hour=2)
    services.launch(campaign=campaign)
    make.run_jobs()
    campaign.refresh_from_db()
    assert states(campaign) == {"sent": 2, "pending": 4}
    return campaign


def states(campaign) -> dict[str, int]:
    return services.counts(campaign)


def change(campaign, **values):
    campaign.refresh_from_db()
    same = {"template": campaign.template, "topic": campaign.topic, "texts": {},
            "local_time": campaign.local_time, "per_hour": campaign.per_hour,
            "seen": campaign.version}  # fmt: skip
    made = revising.revise(campaign=campaign, **{**same, **values})
    campaign.refresh_from_db()
    return made


def correct(campaign, tenant, **parts):
    """Edit the one text that runs and have the new one approved."""
    old = experiments.arms_of(campaign.experiment)[0].revision
    fresh = approval.edit(
        revision=old, components={**old.components, **parts}, author_id=tenant.owner.pk
    )
    review = approval.submit(revision=fresh, by_id=tenant.owner.pk)
    reviewer = make.member(tenant, "reviewer")
    approval.decide(review=review, by=approval.Reviewer(reviewer.pk, "R"), kind="approve")
    fresh.refresh_from_db()
    return old, fresh


def test_another_pace_holds_for_who_still_waits_and_says_for_how_many(running):
    made = change(running, per_hour=None)
    assert (made.number, made.left, made.waits) == (2, 2, 4)
    assert [str(restored(c)) for c in made.changes] == ["Most messages an hour: –"]
    make.run_jobs()
    assert states(running) == {"sent": 6}
    left = Send.objects.filter(campaign=running).order_by("version").values_list("version")
    assert [v for (v,) in left] == [1, 1, 2, 2, 2, 2]


def test_a_corrected_text_takes_the_place_of_the_old_one_for_who_waits(running, tenant):
    old, new = correct(running, tenant, subject="New and right")
    later = timezone.now() + timedelta(hours=3)
    waiting = Send.objects.filter(campaign=running, state="pending").order_by("id")
    assert sending.prepare(waiting[0].pk, now=later) is None
    held = Send.objects.get(pk=waiting[0].pk)
    assert (held.state, held.due_at) == ("pending", later + timedelta(days=1))
    assert "edited meanwhile" in str(held.reason)  # waits for a word, is not dropped
    [offered] = revising.edited(running)
    assert (offered.old, offered.new) == (old, new)
    made = change(running, texts={offered.arm_key: new.pk}, per_hour=None)
    assert str(restored(made.changes[-1])).endswith(str(new))
    make.run_jobs()
    sent = Send.objects.filter(campaign=running).order_by("version", "id")
    assert [s.components["subject"] for s in sent] == ["Old slip"] * 2 + ["New and right"] * 4
    assert [s.revision for s in sent] == [old] * 2 + [new] * 4
    assert revising.edited(running) == []


def test_who_is_loaded_later_gets_the_new_text_too(running, tenant):
    _, new = correct(running, tenant, subject="New")
    [offered] = revising.edited(running)
    change(running, texts={offered.arm_key: new.pk})
    late = make.contact("late", email="late@example.com")
    loading.load_batch(campaign=running, contact_ids=[late.pk], now=timezone.now())
    assert Send.objects.get(contact=Contact.objects.get(pk=late.pk)).revision == new


def test_the_experiment_tells_of_the_correction(running, tenant):
    _, new = correct(running, tenant, subject="New")
    [offered] = revising.edited(running)
    change(running, texts={offered.arm_key: new.pk})
    experiments.analyse(experiment=running.experiment, now=timezone.now())
    client = Client()
    client.force_login(tenant.owner)
    url = reverse("experiments:experiment", args=[tenant.slug, running.experiment_id])
    assert "was corrected while this ran" in client.get(url).content.decode()


def test_only_the_approved_successor_of_the_same_text_may_take_its_place(running, tenant):
    stranger = make.approved(subject="Another")
    arm = experiments.arms_of(running.experiment)[0].key
    for texts in ({arm: stranger.pk}, {"nobody": stranger.pk}):
        with pytest.raises(Invalid, match="not the approved one"):
            change(running, texts=texts)
    old = experiments.arms_of(running.experiment)[0].revision
    draft = approval.edit(
        revision=old, components={**old.components, "subject": "x"}, author_id=tenant.owner.pk
    )
    with pytest.raises(Invalid, match="not the approved one"):
        change(running, texts={arm: draft.pk})
    assert not CampaignVersion.objects.exists()


def test_two_who_change_at_once_do_not_undo_each_other(running):
    change(running, per_hour=3)
    with pytest.raises(Conflict, match="version 2 since you looked"):
        change(running, per_hour=9, seen=1)
    assert running.per_hour == 3


def test_nothing_different_makes_no_version(running):
    with pytest.raises(Invalid, match="Nothing is different"):
        change(running)
    assert running.version == 1


def test_what_has_ended_is_not_changed(running):
    change(running, per_hour=None)
    make.run_jobs()
    with pytest.raises(Conflict, match="finished"):
        change(running, per_hour=9)


def test_what_was_cancelled_is_not_changed(running):
    services.move(campaign=running, verb="cancel")
    with pytest.raises(Conflict, match="cancelled"):
        change(running, per_hour=9)


def test_the_page_tells_that_an_edit_holds_what_is_not_sent(running, tenant):
    old = experiments.arms_of(running.experiment)[0].revision
    approval.edit(
        revision=old, components={**old.components, "subject": "x"}, author_id=tenant.owner.pk
    )
    client = Client()
    client.force_login(tenant.owner)
    url = reverse("delivery_pages:campaign", args=[tenant.slug, running.pk])
    assert "the new one is not approved yet (draft)" in client.get(url).content.decode()


def test_a_version_keeps_what_was_and_what_is(running, tenant):
    old, new = correct(running, tenant, subject="New")
    [offered] = revising.edited(running)
    made = change(running, texts={offered.arm_key: new.pk}, per_hour=7)
    assert made.before == {"per_hour": "2", f"text {offered.arm_key}": str(old.pk)}
    assert made.after == {"per_hour": "7", f"text {offered.arm_key}": str(new.pk)}


def test_a_draft_is_edited_as_a_whole(tenant):
    audience = make.segment({"trait": "email", "exists": True})
    campaign = make.campaign(audience, make.experiment([make.approved()], holdout=1e-9,
                                                       running=False))  # fmt: skip
    with pytest.raises(Conflict, match="draft"):
        change(campaign, per_hour=9)


def test_a_pause_stays_a_pause(running):
    services.move(campaign=running, verb="pause")
    change(running, per_hour=None)
    make.run_jobs()
    assert states(running) == {"sent": 2, "pending": 4}
    services.move(campaign=running, verb="resume")
    make.run_jobs()
    assert states(running) == {"sent": 6}


def test_hour_topic_and_template_change_too(running):
    topic = subscriptions.save_topic(name="News")
    template = layouts.save(name="Plain", blocks=[HERE])
    made = change(running, topic=topic, template=template, local_time=time(9, 30))
    assert [str(restored(c)) for c in made.changes] == [
        f"Template: {template}", "Topic: News", "Time of each person's day: 09:30",
    ]  # fmt: skip
    assert (running.topic, running.template, running.local_time) == (topic, template, time(9, 30))
    make.run_jobs()
    waiting = Send.objects.filter(campaign=running, state="pending")
    assert {timezone.localtime(s.due_at).strftime("%H:%M") for s in waiting} == {"09:30"}


def test_an_hour_that_is_over_for_today_means_tomorrow(running, tenant):
    """What waits does not leave at once because the campaign was launched before that hour."""
    Campaign.objects.filter(pk=running.pk).update(
        launched_at=timezone.now() - timedelta(days=2), per_hour=None
    )
    now = timezone.now()
    gone = (now - timedelta(minutes=5)).time().replace(microsecond=0)
    change(running, local_time=gone, per_hour=None)
    make.run_jobs()
    waiting = Send.objects.filter(campaign=running, state="pending")
    assert waiting.count() == 4
    assert all(s.due_at > now + timedelta(hours=20) for s in waiting)


def test_the_page_says_whom_it_concerns_and_makes_the_version(running, tenant):
    _, new = correct(running, tenant, subject="New")
    client = Client()
    client.force_login(make.member(tenant, "sender"))
    campaign_page = reverse("delivery_pages:campaign", args=[tenant.slug, running.pk])
    assert "waits for your word" in client.get(campaign_page).content.decode()
    url = reverse("delivery_pages:revise", args=[tenant.slug, running.pk])
    page = client.get(url)
    assert (page.context["whom"].left, page.context["whom"].waits) == (2, 4)
    arm = page.context["newer"][0][0].arm_key
    form = {"seen": "1", "text": f"{arm}={new.pk}", "per_hour": "", "template": "", "topic": ""}
    answer = client.post(url, form, follow=True)
    assert "Version 2 holds for 4 people who still wait." in answer.content.decode()
    assert CampaignVersion.objects.get().by_label == str(make.member(tenant, "sender"))
    again = client.post(url, form)
    assert again.status_code == 422
    assert "version 2 since you looked" in again.content.decode()
    marketer = Client()
    marketer.force_login(make.member(tenant, "marketer"))
    assert marketer.get(url).status_code == 403


def test_a_pace_that_outlasts_the_patience_is_warned_of(running, tenant):
    workspace = Tenant(patience_hours=24)
    assert [str(one) for one in turns.slow(300, 10, workspace)] == [
        "At 10 an hour 300 messages take about 30 h. One that the frequency cap stops later "
        "than 24 h after the launch is not sent at all."
    ]
    assert not list(turns.slow(240, 10, workspace))
    assert not list(turns.slow(300, None, workspace))
    Tenant.objects.filter(pk=running.tenant_id).update(patience_hours=1)  # four wait, two an hour
    browser = Client()
    browser.force_login(tenant.owner)
    page = reverse("delivery_pages:revise", args=[tenant.slug, running.pk])
    assert "At 2 an hour 4 messages take about 2 h." in browser.get(page).content.decode()
