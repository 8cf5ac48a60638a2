"""Risks of customers: learned, told, advised, used by segments; complaints spare people."""

from __future__ import annotations

import math
import random
from datetime import timedelta

import pytest
from django.utils import timezone

from attune.kernel.errors import Conflict, Invalid, NotFound
from campaigns.contacts import services as contacts
from campaigns.contacts.models import Contact, Event, EventCount, Score
from campaigns.decisions import services as log
from campaigns.decisions.models import Decision, Goal, Reward
from campaigns.delivery import reach, suppression
from campaigns.predictions import services as predictions
from campaigns.segments.models import Segment
from chat.assistant import services as assistant
from chat.conversations.models import Conversation
from insights.risk import buying, campaigns, explaining, selectors, services
from insights.risk.models import Risk, RiskRun, RiskScore
from tenants.models import Tenant
from tests import make
from tests.campaigns.test_predictions import event
from workers.tasks.refreshing import risks_due

GOAL = "Order Completed"


def customers(people: int = 240, days: int = 400) -> list[Contact]:
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
                                value_cents=1_000 + 100 * (n % 30)))  # fmt: skip
            at -= rng.expovariate(1 / 12)
    Event.objects.bulk_create(events, ignore_conflicts=True)
    EventCount.objects.bulk_create([
        EventCount(day=now.date() - timedelta(days=1), name=GOAL, n=len(events))
    ])  # fmt: skip
    return rows


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
    assert run.people == len(told) > 200
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
    assert explaining.reasons(score)[0]["factor"] > 1
    assert run.reason.startswith("Tried on ")


def test_segments_and_policies_ask_for_the_scores(tenant):
    customers()
    row = asked()
    keys = set(Score.objects.values_list("key", flat=True))
    assert keys == {"risk-leaving", "risk-leaving-worth"}
    one = RiskScore.objects.order_by("-p").first()
    assert Score.objects.get(contact=one.contact, key="risk-leaving").value == one.p
    made = services.win_back(row)
    make.run_jobs(but=())
    made = Segment.objects.get(pk=made.pk)
    expected = RiskScore.objects.filter(p__gt=0.667, worth_rank__gt=0.333).count()
    assert made.memberships.filter(left_at=None).count() == expected > 0
    with pytest.raises(Conflict, match="already"):
        services.win_back(selectors.risk(row.pk))
    name = "risk-leaving"
    clash = predictions.create(name=name, goal=row.goal, days=7)
    assert clash.key == "prediction-risk-leaving"  # no two writers of a score


def test_what_may_be_done_heeds_consent_and_complaints(tenant):
    rows = customers()
    upset = rows[0]
    talk = make.conversation()
    make.run_jobs(but=())  # the assistant has answered
    Conversation.objects.filter(pk=talk.pk).update(contact=upset, last_at=timezone.now())
    assistant.felt(talk, -0.7)
    contacts.record_consent(contact=rows[2], state="refused", channel="email", source="t")
    row = asked()
    by = {s.contact_id: s for s in RiskScore.objects.all()}
    assert by[upset.pk].action == "answer"
    actions = set(by[p.pk].action for p in rows if p.pk in by)
    assert {"answer", "win_back", "personal", "leave", "nothing"} <= actions
    refused = by[rows[2].pk]
    if refused.p >= 2 / 3 and 1 / 3 <= refused.worth_rank < 2 / 3:
        assert refused.action == "ask"
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
    Conversation.objects.filter(pk=talk.pk).update(last_at=now - timedelta(days=31))
    assert asked_for().allowed  # nobody closed it, but it is long ago
    Conversation.objects.filter(pk=talk.pk).update(last_at=now, state="resolved")
    assert asked_for().allowed
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


def launched(name: str, *, people: int, lifted: float) -> None:
    """A campaign that is over: every second person got it; of each ten one bought for 20, of those
    who got it for more."""
    trial = make.experiment([make.approved()], holdout=0.5, name=name)
    campaign = make.campaign(make.segment({"trait": "email", "exists": True}), trial, via="decide")
    rows = [Contact(external_id=f"{name}{i}") for i in range(people)]
    Contact.objects.bulk_create(rows)
    shown = trial.arms.exclude(revision=None).get().key
    control = trial.arms.get(revision=None).key
    then = timezone.now() - timedelta(days=40)
    log.log([
        log.Choice(source="experiment", source_id=trial.pk, contact_id=person.pk, draw=0.5,
                   propensities={shown: 0.5, control: 0.5}, action=shown if i % 2 else control,
                   at=then, window_closes_at=then + timedelta(days=7), version=1)
        for i, person in enumerate(rows)
    ])  # fmt: skip
    metric = Goal.objects.get(source_id=trial.pk, role="primary").metric
    for i, person in enumerate(rows):
        if i % 20 < 2:
            cents = 2_000 + round(100 * lifted) * (i % 2)
            paid = Event.objects.create(message_id=f"{name}{i}", type="track", name=GOAL,
                                        contact=person, at=then, value_cents=cents)  # fmt: skip
            decision = Decision.objects.get(contact=person)
            Reward.objects.create(decision=decision, metric=metric, event=paid, value=1,
                                  observed_at=then)  # fmt: skip
    assert campaign.via == "decide"


def test_what_a_campaign_may_lose_is_told_by_earlier_ones(tenant, client):
    client.force_login(tenant.owner)
    trial = make.experiment([make.approved()], holdout=0.1, running=False)
    audience = make.segment({"trait": "email", "exists": True})
    new = make.campaign(audience, trial)
    page = f"/w/{tenant.slug}/risk/campaigns/{new.pk}"
    assert "Nothing was measured yet" in client.get(page).content.decode()
    launched("first", people=400, lifted=5.0)
    launched("second", people=200, lifted=15.0)
    launched("small", people=40, lifted=15.0)
    lines = campaigns.past(new)
    first, second, small = lines
    assert [(line.n, line.control_n) for line in lines] == [(200, 200), (100, 100), (20, 20)]
    assert (first.mean, first.control_mean) == pytest.approx((2.5, 2.0))
    assert first.effect.mean == pytest.approx(0.5)
    # one of ten paid 25, or 20: variances of 0.09 times the square, with n - 1
    expected = math.sqrt((25**2 + 20**2) * 0.09 * 200 / 199 / 200)
    assert first.effect.error == pytest.approx(expected)
    assert second.effect.mean == pytest.approx(1.5)
    assert small.effect is None
    told = client.get(page, {"people": 1000, "fixed": 100, "message": "0.05", "margin": 40})
    text = told.content.decode()
    found = campaigns.answer(campaigns.Question(1000, 100.0, 0.05, 0.4), lines)
    assert f"{found.loss:.0%}" in text
    assert "It pays from 0.375" in text
    assert 0.05 < found.loss < 0.5
    assert "By 2 earlier campaigns" in text
    guess = client.get(page, {"people": 1000, "fixed": 0, "message": 0, "margin": 100,
                              "gain": -2, "unsure": "0.1"}).content.decode()  # fmt: skip
    assert "By your own guess" in guess
    assert "more likely to lose money than to gain (100%)" in guess
    wrong = client.get(page, {"people": -5, "fixed": 0, "message": 0, "margin": 0, "gain": 1})
    assert wrong.status_code == 422
    for remedy in ("not negative", "at most 100 percent", "Give both"):
        assert remedy in wrong.content.decode()
    assert client.get(page, {"people": "many", "fixed": "x"}).status_code == 422
