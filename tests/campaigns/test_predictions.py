"""Predictions: features that know nothing of the future, measures, refreshes, scores in use."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import numpy as np
import pytest
from django.utils import timezone

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from campaigns.contacts.models import Contact, Event, EventCount, Score, Trait
from campaigns.predictions import explaining, features, measures, selectors, services
from campaigns.predictions.models import Prediction
from campaigns.segments import services as segments
from campaigns.strategy import deciding
from tests import make
from tests.campaigns import shop
from workers.model_tasks import predictions as task
from workers.tasks.refreshing import predictions_due as refresh_due

GOAL = "Order Completed"


def event(person: Contact, name: str, at: datetime, **more: object) -> Event:
    return Event(message_id=f"{name}-{person.pk}-{at.timestamp()}", type="track", name=name,
                 contact=person, at=at, **more)  # fmt: skip


def history(people: int = 160, days: int = 120) -> list[Contact]:
    """Who looked at a product in a week orders in the next with a chance of a half, others with one
    of a fiftieth; half of the people look every week or every other."""
    rng = random.Random(3)
    now = timezone.now()
    rows = [Contact(external_id=f"h{i}") for i in range(people)]
    Contact.objects.bulk_create(rows)
    events = []
    for n, person in enumerate(rows):
        events.append(event(person, "Page Viewed", now - timedelta(days=days, hours=rng.random())))
        for week in range(days // 7):
            at = now - timedelta(days=days - 7 * week, hours=rng.uniform(1, 160))
            looked = n % 2 == 0 and rng.random() < 0.5
            if looked:
                events.append(event(person, "Product Viewed", at, category="tea"))
            if rng.random() < (0.5 if looked else 0.02):
                later = at + timedelta(days=rng.uniform(1, 6))
                events.append(event(person, GOAL, min(later, now - timedelta(minutes=1)),
                                    value_cents=1_500))  # fmt: skip
    Event.objects.bulk_create(events, ignore_conflicts=True)
    EventCount.objects.bulk_create(
        EventCount(day=now.date() - timedelta(days=1), name=name, n=n)
        for name, n in ((GOAL, 900), ("Product Viewed", 800), ("Page Viewed", 160))
    )
    return rows


def test_what_is_known_at_a_moment_is_what_happened_before_it(tenant):
    person, other = make.contact(), make.contact()
    at = timezone.now() - timedelta(days=10)
    Event.objects.bulk_create([
        event(person, GOAL, at - timedelta(days=40), value_cents=1_000, category="tea"),
        event(person, "Product Viewed", at - timedelta(days=5), category="coffee"),
        event(person, "Product Viewed", at - timedelta(days=4), category="coffee"),
        event(person, "Product Viewed", at, category="cups"),  # the moment itself is the future
        event(person, GOAL, at + timedelta(days=3), value_cents=9_900),
        event(person, "Email Opened", at - timedelta(days=1), is_machine=True),
        event(other, "Product Viewed", at + timedelta(hours=1)),
    ])  # fmt: skip
    told = features.at_moment(GOAL, ["Product Viewed"], at, 7)
    assert told.contacts == [person.pk]  # the other is not known yet
    row = {name: column[0] for name, column in told.columns.items()}
    assert row["since_event"] == pytest.approx(4)
    assert row["since_goal"] == pytest.approx(40)
    assert (row["goals"], row["goals:90"], row["goals:30"]) == (1, 1, 0)
    assert (row["spent"], row["spent_90"]) == (10, 10)
    assert (row["events:7"], row["name:Product Viewed"], row["categories"]) == (2, 2, 2)
    assert (row["top_category"], row["last_event"]) == ("coffee", "Product Viewed")
    assert told.hits.tolist() == [1]
    assert features.at_moment(GOAL, [], at, 2).hits.tolist() == [0]  # it came after three days


def test_measures_of_probabilities():
    p = np.array([0.1, 0.2, 0.3, 0.8])
    y = np.array([0.0, 1.0, 0.0, 1.0])
    told = measures.quality(p, y)
    assert told.auc == pytest.approx(3 / 4)
    assert told.base_loss == pytest.approx(np.log(2))
    assert told.calibration == pytest.approx((0.1 + 0.8 + 0.3 + 0.2) / 4)
    assert measures.lift(np.arange(10, 0, -1.0), np.array([1, 1] + [0] * 8))[:3] == [
        (0.1, 0.5), (0.2, 1.0), (0.3, 1.0)
    ]  # fmt: skip
    (low,) = measures.bins(np.full(10, 0.1), np.zeros(10), many=1)
    assert (low["low"], low["high"]) == pytest.approx((0.0, 0.2775), abs=1e-4)
    with pytest.raises(ValueError, match="alike"):
        measures.quality(p, np.ones(4))


def test_how_far_a_column_moved():
    rng = np.random.default_rng(0)
    same = rng.normal(size=5_000)
    assert measures.moved(same, rng.normal(size=5_000)) < 0.02
    assert measures.moved(same, rng.normal(1.0, size=5_000)) > 0.5
    assert measures.moved(same, np.full(5_000, np.nan)) > 1
    kinds = np.array(["a"] * 900 + ["b"] * 100, dtype=object)
    assert measures.moved(kinds, kinds) == pytest.approx(0)
    assert measures.moved(kinds, kinds[::-1][:200]) > 0.25
    assert [explaining.state(v) for v in (0.05, 0.2, 0.3)] == ["settled", "moving", "moved"]


def test_a_refresh_learns_tries_itself_and_tells_of_everybody(tenant):
    people = history()
    buyers = make.segment({"score": "will-order", "above": 0.1}, name="Likely")
    row = services.create(name="Will order", goal=make.metric(), days=7)
    assert row.key == "will-order"
    make.run_jobs(but=())
    row = selectors.prediction(row.pk)
    assert row.job.state == "done"
    run = selectors.newest(row)
    assert (run.state, run.people) == ("done", len(people))
    card = run.card
    assert card["tried_on"] == len(people)
    assert card["auc"] - 1.96 * card["auc_error"] > 0.5
    assert card["loss"] < card["base_loss"]
    assert card["calibration"] < 0.12
    looking = {"name:Product Viewed", "last_event", "events:7", "events:30", "days_active",
               "since_event", "top_category", "categories", "goals:7", "goals:30", "goals:90",
               "goals", "spent", "spent_90", "since_goal"}  # fmt: skip
    assert looking & {name for name, _ in card["drivers"][:3]}
    lookers = Score.objects.filter(contact__in=people[::2]).values_list("value", flat=True)
    others = Score.objects.filter(contact__in=people[1::2]).values_list("value", flat=True)
    assert np.mean(lookers) > 2 * np.mean(others)
    best = selectors.scores(row)[0]
    assert best.rank == 1
    assert explaining.reasons(best, personal=True)[0]["up"]
    # the segment that asks for it was worked out anew
    buyers.refresh_from_db()
    assert buyers.size == Score.objects.filter(key="will-order", value__gt=0.1).count() > 0
    assert "Tried on 160 people" in str(run.reason)


def test_too_little_is_said_and_earlier_scores_stay(tenant):
    person = make.contact()
    row = services.create(name="Will order", goal=make.metric(), days=30)
    Score.objects.create(contact=person, key=row.key, value=0.4, rank=1, at=timezone.now())
    make.run_jobs(but=())
    run = selectors.newest_of([row])[row.pk]
    assert (run.state, run.people) == ("refused", 0)
    assert str(run.reason).startswith("Too little to learn from yet: 0 people")
    assert Score.objects.count() == 1
    assert selectors.newest(row) is None


def test_a_refresh_comes_every_day_and_only_while_it_is_active(tenant):
    row = services.create(name="Will order", goal=make.metric(), days=30)
    make.run_jobs(but=())
    refresh_due()
    assert JobRow.objects.filter(kind="predictions.refresh").count() == 1  # not a day later yet
    selectors.runs(row).update(at=timezone.now() - timedelta(hours=25))
    refresh_due()
    refresh_due()
    assert JobRow.objects.filter(kind="predictions.refresh", state="pending").count() == 1
    make.run_jobs(but=())
    services.pause(selectors.prediction(row.pk))
    selectors.runs(row).update(at=timezone.now() - timedelta(hours=50))
    refresh_due()
    assert not JobRow.objects.filter(kind="predictions.refresh", state="pending").exists()
    with pytest.raises(Conflict, match="paused"):
        services.ask(selectors.prediction(row.pk))


def test_mistakes_are_named(tenant):
    metric = make.metric()
    with pytest.raises(Invalid) as refused:
        services.create(name=" ", goal=metric, days=0)
    assert [e.field for e in refused.value.errors] == ["name", "days"]
    services.create(name="Will order", goal=metric, days=5)
    with pytest.raises(Invalid, match="already"):
        services.create(name="Will order", goal=metric, days=6)
    with pytest.raises(Invalid, match="chance from 0 to 1"):
        segments.create(name="x", rule={"score": "will-order", "above": 50})
    with pytest.raises(Invalid, match="above or below"):
        segments.create(name="x", rule={"score": "will-order"})


def test_a_policy_may_decide_by_a_score(tenant):
    row = shop.policy(features=["score:will-order"])
    person = shop.people(1)[0]
    now = timezone.now()
    assert deciding.raw(row, person, {}, now) == {}
    Score.objects.create(contact=person, key="will-order", value=0.7, rank=1, at=now)
    assert deciding.raw(row, person, {}, now) == {"score:will-order": 0.7}


def test_the_last_moment_is_foretold_by_what_was_known_then():
    now = timezone.now()
    times = task.moments(now, 30)
    assert times[-1] == now - timedelta(days=30)
    assert times[-1] - times[-2] == timedelta(days=15)
    rng = np.random.default_rng(0)
    past = []
    for at in times:
        x = rng.normal(size=400)
        hits = (rng.random(400) < 1 / (1 + np.exp(1 - 2 * x))).astype(float)
        past.append(features.Moment(at, list(range(400)), {"x": x}, hits))
    tried, _ = task.learned(past, 30)
    assert tried.moments == 10  # the last two were not over when the last moment was
    assert tried.moment is past[-1]
    # outcomes that were not known then do not move what is foretold
    wrong = [*past[:10], features.Moment(past[10].at, past[10].contacts, past[10].columns,
                                         1 - past[10].hits), past[11]]  # fmt: skip
    again, _ = task.learned(wrong, 30)
    assert (again.foretold == tried.foretold).all()


def test_pages_and_api(tenant, client):
    history(60)
    metric = make.metric()
    client.force_login(tenant.owner)
    base = f"/w/{tenant.tenant.slug}/predictions/"
    assert "No predictions yet" in client.get(base).content.decode()
    answer = client.post(f"{base}new", {"name": "Orders soon", "goal": metric.key, "days": 7})
    row = Prediction.objects.get()
    assert answer.headers["Location"].endswith(str(row.pk))
    assert "It learns for the first time" in client.get(f"{base}{row.pk}").content.decode()
    make.run_jobs(but=())
    page = client.get(f"{base}{row.pk}").content.decode()
    for words in ("Model card", "Has the world moved?", "Foretold and happened", "The likeliest"):
        assert words in page
    assert "odds are multiplied" in client.get(f"{base}{row.pk}/people").content.decode()
    client.post(f"{base}{row.pk}/move", {"verb": "pause"})
    row.refresh_from_db()
    assert row.state == "paused"
    assert client.post(f"{base}{row.pk}/move", {"verb": "dance"}).status_code == 422


def test_a_trait_is_what_was_told_before_the_moment(tenant):
    at = timezone.now() - timedelta(days=10)
    make.record(
        make.identify("p0", plan="free", age=30) | {"timestamp": (at - timedelta(days=3)).isoformat()},
        make.identify("p0", plan="trial") | {"timestamp": (at - timedelta(days=1)).isoformat()},
        make.identify("p0", plan="gold", age=31) | {"timestamp": (at + timedelta(hours=1)).isoformat()},
        make.track("p1", "Page Viewed") | {"timestamp": (at - timedelta(days=1)).isoformat()},
    )  # fmt: skip
    kinds = features.numeric(["plan", "age", "unheard"])
    assert kinds == {"plan": False, "age": True, "unheard": False}
    told = features.at_moment(GOAL, [], at, 7, (0, 1), kinds)
    rows = dict(zip(told.contacts, zip(told.columns["trait:plan"], told.columns["trait:age"],
                                       strict=True), strict=True))  # fmt: skip
    known = Contact.objects.get(external_id="p0").pk
    assert rows.pop(known) == ("trial", 30.0)
    ((plan, age),) = rows.values()
    assert plan == ""
    assert np.isnan(age)
    assert str(features.title("trait:plan")) == "Trait “plan”"


def test_a_prediction_may_know_traits_and_learns_by_them(tenant):
    people = history()
    for n, person in enumerate(people):  # told long ago: half of them are lookers
        Event.objects.create(
            message_id=f"i{n}", type="identify", name="", contact=person,
            at=timezone.now() - timedelta(days=119), properties={"kind": "ab"[n % 2], "tax": n},
        )  # fmt: skip
    Trait.objects.bulk_create(
        Trait(contact=p, key=key, text=str(value), number=number)
        for n, p in enumerate(people)
        for key, value, number in (("kind", "ab"[n % 2], None), ("tax", n, float(n)))
    )
    with pytest.raises(Invalid, match="No contact has a trait “unheard”"):
        services.create(name="Odd", goal=make.metric(), days=7, traits=["unheard"])
    row = services.create(name="Will order", goal=make.metric(), days=7, traits=["kind", "tax"])
    make.run_jobs(but=())
    card = selectors.newest(selectors.prediction(row.pk)).card
    assert "trait:kind" in dict(card["drivers"])
    assert card["auc"] > 0.5
