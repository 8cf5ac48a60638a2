"""Journeys: what people did before a goal, where they stopped, and whom the goal is owed to."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from insights.journeys import charts, loading, services
from insights.journeys.attribution import (
    CONVERSION,
    MOST_CHANNELS,
    NOTHING,
    OTHERS,
    SHOWN_CHANNELS,
    START,
    Ledger,
    Path,
    removal_effects,
    rule_weights,
)
from insights.journeys.mining import Funnel, Mine, Step, visits, ways
from insights.journeys.models import Journey
from tests import make
from tests.insights.test_graph import heard
from workers import runner

NOW = datetime.now(UTC)
HOUR = 3_600.0


def steps(*names: str, channel: str = "", apart: float = 60.0) -> list[Step]:
    return [Step(i * apart, n, channel if i == 0 else "", 10.0 if n == "Buy" else 0.0)
            for i, n in enumerate(names)]  # fmt: skip


def test_a_new_way_begins_after_each_goal():
    found = ways(steps("See", "Buy", "See", "Add", "Buy", "See"), "Buy")
    assert [[s.name for s in way] for way in found] == [["See", "Buy"], ["See", "Add", "Buy"], ["See"]]  # fmt: skip


def test_a_visit_ends_after_half_an_hour_and_has_the_first_channel_that_is_known():
    way = [Step(0, "a"), Step(60, "b", "mail"), Step(120, "c"), Step(2 * HOUR, "d"),
           Step(2 * HOUR + 10, "e", "ads"), Step(2 * HOUR + 20, "f", "mail")]  # fmt: skip
    assert visits(way) == [("mail", 0), ("ads", 2 * HOUR), ("mail", 2 * HOUR + 20)]


def test_rules_share_out_one_conversion():
    found = rule_weights(Path(("a", "b", "c"), (14.0, 7.0, 0.0), True))
    assert found["first"] == [1, 0, 0]
    assert found["last"] == [0, 0, 1]
    assert found["linear"] == pytest.approx([1 / 3] * 3)
    assert found["decay"] == pytest.approx([1 / 7, 2 / 7, 4 / 7])
    assert found["position"] == pytest.approx([0.4, 0.2, 0.4])
    assert rule_weights(Path(("a",), (3.0,), True))["position"] == [1.0]


def test_the_removal_effect_is_what_is_lost_without_a_channel():
    # the example of Anderl et al.: C1→C2→C3→conversion, C1→nothing, C2→C3→nothing
    moves = Counter({(START, "C1"): 2, (START, "C2"): 1, ("C1", "C2"): 1, ("C1", NOTHING): 1,
                     ("C2", "C3"): 2, ("C3", CONVERSION): 1, ("C3", NOTHING): 1})  # fmt: skip
    effects = removal_effects(moves)
    assert effects == pytest.approx({"C1": 0.5, "C2": 1.0, "C3": 1.0})
    assert removal_effects(Counter({(START, "a"): 1, ("a", NOTHING): 1})) == {"a": 0.0}


def test_a_ledger_gives_out_no_more_than_came_in():
    ledger = Ledger()
    ledger.add(Path(("ads", "mail"), (2.0, 0.0), True, 30.0))
    ledger.add(Path(("ads",), (1.0,), False))
    ledger.add(Path((), (), True, 5.0))
    rows = {row["channel"]: row for row in ledger.credit()}
    assert (ledger.conversions, rows["ads"]["visits"], rows["mail"]["visits"]) == (1, 2, 1)
    for rule in ("first", "last", "linear", "decay", "position", "markov"):
        assert sum(r["conversions"][rule] for r in rows.values()) == pytest.approx(1)
        assert sum(r["value"][rule] for r in rows.values()) == pytest.approx(30)


def test_the_flow_counts_first_steps_and_who_stops():
    mine = Mine("Buy")
    mine.add(steps("See", "See", "Add", "Buy", channel="mail"))
    mine.add(steps("See", "Add"))
    mine.add(steps("See"))
    mine.add([])
    assert (mine.people, mine.reached) == (3, 1)
    links = {(c, a, b): (n, t) for c, a, b, n, t in mine.sankey()["links"]}
    assert links == {
        (0, "See", "Add"): (2, 90.0), (0, "See", "-"): (1, None),
        (1, "Add", "+"): (1, 60.0), (1, "Add", "-"): (1, None),
    }  # fmt: skip
    assert mine.stages() == ["See", "Add"]
    best = mine.top_paths()[0]
    assert (best["channels"], best["n"], best["reached"], best["value"]) == (["mail"], 1, 1, 10.0)


def test_stages_are_the_chain_that_most_go_through():
    mine = Mine("Buy")
    for _ in range(6):
        mine.add(steps("Home", "See", "Buy"))
    for _ in range(4):
        mine.add(steps("See", "Add", "Buy"))
    assert mine.stages() == ["Home", "See"]
    mine.add(steps("See", "Home", "Buy"))
    assert mine.stages() == ["Home", "See"]


def test_a_funnel_counts_each_stage_after_the_one_before():
    funnel = Funnel(["See", "Add"], "Buy")
    people = [uuid.uuid4() for _ in range(4)]
    funnel.add(people[0], steps("See", "Add", "Buy"))
    funnel.add(people[1], steps("Add", "See"))
    funnel.add(people[2], steps("See", "x", "Add"))
    funnel.add(people[3], steps("Add", "Buy"))
    rows = funnel.rows()
    assert [(r["name"], r["came"], r["stopped"]) for r in rows] == [("See", 3, 1), ("Add", 2, 1), ("Buy", 1, 0)]  # fmt: skip
    assert [r["seconds"] for r in rows] == [None, 90.0, 60.0]
    assert funnel.stopped == [[people[1]], [people[2]], [people[0]]]


def event(user: str, name: str, hours: float, **more: object) -> dict[str, object]:
    at = (NOW - timedelta(hours=hours)).isoformat()
    return {"type": "track", "event": name, "userId": user, "messageId": f"{user}{name}{hours}",
            "timestamp": at, **more}  # fmt: skip


@pytest.fixture
def shop(tenant):
    """Twelve look, eight add, five buy; who stops after adding complains about delivery."""
    for i in range(12):
        user = f"u{i}"
        make.record(
            event(user, "See", 30, context={"campaign": {"source": "news", "medium": "email"}})
        )
        if i < 8:
            make.record(event(user, "Add", 20))
        if i < 5:
            make.record(event(user, "Buy", 10, properties={"revenue": 20}))
        person = make.contact(user)
        heard(1, "delivery" if 5 <= i < 8 else "taste", -1 if 5 <= i < 8 else 1, contact=person)
    return tenant


def mined(journey: Journey) -> Journey:
    row = JobRow.objects.filter(kind="insights.mine_journey", state="pending").get()
    assert runner.run_job(row.tenant_id, row.pk) == "done"
    journey.refresh_from_db()
    return journey


def test_a_journey_is_mined_from_events_and_joined_with_what_people_said(shop):
    row = mined(services.save(name="To an order", goal="Buy", days=30))
    found = row.found
    assert (row.state, found["people"], found["reached"], found["conversions"]) == (
        "mined",
        12,
        5,
        5,
    )
    assert found["value"] == 100.0
    assert [(s["name"], s["came"], s["stopped"]) for s in found["stages"]] == [("See", 12, 4), ("Add", 8, 3), ("Buy", 5, 0)]  # fmt: skip
    said = found["stages"][1]["said"]
    assert (said["writers"], said["negative"], said["others"]) == (3, 3, 9)
    assert (said["features"][0]["label"], said["features"][0]["n"]) == ("delivery", 3)
    assert said["features"][0]["q"] < 0.1
    channels = {c["channel"]: c["visits"] for c in found["channels"]}
    assert channels == {"news / email": 12}
    assert found["paths"][0]["channels"] == ["news / email"]
    assert charts.flow(found, "Buy")["links"][0]["value"] == 8
    page = Client()
    page.force_login(shop.owner)
    shown = page.get(reverse("journeys:journey", args=[shop.slug, row.pk])).content.decode()
    assert "sankey" in shown
    assert "news / email" in shown
    assert "delivery" in shown


def test_of_a_segment_only_its_people_are_followed(shop):
    make.record(make.identify("u0", plan="club"))
    audience = make.segment({"trait": "plan", "is": "club"}, name="Club")
    make.run_jobs()
    row = mined(services.save(name="Club", goal="Buy", days=30, segment=audience))
    assert (row.found["people"], row.found["reached"]) == (1, 1)


def test_a_question_is_checked_and_mined_once_at_a_time(tenant):
    with pytest.raises(Invalid) as wrong:
        services.save(name="", goal=" ", days=1, lookback=200)
    assert {e.field for e in wrong.value.errors} == {"name", "goal", "days", "lookback"}
    row = services.save(name="A", goal="Buy", days=30)
    services.request_mining(journey=row)
    assert JobRow.objects.filter(kind="insights.mine_journey").count() == 1
    with pytest.raises(Conflict, match="Another journey"):
        services.save(name="A", goal="Other", days=30)
    assert mined(row).found["people"] == 0
    services.remove(journey=row)
    assert not Journey.objects.exists()


@pytest.mark.parametrize(
    ("source", "medium", "referrer", "url", "channel"),
    [
        ("news", "email", None, None, "news / email"), ("news", None, None, None, "news"),
        (None, None, "https://www.example.org/a?b", "https://shop.example/", "example.org"),
        (None, None, "https://shop.example/a", "https://www.shop.example/b", ""),
        (None, None, None, None, ""), (None, None, "not a url", None, ""),
        (None, None, "http://[x", None, ""),
    ],
)  # fmt: skip
def test_a_channel_is_its_campaign_or_who_referred(source, medium, referrer, url, channel):
    assert loading.channel(source, medium, referrer, url) == channel


def test_names_that_are_not_told_apart_are_one():
    mine = Mine("Buy", names=["See"])
    mine.add([Step(0, "See"), Step(1, "x1"), Step(2, "x2"), Step(3, "Buy")])
    assert [link[1:4] for link in mine.sankey()["links"]] == [
        ["See", "*", 1], ["*", "*", 1], ["*", "+", 1],
    ]  # fmt: skip
    assert mine.stages() == ["See"]


def test_channels_without_end_become_one():
    ledger = Ledger()
    for i in range(MOST_CHANNELS + 50):
        ledger.add(Path((f"spam{i}", "news"), (2.0, 1.0), True, 10.0))
    found = ledger.credit()
    assert len(found) == SHOWN_CHANNELS + 1
    assert found[0]["channel"] == "news"
    others = next(row for row in found if row["channel"] == OTHERS)
    assert others["visits"] == MOST_CHANNELS + 50 - (SHOWN_CHANNELS - 1)  # news is one
    assert sum(row["conversions"]["linear"] for row in found) == pytest.approx(MOST_CHANNELS + 50)
    assert sum(row["conversions"]["markov"] for row in found) == pytest.approx(MOST_CHANNELS + 50)


def test_an_answer_to_a_question_that_was_changed_meanwhile_is_not_kept(tenant):
    row = services.save(name="A", goal="Buy", days=30)
    asked = Journey.objects.get()
    services.save(name="A", goal="Sign Up", days=30, journey=row)
    services.keep(asked=asked, found={"people": 7}, at=NOW)
    row.refresh_from_db()
    assert (row.state, row.found) == ("waiting", {})


def test_a_journey_whose_job_gave_up_says_so(tenant):
    row = services.save(name="A", goal="Buy", days=30)
    JobRow.objects.filter(pk=Journey.objects.get().job_id).update(state="quarantined")
    services.close_interrupted()
    row.refresh_from_db()
    assert (row.state, "gave up" in str(row.problem)) == ("failed", True)


def test_a_goal_that_nobody_did_is_told_with_what_is_near_to_it(tenant):
    make.record(make.track("ann", "Order Completed"))
    client = Client()
    client.force_login(tenant.owner)
    values = {"name": "A", "goal": "Order Complete", "days": "90", "lookback": "30"}
    answer = client.post(reverse("journeys:new", args=[tenant.slug]), values)
    assert answer.status_code == 422
    assert "Did you mean “Order Completed”?" in answer.content.decode()
    for goal in ("Order Completed", "Chat begun"):
        values |= {"name": goal, "goal": goal}
        assert client.post(reverse("journeys:new", args=[tenant.slug]), values).status_code == 302


def test_a_journey_is_mined_anew_when_much_more_was_done(tenant):
    make.record(make.track("ann", "Buy"))
    row = mined(services.save(name="A", goal="Buy", days=30))
    now = row.mined_at
    services.mine_old(now=now + timedelta(minutes=6))
    assert not JobRow.objects.filter(kind="insights.mine_journey", state="pending").exists()
    make.record(*(make.track("ann", "See") for _ in range(300)))
    services.mine_old(now=now + timedelta(minutes=1))
    assert not JobRow.objects.filter(kind="insights.mine_journey", state="pending").exists()
    services.mine_old(now=now + timedelta(minutes=6))
    assert JobRow.objects.filter(kind="insights.mine_journey", state="pending").count() == 1
