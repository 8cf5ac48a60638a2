"""Decisions for partners' channels: who may get one, and what is kept of looking at them."""

from __future__ import annotations

import pytest
from django.utils import timezone

from attune.kernel.errors import Conflict
from campaigns.contacts import services as contacts
from campaigns.contacts.models import Contact
from campaigns.decisions.models import Decision
from campaigns.delivery import deciding, preflight, services
from campaigns.experiments import retention, selectors
from campaigns.experiments import services as experiments
from campaigns.experiments.models import Snapshot
from tests import make


def decided(key: str, user: str) -> deciding.Answer:
    return deciding.decide(key=key, user_id=user, anonymous_id="", context={}, now=timezone.now())


def test_a_campaign_by_decide_asks_audience_refusal_and_status_first(tenant):
    make.record(make.identify("in", plan="pro"), make.identify("out", plan="free"))
    make.record(make.identify("no", plan="pro"), make.identify("blocked", plan="pro"))
    audience = make.segment({"trait": "plan", "is": "pro"}, name="pro")
    trial = make.experiment([make.approved("banner")], holdout=0.5, running=False)
    services.launch(campaign=make.campaign(audience, trial, via="decide"))
    refused = Contact.objects.get(external_id="no")
    contacts.record_consent(contact=refused, state="refused", channel="banner", source="t")
    Contact.objects.filter(external_id="blocked").update(status="blocklisted")
    answers = {user: decided(trial.key, user) for user in ("in", "out", "no", "blocked", "new")}
    assert {user: a.reason for user, a in answers.items()} == {
        "in": "", "out": "The contact is not in the audience “pro”.",
        "no": "The contact refused this channel.", "blocked": "The contact is blocklisted.",
        "new": "The contact is not in the audience “pro”.",
    }  # fmt: skip
    assert Decision.objects.get().contact.external_id == "in"
    assert decided(trial.key, "in").decision.pk == answers["in"].decision.pk


def test_an_experiment_alone_decides_for_everyone(tenant):
    trial = make.experiment([make.approved("banner"), make.approved("banner")])
    answer = decided(trial.key, "new")
    assert answer.components == make.GOOD["banner"]
    assert answer.decision.propensities == {"v1": 0.5, "v2": 0.5}
    assert Decision.objects.get().pk == answer.decision.pk


def test_an_experiment_whose_campaign_sends_by_itself_decides_for_nobody(tenant):
    make.contact("u")
    trial = make.experiment([make.approved()], holdout=0.5, running=False)
    services.launch(campaign=make.campaign(make.segment(), trial))
    before = Decision.objects.count()
    with pytest.raises(Conflict, match="sends by itself"):
        decided(trial.key, "u")
    assert Decision.objects.count() == before


def test_an_included_segment_is_asked_by_its_rule_not_by_who_was_folded(tenant):
    """A visitor's first request: nobody folded them, and the holdout holds all the same."""
    holdout = make.segment({"bucket": "h", "from": 0, "to": 50}, name="holdout")
    audience = make.segment({"not": {"segment": str(holdout.pk)}}, name="rest")
    trial = make.experiment([make.approved("banner")], holdout=0.5, running=False)
    make.record(make.identify("somebody"))
    campaign = make.campaign(audience, trial, via="decide")
    if preflight.of(campaign).problems:  # the one contact may be in the holdout
        make.record(*[make.identify(f"more-{n}") for n in range(20)])
    services.launch(campaign=campaign)
    reasons = [decided(trial.key, f"new-{n}").reason for n in range(40)]
    assert 5 < sum(bool(reason) for reason in reasons) < 35
    held = [n for n, reason in enumerate(reasons) if reason]
    make.run_jobs()
    assert [n for n in range(40) if decided(trial.key, f"new-{n}").reason] == held


def test_a_look_that_sees_nothing_new_is_not_kept_and_old_looks_are_thinned(tenant):
    trial = make.experiment([make.approved("banner"), make.approved("banner")])
    decided(trial.key, "one")
    now = timezone.now()
    first = experiments.analyse(experiment=trial, now=now)
    minute = timezone.timedelta(minutes=1)
    assert experiments.analyse(experiment=trial, now=now + minute, again=False).pk == first.pk
    decided(trial.key, "two")
    later = timezone.now() + minute
    assert experiments.analyse(experiment=trial, now=later, again=False).pk != first.pk
    Snapshot.objects.all().delete()
    start = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for n in range(20):
        experiments.analyse(experiment=trial, now=start + n * minute)
    assert retention.thin_snapshots(start + timezone.timedelta(hours=3)) == 16
    kept = Snapshot.objects.order_by("at").values_list("at", flat=True)
    assert [(at - start).total_seconds() / 60 for at in kept] == [4, 9, 14, 19]


def test_the_chart_shows_the_whole_life_of_an_experiment(tenant):
    trial = make.experiment([make.approved("banner"), make.approved("banner")])
    start = timezone.now()
    for n in range(50):
        experiments.analyse(experiment=trial, now=start + n * timezone.timedelta(minutes=1))
    shown = [(s.at - start).total_seconds() / 60 for s in selectors.history(trial, most=10)]
    assert shown == [4, 9, 14, 19, 24, 29, 34, 39, 44, 49]
