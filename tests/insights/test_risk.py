"""Risks of customers: learned, told, advised, used by segments; complaints spare people."""

from __future__ import annotations

import dataclasses
import random
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from attune.kernel.errors import Conflict, Invalid, NotFound
from campaigns.contacts import services as contacts
from campaigns.contacts.models import Contact, Event, EventCount, Score
from campaigns.delivery import deciding, reach, suppression
from campaigns.predictions import services as predictions
from campaigns.segments.models import Segment
from chat.assistant import complaints
from chat.assistant import services as assistant
from chat.conversations import services as chat
from chat.conversations.models import Conversation
from insights.alerts.models import Alert
from insights.risk import buying, explaining, selectors, services
from insights.risk.models import Risk, RiskRun, RiskScore
from tenants.models import Tenant
from tests import make
from tests.campaigns.test_predictions import event
from tests.guards.heard import at_risk
from workers import tasks
from workers.engines import lapsing
from workers.tasks import refreshing
from workers.tasks.refreshing import risks_due

GOAL = "Order Completed"


def customers(people: int = 210, days: int = 320, *, free: bool = False) -> list[Contact]:
    """Each buys about every twelve days; of every second the last purchase is 40 to 200 days ago."""
    rng = random.Random(5)
    now = timezone.now()
    rows = [Contact(external_id=f"c{i}", email=f"c{i}@example.com") for i in range(people)]
    Contact.objects.bulk_create(rows)
    events = []
    for n, person in enumerate(rows):
        end = 0.2 if n % 2 else rng.uniform(40, 200)
        at = days - rng.uniform(0, 90)
        while at > end:
            events.append(event(person, GOAL, now - timedelta(days=at),
                                value_cents=None if free else 1_000 + 100 * (n % 30)))  # fmt: skip
            at -= rng.expovariate(1 / 12)
    Event.objects.bulk_create(events, ignore_conflicts=True)
    EventCount.objects.bulk_create([
        EventCount(day=now.date() - timedelta(days=1), name=GOAL, n=len(events))
    ])  # fmt: skip
    return rows


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Fewer trees, tried at one moment: what is tested here is what becomes of it."""
    few = dataclasses.replace(lapsing.RECIPE, trees=15, blocks=1)
    monkeypatch.setattr(lapsing, "RECIPE", few)
    monkeypatch.setattr(lapsing, "TRIED", 1)


def asked(**fields: object) -> Risk:
    made = services.create(name="Leaving", goal=make.metric(), days=30, **fields)  # type: ignore[arg-type]
    make.run_jobs(but=())
    return selectors.risk(made.pk)


def test_who_left_is_told_from_who_did_not(tenant):
    rows = customers()
    row = asked()
    run = selectors.newest(row)
    assert run is not None, selectors.runs(row).first().reason
    told = {s.contact_id: s for s in RiskScore.objects.all()}
    assert run.people == len(told) > 180
    gone = [told[p.pk].p for n, p in enumerate(rows) if n % 2 == 0 and p.pk in told]
    here = [told[p.pk].p for n, p in enumerate(rows) if n % 2 and p.pk in told]
    assert sum(gone) / len(gone) > 0.8
    assert sum(here) / len(here) < 0.25
    assert run.card["auc"] > 0.8
    assert run.card["stake"] == pytest.approx(sum(s.at_stake for s in told.values()), rel=1e-3)
    assert run.card["lost"] == pytest.approx(sum(s.p for s in told.values()))
    score = max(told.values(), key=lambda s: s.p)
    assert score.expires_at - score.at == timedelta(days=30)
    assert score.worth < sum(s.worth for s in told.values()) / len(told)
    assert score.usual > 0
    assert explaining.reasons(score)[0]["factor"] > 1
    assert run.reason.startswith("It tells customers apart well, tried on ")


def test_segments_and_policies_ask_for_the_scores(tenant):
    customers()
    row = asked()
    keys = set(Score.objects.values_list("key", flat=True))
    assert keys == {"risk-leaving", "worth-leaving"}
    one = RiskScore.objects.order_by("-p").first()
    assert Score.objects.get(contact=one.contact, key="risk-leaving").value == one.p
    made = services.win_back(row)
    make.run_jobs(but=())
    made = Segment.objects.get(pk=made.pk)
    expected = RiskScore.objects.filter(p__gt=2 / 3, worth_rank__gt=1 / 3).count()
    assert made.memberships.filter(left_at=None).count() == expected > 0
    with pytest.raises(Conflict, match="already"):
        services.win_back(selectors.risk(row.pk))
    name = "risk-leaving"
    clash = predictions.create(name=name, goal=row.goal, days=7)
    assert clash.key == "prediction-risk-leaving"  # no two writers of a score
    # what has expired is told no more, and is forgotten
    n = RiskScore.objects.count()
    assert selectors.scores(row).count() == n
    long_ago = timezone.now() - timedelta(days=31)
    RiskScore.objects.update(at=long_ago, expires_at=timezone.now() - timedelta(seconds=1))
    Score.objects.update(at=long_ago)
    assert selectors.scores(row).count() == 0
    assert selectors.cells(row) == {}
    assert selectors.by_action(row) == []
    assert services.forget_expired(timezone.now()) == n
    assert not Score.objects.exists()


def test_what_may_be_done_heeds_consent_and_complaints(tenant):
    rows = customers()
    upset = rows[0]
    talk = make.conversation()
    make.run_jobs(but=())  # the assistant has answered
    Conversation.objects.filter(pk=talk.pk).update(contact=upset, last_at=timezone.now())
    assistant.felt(talk, -0.7)
    row = asked()
    by = {s.contact_id: s for s in RiskScore.objects.all()}
    assert by[upset.pk].action == "answer"
    actions = set(by[p.pk].action for p in rows if p.pk in by)
    assert {"answer", "win_back", "personal", "leave", "nothing"} <= actions
    wanted = [p for p in rows if p.pk in by and by[p.pk].action == "win_back"]
    contacts.record_consent(contact=wanted[0], state="refused", channel="email", source="t")
    services.ask(row)
    make.run_jobs(but=())
    assert RiskScore.objects.get(contact=wanted[0]).action == "ask"
    by = {s.contact_id: s for s in RiskScore.objects.all()}
    counted = {a["action"].value: a["n"] for a in selectors.by_action(row)}
    assert sum(counted.values()) == len(by)
    assert counted["answer"] == 1
    cells = selectors.cells(row)
    assert sum(c["n"] for c in cells.values()) == len(by)
    assert cells[(2, 0)]["n"] == selectors.scores(row, risk_level="high", worth="low").count()


def test_nobody_with_an_open_complaint_is_written_to_until_it_is_resolved(tenant):
    person = make.contact("u1", email="u1@example.com")
    talk = make.conversation()
    Conversation.objects.filter(pk=talk.pk).update(contact=person, last_at=timezone.now())
    now = timezone.now()

    def asked_for() -> suppression.Permission:
        return suppression.may_send(person, channel="email", cap=3, days=7, now=now)

    assert asked_for().allowed
    assistant.felt(talk, -0.5)
    assert (asked_for().state, asked_for().reason) == (
        "suppressed", "The contact has an open complaint: it is answered first."
    )  # fmt: skip
    assert reach.reachable([person.pk], "email", now) == set()
    assert reach.permitted([person.pk], "email") == {person.pk}
    Tenant.objects.filter(pk=tenant.id).update(spare_complaints=False)  # the switch
    assert asked_for().allowed
    Tenant.objects.filter(pk=tenant.id).update(spare_complaints=True)
    assistant.felt(talk, 0.1)
    assert not asked_for().allowed  # "my number is 123" answers no complaint
    Conversation.objects.filter(pk=talk.pk).update(last_at=now - timedelta(days=31))
    assert asked_for().allowed  # nobody closed it, but it is long ago
    Conversation.objects.filter(pk=talk.pk).update(last_at=now)
    assert not asked_for().allowed
    handing_over = Conversation.objects.get(pk=talk.pk)
    chat.resolve(conversation=handing_over, by="agent")
    assert asked_for().allowed
    assert Conversation.objects.get(pk=talk.pk).upset_at is None
    assert reach.reachable([person.pk], "email", now) == {person.pk}


def test_what_was_bought_until_a_moment(tenant):
    person, other = make.contact(), make.contact()
    now = timezone.now().replace(hour=12)
    Event.objects.bulk_create([
        event(person, GOAL, now - timedelta(days=50), value_cents=9_000),
        event(person, GOAL, now - timedelta(days=30), value_cents=1_000),
        event(person, GOAL, now - timedelta(days=30, hours=1), value_cents=500),
        event(person, GOAL, now - timedelta(days=10), value_cents=-300),
        event(person, GOAL, now + timedelta(hours=1), value_cents=700),  # the future
        event(other, "Product Viewed", now - timedelta(days=3)),
    ])  # fmt: skip
    told = buying.until(now, GOAL, [other.pk, person.pk], "UTC")
    assert told.place.tolist() == [1]
    assert (told.x[0], told.t[0], told.seen[0]) == (2, 40, 50)
    assert (told.mean[0], told.spent[0]) == (7.5, 105.0)  # a day of two is one; -3 lowers nothing


def test_too_little_is_said_and_what_was_told_stays(tenant):
    make.record(make.track("u1", GOAL))
    row = asked()
    run = RiskRun.objects.get()
    assert (run.state, RiskScore.objects.count()) == ("refused", 0)
    assert "0 customers" in run.reason
    assert "import older events" in run.reason
    with pytest.raises(Invalid, match="7 to 365"):
        services.create(name="Far", goal=row.goal, days=400)
    with pytest.raises(Invalid, match="this name already"):
        services.create(name="Leaving", goal=row.goal, days=30)


def test_it_is_refreshed_daily_and_not_while_it_is_paused(tenant):
    make.record(make.track("u1", GOAL))
    row = asked()
    risks_due()
    make.run_jobs(but=())
    assert RiskRun.objects.count() == 1
    RiskRun.objects.update(at=timezone.now() - timedelta(hours=25))
    risks_due()
    make.run_jobs(but=())
    assert RiskRun.objects.count() == 2
    services.pause(selectors.risk(row.pk))
    with pytest.raises(Conflict, match="paused"):
        services.ask(selectors.risk(row.pk))
    with pytest.raises(NotFound):
        selectors.risk(row.goal_id)


def test_pages_show_it_and_open_the_people_behind_each_number(tenant, client):
    client.force_login(tenant.owner)
    base = f"/w/{tenant.slug}/risk/"
    assert "No risks yet" in client.get(base).content.decode()
    customers()
    make.metric()
    page = client.post(f"{base}new", {"name": "Leaving", "goal": "order", "days": 30})
    make.run_jobs(but=())
    url = page.headers["Location"]
    told = client.get(url).content.decode()
    row = selectors.risk(Risk.objects.get().pk)
    n = selectors.scores(row, risk_level="high", worth="middle").count()
    assert f'?risk=high&amp;worth=middle">{n}</a>' in told
    listed = client.get(f"{url}/people?risk=high&worth=middle&order=risk").content.decode()
    shown = selectors.scores(row, risk_level="high", worth="middle", order="risk")[:n]
    assert all(f"/people/{s.contact_id}" in listed for s in shown[:25])
    assert client.get(f"{url}/people?action=leave&risk=nonsense").status_code == 200
    assert client.post(f"{url}/win-back").status_code == 302
    assert client.post(f"{url}/move", {"verb": "dance"}).status_code == 422
    key = {"HTTP_AUTHORIZATION": f"Bearer {make.key(tenant, 'insights.view', 'contacts.view')}"}
    assert client.get("/v1/risks", **key).json()["results"][0]["key"] == "risk-leaving"
    assert client.get("/v1/risk-runs", **key).json()["results"][0]["state"] == "done"
    assert 0 <= client.get("/v1/risk-scores", **key).json()["results"][0]["p"] <= 1


def test_who_complained_before_they_said_who_they_are_is_spared_too(tenant):
    anonymous = {"type": "identify", "anonymousId": "a1", "messageId": "m1", "traits": {}}
    make.record(anonymous)
    visitor = Contact.objects.get()
    talk = make.conversation()
    Conversation.objects.filter(pk=talk.pk).update(contact=visitor, last_at=timezone.now())
    assistant.felt(talk, -0.7)
    make.record({**make.identify("u1", email="ada@example.com"), "anonymousId": "a1"})
    known = Contact.objects.get(external_id="u1")
    assert known.pk in complaints.complaining()
    asked_for = suppression.may_send(known, channel="email", cap=3, days=7, now=timezone.now())
    assert not asked_for.allowed
    trial = make.experiment([make.approved()], holdout=0.1, key="banner")
    make.campaign(make.segment({"trait": "email", "exists": True}), trial, via="decide")
    answer = deciding.decide(key=trial.key, user_id="u1", anonymous_id="", context={},
                             now=timezone.now())  # fmt: skip
    assert answer.decision is None
    assert "open complaint" in answer.reason


def test_a_worker_refreshes_risks_every_day(monkeypatch):
    asked_of: list[object] = []
    monkeypatch.setattr(tasks, "for_each_tenant", asked_of.append)
    tasks.steer()
    assert {refreshing.predictions_due, refreshing.forecasts_due, risks_due} <= set(asked_of)
    assert all(hasattr(tasks, name) for name in tasks.__all__)


def test_names_and_keys_of_risks(tenant):
    goal = make.metric()
    first = services.create(name="Gone quiet", goal=goal, days=30)
    second = services.create(name="Gone quiet worth", goal=goal, days=30)
    chinese = services.create(name="90天流失", goal=goal, days=30)
    other = services.create(name="90天未购", goal=goal, days=30)
    keys = [key for r in (first, second, chinese, other) for key in (r.key, r.worth_key)]
    assert len(set(keys)) == 8
    with pytest.raises(Conflict, match="refresh it first"):
        services.win_back(first)
    services.remove(second)
    assert Risk.objects.count() == 3


def test_a_goal_without_money_counts_purchases(tenant):
    customers(free=True)
    row = asked()
    run = selectors.newest(row)
    assert run.card["free"]
    ranks = set(RiskScore.objects.values_list("worth_rank", flat=True))
    assert len(ranks) > 20
    assert run.card["stake"] > 1


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("risk/{risk}/move", {"owner", "admin", "marketer", "analyst"}),
        ("risk/{risk}/win-back", {"owner", "admin", "marketer"}),
        ("alerts/watch", {"owner", "admin", "marketer", "analyst"}),
        ("alerts/{alert}/explain", {"owner", "admin", "marketer", "analyst"}),
        ("alerts/endpoints/{alert}", {"owner", "admin", "developer"}),
        ("forecasts/occasions/holidays", {"owner", "admin", "marketer", "analyst"}),
    ],
)  # fmt: skip
def test_only_those_who_may_change_anything(tenant, path, allowed):
    row = at_risk()
    alert = Alert.objects.order_by("-id").first()
    url = f"/w/{tenant.slug}/" + path.format(risk=row.pk, alert=alert.pk)
    may = set()
    for role in ("owner", "admin", "marketer", "reviewer", "sender", "analyst", "agent",
                 "developer"):  # fmt: skip
        browser = Client()
        browser.force_login(make.member(tenant, role))
        if browser.post(url).status_code != 403:  # what is asked is wrong: 404, 409 or 422
            may.add(role)
    assert may == allowed
