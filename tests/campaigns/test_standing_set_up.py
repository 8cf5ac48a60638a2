"""Campaigns by a policy: what is refused, how pages and programs make and show one."""

from __future__ import annotations

import pytest

from attune.kernel.errors import Invalid
from campaigns.delivery import services
from campaigns.delivery.models import Campaign
from campaigns.strategy import banks
from tests import make
from tests.campaigns import shop
from tests.campaigns.test_standing import NOON, letters, people, tick


def test_a_plan_that_cannot_work_is_refused(tenant):
    people(1)
    audience = make.segment({"trait": "email", "exists": True})
    asked = shop.policy(of=letters(), name="Asked", every_hours=0)
    silent = shop.policy()
    trial = make.experiment([make.approved()], holdout=0.1)
    plans = [
        ({"policy": asked}, "decides at each request"),
        ({"policy": silent}, "there is nothing to send"),
        ({"policy": asked, "experiment": trial}, "one of the two"),
        ({}, "one of the two"),
        ({"policy": asked, "via": "decide"}, "without a campaign"),
        ({"policy": asked, "via": "webhook"}, "Choose the endpoint"),
    ]
    for plan, match in plans:
        with pytest.raises(Invalid, match=match):
            services.create(**{"name": "x", "via": "email", "audience": audience, **plan})


@pytest.mark.parametrize(
    ("dimension", "values", "match"),
    [("offer", {"hour": 9}, "Only a send time"), ("send_time", {"hour": 24}, "from 0 to 23"),
     ("offer", {"days": 7}, "Only a frequency"), ("frequency", {"days": 0}, "from 1 to 365")],
)  # fmt: skip
def test_an_option_means_what_its_dimension_can(tenant, dimension, values, match):
    bank = banks.create_bank("Odd")
    with pytest.raises(Invalid, match=match):
        banks.add_option(bank, dimension=dimension, name="One", **values)


def test_pages_and_api_make_and_show_one(tenant, client, monkeypatch):
    people(2)
    audience = make.segment({"trait": "email", "exists": True})
    of = shop.policy(of=letters(), features=[], may_wait=False, default_action="plain")
    client.force_login(tenant.owner)
    found = client.get(f"/w/{tenant.slug}/campaigns/new", {"policy": str(of.pk)})
    assert f'value="{of.pk}" selected' in found.content.decode()
    posted = {"name": "Letters", "via": "email", "audience": audience.pk, "policy": of.pk}
    made = client.post(f"/w/{tenant.slug}/campaigns/new", posted)
    page = made.headers.get("Location") or made.headers.get("HX-Redirect")
    assert "Let it decide for 2 people from now on?" in client.get(page).content.decode()
    client.post(f"{page}/move", {"verb": "launch", "seen": Campaign.objects.get().plan})
    tick(monkeypatch, NOON)
    text = client.get(page).content.decode()
    assert "decided for 2 people, of them 0 to wait." in text
    key = make.key(tenant, "campaigns.view", "campaigns.launch")
    api = {"HTTP_AUTHORIZATION": f"Bearer {key}"}
    row = client.get(f"/v1/campaigns/{Campaign.objects.get().pk}", **api).json()
    assert (row["policy_id"], row["experiment_id"]) == (str(of.pk), None)
    ended = client.post(f"/v1/campaigns/{row['id']}/move", {"verb": "finish"},
                        content_type="application/json", **api)  # fmt: skip
    assert ended.json()["state"] == "finished"
