"""Existing GrowthBook SDKs assign from Attune: their own package is the client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from growthbook import GrowthBook
from growthbook.core import gbhash
from hypothesis import given
from hypothesis import strategies as st

from attune.kernel.errors import Conflict, Invalid
from campaigns.decisions.models import Decision
from campaigns.delivery import services as delivery
from campaigns.experiments import exposures, growthbook, health, services
from campaigns.experiments.models import Experiment
from tests import make


def running(version: int = 2, **fields: Any) -> Experiment:
    arms = [
        services.ArmPlan("holdout", "Nothing", 0.2, None, is_control=True),
        services.ArmPlan("calm", "Calm", 0.5, make.approved("banner", headline="Calm tea")),
        services.ArmPlan("loud", "Loud", 0.3, make.approved("banner", headline="Loud tea")),
    ]
    trial = services.create(
        name=f"Banner {version}", arms=arms, primary=make.metric(), assigned_by="sdk",
        hash_version=version, **fields,
    )  # fmt: skip
    services.start(experiment=trial)
    trial.refresh_from_db()
    return trial


def asked(place: make.Place) -> dict[str, Any]:
    key = make.key(place, kind="write_only")
    answer = Client().get(f"/api/features/{key}")
    assert answer.status_code == 200
    return answer.json()


def sdk(told: dict[str, Any], person: str, seen: list[Any] | None = None) -> GrowthBook:
    heard = [] if seen is None else seen
    return GrowthBook(
        attributes={"id": person}, features=told["features"],
        on_experiment_viewed=lambda experiment, result, **_: heard.append((experiment, result)),
    )  # fmt: skip


@pytest.mark.parametrize("version", [1, 2])
def test_their_package_and_our_hash_give_everybody_the_same_arm(tenant, version):
    trial = running(version)
    told, mine = asked(tenant), exposures.assigned(trial)
    values = dict(zip(mine.arms, mine.values, strict=True))
    counts = dict.fromkeys(mine.arms, 0)
    for n in range(2_000):
        arm = growthbook.variation(mine, f"user-{n}")
        got = sdk(told, f"user-{n}").get_feature_value(trial.key, "not there")
        assert got == (values[arm] or "not there")  # nothing is the default of who asks
        counts[arm] += 1
    shares = {arm: n / 2_000 for arm, n in counts.items()}
    assert shares == pytest.approx({"holdout": 0.2, "calm": 0.5, "loud": 0.3}, abs=0.06)


PLAIN = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=20)


@given(seed=PLAIN, value=PLAIN, version=st.sampled_from([1, 2]))
def test_our_hash_is_theirs_for_any_text(seed, value, version):
    assert growthbook.bucket(seed, value, version) == gbhash(seed, value, version)


def test_an_unknown_version_of_the_hash_is_refused():
    assert growthbook.bucket("seed", "a", 2) == 0.0505  # a case of their specification
    with pytest.raises(ValueError, match="3"):
        growthbook.bucket("", "a", 3)


def test_what_people_saw_comes_back_as_logged_decisions_and_their_orders_count(tenant):
    trial = running()
    told, seen = asked(tenant), []
    for n in range(30):
        sdk(told, f"u{n}", seen).get_feature_value(trial.key, None)
    assert len(seen) == 30
    make.record(*[
        make.track(f"u{n}", "Experiment Viewed", experimentId=experiment.key,
                   variationId=result.key)
        for n, (experiment, result) in enumerate(seen)
    ])  # fmt: skip
    decided = dict(Decision.objects.values_list("contact__external_id", "action"))
    assert decided == {f"u{n}": result.key for n, (_, result) in enumerate(seen)}
    one = Decision.objects.first()
    assert one.propensities == {"holdout": 0.2, "calm": 0.5, "loud": 0.3}
    assert one.context == {"assigned_by": "sdk", "checked": True}
    make.record(make.track("u3", "Order Completed", revenue=9))
    look = services.analyse(experiment=trial, now=timezone.now())
    assert look.decided == 30
    rows = {a["arm"]: a["total"] for a in look.results["metrics"][0]["arms"]}
    assert rows[decided["u3"]] == 1


def test_a_view_by_number_twice_or_of_nothing_known(tenant):
    trial = running()
    view = {"experimentId": trial.key}
    make.record(
        make.track("a", "Experiment Viewed", **view, variationId=1),
        make.track("b", "Experiment Viewed", **view, variationId="9"),
        make.track("c", "Experiment Viewed", experimentId="other", variationId="calm"),
        make.track("e", "Experiment Viewed", **view, variationId="²"),
        make.track("d", "Experiment Viewed", **view, variationId="loud"),
    )
    make.record(make.track("d", "Experiment Viewed", **view, variationId="calm"))
    assert dict(Decision.objects.values_list("contact__external_id", "action")) == {
        "a": "calm", "d": "loud",
    }  # fmt: skip
    assert exposures.seen_twice(trial) == 1
    look = services.analyse(experiment=trial, now=timezone.now())
    assert look.results["twice"] == {"people": 2, "twice": 1}
    told = [str(c.sentence) for c in health.checks(trial, look, timezone.now())]
    assert any("more than one arm" in line for line in told)


def test_an_end_a_pause_and_a_text_that_lost_its_approval_are_told(tenant):
    trial = running()
    services.pause(experiment=trial)
    assert "rules" not in asked(tenant)["features"][trial.key]
    services.resume(experiment=trial)
    services.stop(experiment=trial, winner="calm")
    kept = asked(tenant)["features"][trial.key]
    assert kept == {"defaultValue": {"headline": "Calm tea", "body": "Come and taste it."}}


def test_the_address_takes_publishable_keys_alone_and_answers_not_modified(tenant, client):
    running()
    secret = make.key(tenant, "experiments.view")
    refused = client.get(f"/api/features/{secret}")
    assert (refused.status_code, refused.json()["status"]) == (400, 400)
    assert client.get("/api/features/nonsense").status_code == 400
    path = f"/api/features/{make.key(tenant, kind='write_only')}"
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first["Access-Control-Allow-Origin"] == "*"
    assert "subject" not in json.dumps(first.json())


def test_nobody_else_decides_or_sends_what_an_sdk_assigns(tenant):
    trial = running()
    person = make.contact("ada")
    with pytest.raises(Conflict, match="assigned by an SDK"):
        services.decide(experiment=trial, contact_id=person.pk, context={}, now=timezone.now())
    with pytest.raises(Invalid, match="assigned by an SDK"):
        make.campaign(make.segment(), trial, via="decide")
    with pytest.raises(Invalid, match="fixed split"):
        running(kind="thompson")
    assert delivery.Campaign.objects.count() == 0
