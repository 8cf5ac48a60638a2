"""Whom an experiment persuades: by what was known before, judged by models that did not see them."""

from __future__ import annotations

import random
from datetime import timedelta
from unittest import mock

import numpy as np
import pytest
from django.utils import timezone

from attune.kernel.errors import Conflict
from attune.kernel.models import new_id
from campaigns.contacts.models import Contact, Event
from campaigns.decisions import services as decisions
from campaigns.decisions.models import Decision
from campaigns.experiments import bandits
from campaigns.experiments import services as experiments
from campaigns.experiments.models import Experiment
from campaigns.predictions import selectors, services, trials
from tests import make
from workers import model_tasks

DAYS = 20
assert model_tasks  # whose handlers the jobs need


def persuaded(n: int = 1_300, by: float = 0.5) -> Experiment:
    """Who likes tea orders because of the text; coffee drinkers order or not whatever they get. All
    of it is the same each time, since what follows from it has to hold for certain."""
    trial = make.experiment([make.approved()], holdout=0.5)
    now, rng = timezone.now(), random.Random(5)
    ids = sorted(new_id() for _ in range(n))
    people = [Contact(pk=pk, external_id=f"u{i}") for i, pk in enumerate(ids)]
    Contact.objects.bulk_create(people)
    tastes = {p.pk: rng.choice(["tea", "coffee"]) for p in people}
    then = now - timedelta(days=DAYS)
    Event.objects.bulk_create(
        Event(message_id=f"i{p.pk}", type="identify", contact=p, at=then - timedelta(days=1),
              properties={"taste": tastes[p.pk], "shoe": rng.randint(36, 46)})
        for p in people
    )  # fmt: skip
    draws = {str(pk): rng.random() for pk in ids}
    with mock.patch.object(bandits, "draw_of", lambda _, unit: draws[unit]):
        experiments.decide_many(experiment=trial, contact_ids=ids, now=then)
    control = next(arm.key for arm in experiments.arms_of(trial) if arm.is_control)
    events = []
    for d in Decision.objects.filter(source_id=trial.pk).order_by("contact_id"):
        rate = 0.1 + by * (tastes[d.contact_id] == "tea") * (d.action != control)
        if rng.random() < rate:
            events.append(Event(message_id=f"o{d.pk}", type="track", name="Order Completed",
                                contact_id=d.contact_id, at=d.at + timedelta(hours=2)))  # fmt: skip
    # a trait that came after the decision tells the answer, and is not looked at
    events += [Event(message_id=f"l{e.contact_id}", type="identify", contact_id=e.contact_id,
                     at=e.at + timedelta(hours=1), properties={"taste": "bought", "buyer": True})
               for e in list(events)]  # fmt: skip
    Event.objects.bulk_create(events)
    decisions.reward_contacts([p.pk for p in people])
    return trial


def test_what_was_known_before_is_looked_at_and_nothing_later(tenant):
    trial = persuaded(80)
    arms = [arm.key for arm in experiments.arms_of(trial)]
    told = trials.trial(*trials.read(trial, timezone.now()), arms)
    assert set(told.columns) == {"trait:taste", "trait:shoe"}
    assert set(told.columns["trait:taste"]) == {"tea", "coffee"}
    assert told.columns["trait:shoe"].dtype.kind == "f"
    assert len(told.got) == 80
    assert told.chances.sum(1) == pytest.approx(np.ones(80))
    assert set(told.outcome) == {0.0, 1.0}
    earlier = trials.read(trial, timezone.now() - timedelta(days=DAYS))
    assert len(trials.trial(*earlier, arms).got) == 0


def test_it_says_whom_the_text_persuades(tenant, client):
    trial = persuaded()
    services.ask_uplift(trial)
    make.run_jobs(but=())
    row = selectors.uplift(trial)
    (arm,) = row.results["arms"]
    assert arm["mean"] == pytest.approx(0.25, abs=0.1)
    assert arm["signal"]
    assert arm["who"][0]["name"] == "trait:taste"
    assert arm["fifths"][0][0] > 0.1 + arm["fifths"][-1][0]  # 0.5 and 0; four errors of a fifth
    # it harms nobody, so sending it to everybody is as good as choosing
    assert not row.results["pays"]
    assert str(row.reason).startswith("Send “")
    client.force_login(tenant.owner)
    page = client.get(f"/w/{tenant.tenant.slug}/predictions/uplift/{trial.pk}").content.decode()
    assert "tells people apart" in page
    assert "Who they are" in page


def test_too_few_people_is_said(tenant, client):
    trial = persuaded(60)
    client.force_login(tenant.owner)
    base = f"/w/{tenant.tenant.slug}/predictions/uplift/{trial.pk}"
    assert "Not asked yet" in client.get(base).content.decode()
    client.post(f"{base}/ask")
    make.run_jobs(but=())
    assert "Too few people to tell them apart" in client.get(base).content.decode()


def test_a_draft_has_nobody_to_ask_about(tenant):
    trial = make.experiment([make.approved()], holdout=0.5, running=False)
    with pytest.raises(Conflict, match="has not begun"):
        services.ask_uplift(trial)
