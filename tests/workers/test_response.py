"""What earlier texts teach of new ones, and the bandit that starts from it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from attune.kernel.models import JobRow
from attune.kernel.tenancy import tenant_context
from campaigns.contacts.models import Contact
from campaigns.decisions import services as decisions
from campaigns.experiments import services as experiments
from campaigns.experiments.models import Allocation, Experiment
from tests import make
from tests.make import Place
from workers import model_tasks, runner
from workers.engines import response
from workers.engines.wording import NAMES, wording

assert model_tasks

TOPICS = ("oolong", "green tea", "cups", "honey", "matcha", "a teapot")


def past(people: int = 50) -> None:
    """Six experiments: the text that invites converts 30 %, its rival 6 %."""
    make.record(*[make.identify(f"p{n}", email=f"p{n}@example.com") for n in range(2 * people)])
    make.run_jobs()
    everybody = list(Contact.objects.order_by("id"))
    now, tracked = timezone.now(), []
    for topic in TOPICS:
        texts = [
            make.approved(
                "banner", headline=f"Slow down with {topic}", body="Come and taste it with us."
            ),
            make.approved("banner", headline=f"News about {topic}", body="It is in the shop."),
        ]
        event = f"Bought {topic}"
        row = make.experiment(texts, primary=make.metric(topic.replace(" ", "-"), event))
        decisions.log(
            decisions.Choice(
                source="experiment", source_id=row.pk, contact_id=person.pk, at=now, draw=0.5,
                propensities={"v1": 0.5, "v2": 0.5}, action="v1" if n < people else "v2",
                window_closes_at=now + timedelta(hours=1), version=row.version,
            )
            for n, person in enumerate(everybody)
        )  # fmt: skip
        buyers = [*everybody[:15], *everybody[people : people + 3]]
        tracked += [make.track(person.external_id, event) for person in buyers]
    make.record(*tracked)
    make.run_jobs()


def bandit() -> Experiment:
    texts = [
        make.approved("banner", headline="Our jasmine tea", body="It is in the shop."),
        make.approved(
            "banner", headline="Slow down with jasmine tea", body="Come and taste it with us."
        ),
    ]
    return make.experiment(texts, kind="thompson", floor=0.05)


def learn(place: Place, row: Experiment) -> str:
    job = JobRow.objects.get(kind="experiments.learn_prior", payload__experiment_id=str(row.pk))
    end = runner.run_job(place.id, job.pk)
    row.refresh_from_db()
    return end


def test_a_bandit_starts_from_what_earlier_texts_taught(tenant: Place):
    past()
    row = bandit()
    assert learn(tenant, row) == "done"
    assert row.prior["texts"] == 12
    plain, warm = (row.prior["arms"][arm]["offset"] for arm in ("v1", "v2"))
    assert warm > 0.3
    assert plain == pytest.approx(-warm)
    allocation = Allocation.objects.get(experiment=row, version=row.version)
    assert allocation.weights["v2"] > 0.75
    assert sum(allocation.weights.values()) == pytest.approx(1)
    assert str(allocation.reason) == (
        "probability of being best, from what earlier texts taught, with floor"
    )


def test_a_bandit_unlearns_what_its_own_people_deny(tenant: Place):
    past()
    row = bandit()
    learn(tenant, row)
    everybody, now = list(Contact.objects.order_by("id")), timezone.now()
    decisions.log(
        decisions.Choice(
            source="experiment", source_id=row.pk, contact_id=person.pk, at=now, draw=0.5,
            propensities={"v1": 0.5, "v2": 0.5}, action="v1" if n % 2 else "v2",
            window_closes_at=now + timedelta(hours=1), version=row.version,
        )
        for n, person in enumerate(everybody)
    )  # fmt: skip
    make.record(
        *[make.track(p.external_id, "Order Completed") for n, p in enumerate(everybody) if n % 2]
    )
    make.run_jobs()
    experiments.reallocate(experiment=row, now=timezone.now())
    weights = Allocation.objects.get(experiment=row, version=row.version).weights
    assert weights["v1"] == pytest.approx(0.95, abs=0.01)


def test_with_few_earlier_texts_a_bandit_starts_even(tenant: Place):
    row = bandit()
    assert learn(tenant, row) == "done"
    assert row.prior == {}
    assert Allocation.objects.get(experiment=row).weights == {"v1": 0.5, "v2": 0.5}


@pytest.mark.django_db
def test_earlier_texts_of_another_workspace_teach_nothing():
    with tenant_context(make.workspace("acme").id):
        past()
    other = make.workspace("rival")
    with tenant_context(other.id):
        row = bandit()
        assert learn(other, row) == "done"
        assert row.prior == {}


def test_fit_finds_the_weights_that_made_the_rates():
    rng = np.random.default_rng(0)
    features, groups = rng.standard_normal((2000, 3)), np.arange(2000) // 4
    level = rng.normal(-3, 0.5, 500)[groups]
    shown = np.full(2000, 3000.0)
    clicked = rng.poisson(shown * np.exp(level + features @ [0.3, -0.2, 0.0]))
    found = response.fit(features=features, clicks=clicked, impressions=shown, groups=groups)
    assert found.weights == pytest.approx([0.3, -0.2, 0.0], abs=0.01)
    assert found.residual_variance == 0.01  # the least that is tried: there is none
    assert found.level_mean == pytest.approx(-3, abs=0.1)
    assert found.level_variance == pytest.approx(0.25, abs=0.05)


def test_wording_counts_what_a_headline_does():
    found = dict(zip(NAMES, wording("You won't BELIEVE these 3 'tricks'!"), strict=True))
    one = {name for name in ("shouted", "digits", "exclamation", "you", "won't", "first: reader")}
    assert {name: found[name] for name in one} == dict.fromkeys(one, 1.0)
    assert (found["words"], found["reader"], found["denial"], found["question mark"]) == (
        5,
        1,
        1,
        0,
    )
    assert wording("").sum() == wording("…").sum() - 2 == 2.0  # a sentence; "short"
