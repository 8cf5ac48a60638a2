"""Budgets: spend files, checks before advice, what a fit finds, plans and their ledger."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from campaigns.budget import checks, curves, forms, selectors, services, tables
from campaigns.budget.curves import Curves, Limits
from campaigns.budget.models import BudgetPlan, Mix, MixDay
from campaigns.contacts.models import Event
from campaigns.decisions.models import Decision
from campaigns.experiments import services as experiments
from tests import make
from tests.campaigns.test_persuaded import persuaded
from workers.engines import mix as engine
from workers.model_tasks import budget as task
from workers.tasks.budget import close_due

WEEKS = 104
BASE = np.array([4_000.0, 2_500.0, 1_500.0])
CARRY = np.array([[0.3, 0.6, 0.2]])
HALF = np.array([[4_000.0, 2_000.0, 2_250.0]])
MOST = np.array([[9_000.0, 4_000.0, 6_000.0]])
NAMES = ("Radio", "Search", "Social")


def world(seed: int = 0, weeks: int = WEEKS) -> tuple[np.ndarray, np.ndarray]:
    """Spend (T, 3) and the outcome (T,) of a market whose truth is known."""
    rng = np.random.default_rng(seed)
    spend = BASE * np.exp(rng.normal(0, 0.5, (weeks, 3))) * (rng.random((weeks, 3)) < 0.9)
    t = np.arange(weeks)
    season = 2_000 * np.sin(2 * np.pi * t / engine.YEAR)
    came = engine.brought(spend, CARRY, HALF, MOST)[0].sum(1)
    return spend, 30_000 + season + 20 * t + came + rng.normal(0, 1_500, weeks)


def monday(weeks_ago: int) -> date:
    today = timezone.now().date()
    return today - timedelta(days=today.weekday() + 7 * weeks_ago)


def file_of(spend: np.ndarray, outcome: np.ndarray, ago: int = 0) -> SimpleUploadedFile:
    lines = ["day,revenue," + ",".join(NAMES)]
    lines += [
        f"{monday(len(spend) + ago - n)},{outcome[n]:.2f}," + ",".join(f"{v:.2f}" for v in row)
        for n, row in enumerate(spend)
    ]
    return SimpleUploadedFile("spend.csv", "\n".join(lines).encode())


def mix(**fields: Any) -> Mix:
    values = {"name": "Shop", "outcome": make.metric("revenue", kind="value"), **fields}
    return services.create(**values)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(task, "STEPS", 2_000)


def fitted(of: Mix, **options: Any) -> Mix:
    services.bring_in(of, file_of(*world(**options)))
    make.run_jobs(but=())
    return selectors.mix(of.pk)


def test_both_forms_of_a_file_are_read_and_every_mistake_has_its_line():
    wide = ["Day,Revenue,Search", "2026-01-05,100.5,40", "12.01.2026,,0"]
    assert [(s.day.isoformat(), s.channel, s.amount) for s in tables.read(wide)] == [
        ("2026-01-05", "", 100.5), ("2026-01-05", "Search", 40.0), ("2026-01-12", "Search", 0.0),
    ]  # fmt: skip
    long = ["day,channel,spend", "2026-01-05,Radio,10", "2026-01-05,,3", "x,Radio,3",
            "2026-01-06,Radio,-1", "2026-01-07,Radio,NaN", "2026-01-08,Radio"]  # fmt: skip
    told = list(tables.read(long))
    assert told[0] == tables.Spent(2, date(2026, 1, 5), "Radio", 10.0)
    assert [(r.line, r.field) for r in told[1:]] == [
        (3, "channel"), (4, "day"), (5, "spend"), (6, "spend"), (7, "row"),
    ]  # fmt: skip
    assert [str(r.reason) for r in tables.read(["a,b", "1,2"])] == [
        "The first line names the columns; one of them is “day”."
    ]


def test_a_file_with_a_mistake_is_refused_whole(tenant):
    of = mix()
    for content, words in (
        (b"day,Radio\n2026-01-05,many", "Line 2, Radio: “many” is no number"),
        (b"", "The file is empty"),
        (b"PK\x03\x04\xff\xfe", "no UTF-8 text"),
        (b"day,Radio\n", "holds no amount"),
        (b"day," + ",".join(f"c{n}" for n in range(13)).encode() + b"\n2026-01-05" + b",1" * 13,
         "13 channels; 12 are the most"),
    ):  # fmt: skip
        with pytest.raises(Invalid, match=words):
            services.bring_in(of, SimpleUploadedFile("a.csv", content))
    assert not MixDay.objects.exists()


def test_the_same_day_again_replaces_its_amount(tenant):
    of = mix()
    first = monday(3).isoformat().encode()
    services.bring_in(of, SimpleUploadedFile("a.csv", b"day,Radio\n" + first + b",5"))
    services.bring_in(of, SimpleUploadedFile("a.csv", b"day,Radio\n" + first + b",7"))
    assert list(MixDay.objects.values_list("channel", "amount")) == [("Radio", 7.0)]


def test_weeks_join_spend_with_what_events_brought_unless_the_file_says(tenant):
    of = mix()
    person = make.contact()
    day = monday(2)
    Event.objects.create(message_id="o", type="track", name=of.outcome.event_name, contact=person,
                         at=timezone.now() - timedelta(days=(timezone.now().date() - day).days),
                         value_cents=12_300)  # fmt: skip
    text = f"day,channel,spend\n{monday(3)},Radio,5\n{day},Radio,2\n{day + timedelta(1)},Radio,2\n"
    services.bring_in(of, SimpleUploadedFile("a.csv", text.encode()))
    told = selectors.weeks(of, timezone.now().date())
    assert told.mondays == [monday(3), day]
    assert told.spend.tolist() == [[5.0], [4.0]]
    assert told.outcome.tolist() == [0.0, 123.0]
    said = f"day,revenue\n{day},99\n{monday(0)},7\n"
    services.bring_in(of, SimpleUploadedFile("b.csv", said.encode()))
    assert selectors.weeks(of, timezone.now().date()).outcome.tolist() == [0.0, 99.0]


def test_what_cannot_be_told_is_said_before_anything_is_fitted():
    spend, outcome = world(weeks=60)
    spend[:, 1] = 2_500.0
    same = np.stack([spend[:, 0], spend[:, 1], spend[:, 0] * 2 + 1], 1)
    found = checks.of_data(NAMES, same, outcome)
    assert [(f.level, f.channel) for f in found] == [
        ("hold", "Search"), ("hold", "Radio"), ("hold", "Social"),
    ]  # fmt: skip
    assert "nearly the same every week" in str(found[0].what)
    assert "moves with “Social” (correlation 1.00)" in str(found[1].what)
    few = checks.of_data(NAMES, spend[:20], outcome[:20])
    assert str(checks.refused(few).what) == "Only 20 weeks: it takes 26, better two years."
    spend[8:, 0] = 0
    assert "It spent in only" in str(checks.of_data(NAMES, spend, outcome)[0].what)


def test_money_goes_to_where_the_next_step_brings_most():
    drawn = Curves(("a", "b"), np.array([[100.0, 100.0]]), np.array([[400.0, 100.0]]))
    free = [Limits(0, 1_000), Limits(0, 1_000)]
    best = curves.advised(drawn, 300, free)
    # at the optimum the next unit brings the same: (100 + x) / (100 + y) = sqrt(400 / 100)
    assert best == pytest.approx([700 / 3, 200 / 3], abs=1.5)
    assert curves.marginal(drawn, best)[0] == pytest.approx([0.36, 0.36], rel=0.02)
    assert curves.advised(drawn, 300, [Limits(0, 150), Limits(0, 1_000)]).tolist() == [150, 150]
    assert curves.advised(drawn, 300, [Limits(0, 50), Limits(0, 60)]).tolist() == [50, 60]


def test_a_fit_finds_what_the_channels_bring_and_the_same_data_give_the_same(tenant, quick):
    spend, outcome = world()
    data = engine.Data(spend, outcome)
    draws = engine.fit(data, seed=0, steps=1_200)
    returns = engine.brought(spend, draws.a, draws.k, draws.b).sum(1) / spend.sum(0)
    truth = engine.brought(spend, CARRY, HALF, MOST)[0].sum(0) / spend.sum(0)
    low, high = np.quantile(returns, [0.01, 0.99], axis=0)
    assert ((low < truth) & (truth < high)).all()
    again = engine.fit(data, seed=0, steps=1_200)
    assert (again.b == draws.b).all()
    # an experiment on one channel makes it surer of that channel
    came = engine.brought(spend, CARRY, HALF, MOST)[0][40:60, 1].sum()
    held = engine.fit(engine.Data(spend, outcome, [engine.Lift(1, 40, 59, came, came * 0.03)]),
                      seed=0, steps=1_200)  # fmt: skip
    surer = engine.brought(spend, held.a, held.k, held.b).sum(1)[:, 1] / spend[:, 1].sum()
    assert surer.std() < 0.6 * returns[:, 1].std()
    assert surer.mean() == pytest.approx(truth[1], rel=0.15)


def test_from_a_file_to_a_plan_and_what_became_of_it(tenant, quick):
    of = fitted(mix())
    fit = selectors.newest(of)
    assert fit.state == "done", (fit.reason, fit.findings)
    assert [c["name"] for c in fit.results["channels"]] == list(NAMES)
    assert fit.results["r2"] > 0.5
    today = timezone.now().date()
    now = services.usual(fit)
    limits = {c: (0.0, 3 * float(now[n])) for n, c in enumerate(NAMES)}
    starts = today + timedelta(days=9)
    plan = services.plan(of, name="Spring", starts=starts, weeks=8, total=float(now.sum()),
                         limits=limits, today=today)  # fmt: skip
    assert plan.starts == starts - timedelta(days=starts.weekday())
    told = {s["key"]: s for s in plan.scenarios}
    assert told["advised"]["more"][0] >= told["half"]["more"][0] > 0
    assert told["now"]["more"] == [0, 0, 0]
    assert told["advised"]["total"] == pytest.approx(now.sum(), rel=0.001)
    # in truth, too, the advised split brings more than spending as now
    true = Curves(NAMES, HALF, MOST)
    assert true.outcome(np.array(told["advised"]["spend"])).sum() > true.outcome(now).sum()
    services.adopt(plan, "advised")
    close_due()
    plan.refresh_from_db()
    assert plan.state == "adopted"  # its weeks are not over
    BudgetPlan.objects.filter(pk=plan.pk).update(starts=monday(9))
    close_due()
    plan = selectors.plan(plan.pk)
    assert plan.state == "closed"
    spend, outcome = world()
    assert plan.outcome == pytest.approx(outcome[-9:-1].sum(), abs=0.1)
    assert plan.spent["Radio"] == pytest.approx(spend[-9:-1, 0].mean(), abs=0.02)


def test_a_channel_that_cannot_be_told_keeps_its_money(tenant, quick):
    spend, outcome = world()
    spend[:, 2] = 1_500.0
    of = mix()
    services.bring_in(of, file_of(spend, outcome))
    make.run_jobs(but=())
    fit = selectors.newest(of)
    assert services.held_by(fit) >= {"Social"}
    assert "Social" in str(fit.reason)
    if services.held_by(fit) == {"Social"}:
        today = timezone.now().date()
        plan = services.plan(of, name="P", starts=today, weeks=4, today=today,
                             total=float(services.usual(fit).sum()), limits={})  # fmt: skip
        assert {s["spend"][2] for s in plan.scenarios} == {1_500.0}


def test_no_advice_without_a_fit_that_may_be_believed(tenant, quick):
    of = fitted(mix(), weeks=20)
    fit = selectors.newest(of)
    assert fit.state == "refused"
    assert "Only 20 weeks" in str(fit.reason)
    today = timezone.now().date()
    with pytest.raises(Conflict, match="No advice"):
        services.plan(of, name="P", starts=today, weeks=4, total=100, limits={}, today=today)


def test_mistakes_of_a_plan_are_named(tenant, quick):
    of = fitted(mix())
    today = timezone.now().date()
    with pytest.raises(Invalid) as refused:
        services.plan(of, name="", starts=today, weeks=40, total=5_000, today=today,
                      limits={"TV": (0, 1), "Radio": (5, 1)})  # fmt: skip
    assert [e.field for e in refused.value.errors] == ["name", "weeks", "limits", "limits"]
    with pytest.raises(Invalid, match="do not allow"):
        services.plan(of, name="P", starts=today, weeks=4, total=5_000, today=today,
                      limits={name: (0.0, 10.0) for name in NAMES})  # fmt: skip


def test_a_test_entered_by_hand(tenant):
    of = mix()
    services.bring_in(of, file_of(*world(weeks=30)))
    with pytest.raises(Invalid) as refused:
        services.add_lift(of, channel="TV", since=monday(3), until=monday(5), outcome=1, error=0)
    assert [e.field for e in refused.value.errors] == ["until", "error", "channel"]
    row = services.add_lift(of, channel="Radio", since=monday(20), until=monday(16),
                            outcome=9_000, error=800)  # fmt: skip
    told = selectors.weeks(of, timezone.now().date())
    assert task.measured(told, [row]) == [engine.Lift(0, 10, 14, 9_000, 800)]
    services.remove_lift(row)
    assert not selectors.lifts(of).exists()


def test_what_an_experiment_found_is_taken_over(tenant):
    of = mix(outcome=make.metric())
    services.bring_in(of, file_of(*world(weeks=30)))
    trial = make.experiment([make.approved()], holdout=0.5)
    with pytest.raises(Conflict, match="nothing to tell"):
        services.take_lift(of, trial, "Radio", timezone.now())


def test_the_lift_of_an_experiment_is_all_that_its_people_did_more(tenant):
    trial = persuaded(400)
    of = mix(outcome=make.metric())
    services.bring_in(of, file_of(*world(weeks=30)))
    row = services.take_lift(of, trial, "Radio", timezone.now())
    got = Decision.objects.filter(source_id=trial.pk)
    control = next(arm.key for arm in experiments.arms_of(trial) if arm.is_control)
    treated = got.exclude(action=control).count()
    # half of them like tea, and order for it with a chance of a half more
    assert row.outcome == pytest.approx(0.25 * treated, abs=4 * row.error)
    assert 0 < row.error < 0.25 * treated
    assert (row.channel, row.experiment_id, row.note) == ("Radio", trial.pk, trial.name)
    again = services.take_lift(of, trial, "Search", timezone.now())
    assert [one.pk for one in selectors.lifts(of)] == [again.pk]  # each experiment once


def test_pages(tenant, client, quick):
    client.force_login(tenant.owner)
    base = f"/w/{tenant.tenant.slug}/budget/"
    assert "No budgets yet" in client.get(base).content.decode()
    metric = make.metric("revenue", kind="value")
    client.post(f"{base}new", {"name": "Shop", "outcome": metric.key})
    of = Mix.objects.get()
    assert "Bring in what was spent" in client.get(f"{base}{of.pk}").content.decode()
    bad = SimpleUploadedFile("a.csv", b"day,Radio\nx,1")
    answer = client.post(f"{base}{of.pk}/spend", {"file": bad})
    assert answer.status_code == 422
    assert "is no day" in answer.content.decode()
    client.post(f"{base}{of.pk}/spend", {"file": file_of(*world())})
    make.run_jobs(but=())
    page = client.get(f"{base}{of.pk}").content.decode()
    for words in ("What each channel brought", "What experiments found", "Ledger"):
        assert words in page
    form = client.get(f"{base}{of.pk}/plan").content.decode()
    assert "Radio, at least" in form or "keep their money" in form
    assert client.get(f"{base}{of.pk}/lift").status_code == 200
    fit = selectors.newest(of)
    moved = [c for c in fit.results["channels"] if c["name"] not in services.held_by(fit)]
    told = {"name": "Spring", "starts": str(monday(-2)), "weeks": 6,
            "total": sum(c["now"] for c in fit.results["channels"])}  # fmt: skip
    for c in moved:
        code = forms._code(c["name"])
        told |= {f"least_{code}": 0, f"most_{code}": 3 * c["now"]}
    client.post(f"{base}{of.pk}/plan", told)
    plan = BudgetPlan.objects.get()
    page = client.get(f"{base}plans/{plan.pk}").content.decode()
    assert "Half of the way" in page
    client.post(f"{base}plans/{plan.pk}/decide", {"verb": "adopt", "key": "advised"})
    plan.refresh_from_db()
    assert (plan.state, plan.adopted) == ("adopted", "advised")
    assert client.post(f"{base}plans/{plan.pk}/decide", {"verb": "close"}).status_code == 409


def test_spend_comes_in_by_program_and_is_fitted(tenant, client):
    mix = services.create(name="Search and mail", outcome=make.metric())
    key = {"HTTP_AUTHORIZATION": f"Bearer {make.key(tenant, 'strategy.view', 'strategy.edit')}"}
    url = f"/v1/budgets/{mix.pk}/spend"
    rows = [{"day": "2026-11-02", "channel": "search", "amount": 12.5},
            {"day": "2026-11-02", "channel": "search", "amount": 7.5},
            {"day": "2026-11-02", "amount": 300}]  # fmt: skip
    told = client.post(url, {"rows": rows}, content_type="application/json", **key)
    assert (told.status_code, told.json()) == (200, {"taken": 2})
    kept = {(d.channel, d.amount) for d in MixDay.objects.filter(mix=mix)}
    assert kept == {("search", 20.0), ("", 300.0)}
    assert JobRow.objects.filter(kind="budget.fit", state="pending").count() == 1
    wrong = [{"day": "yesterday", "channel": "search", "amount": -1}]
    refused = client.post(url, {"rows": wrong}, content_type="application/json", **key)
    assert refused.status_code == 422 or refused.status_code == 400
    text = refused.content.decode()
    assert "day" in text
    assert "amount" in text
    reader = {"HTTP_AUTHORIZATION": f"Bearer {make.key(tenant, 'strategy.view')}"}
    answer = client.post(url, {"rows": rows}, content_type="application/json", **reader)
    assert answer.status_code == 403
    for kind in ("budgets", "budget-fits", "budget-plans"):
        assert client.get(f"/v1/{kind}", **reader).status_code == 200


def test_a_lift_that_cannot_be_is_refused(tenant):
    of = mix()
    spend, outcome = world(weeks=30)
    services.bring_in(of, file_of(spend, outcome))
    known = {"channel": "Radio", "since": monday(10), "until": monday(8)}
    for wrong, field in (
        ({"outcome": 1e15, "error": 1e14}, "outcome"), ({"outcome": 100.0, "error": 1e-5}, "error"),
        ({"outcome": 100.0, "error": 9.0, "since": date(2020, 1, 1), "until": date(2020, 2, 1)},
         "since"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as refused:
            services.add_lift(of, **{**known, **wrong})
        assert field in {e.field for e in refused.value.errors}
    services.add_lift(of, **known, outcome=100.0, error=9.0)


def test_an_experiment_without_that_outcome_lifts_nothing(tenant):
    of = mix()
    trial = make.experiment([make.approved()], holdout=0.2)
    with pytest.raises(Conflict, match="did not count “revenue”"):
        services.take_lift(of, trial, "Radio", timezone.now())


def test_a_plan_is_closed_only_when_its_weeks_are_whole(tenant):
    of = mix()
    first = monday(3)
    days = [first + timedelta(days=n) for n in range(13)]  # not the last Sunday
    services.take(of, [tables.Spent(n, day, "Radio", 5.0) for n, day in enumerate(days)])
    assert selectors.known_weeks(of, [first, first + timedelta(days=7)]) == 1
    services.take(of, [tables.Spent(1, days[-1] + timedelta(days=1), "Radio", 5.0)])
    assert selectors.known_weeks(of, [first, first + timedelta(days=7)]) == 2


def test_what_was_brought_in_is_shown_and_a_misspelt_channel_removed(tenant, client):
    of = mix()
    services.take(of, [tables.Spent(1, date(2026, 1, 5), "Radio", 5.0),
                       tables.Spent(2, date(2026, 1, 6), "Raido", 7.0)])  # fmt: skip
    client.force_login(tenant.owner)
    page = f"/w/{tenant.slug}/budget/{of.pk}"
    assert "Raido" in client.get(page).content.decode()
    client.post(f"{page}/channels/remove", {"channel": "Raido"})
    assert [s.channel for s in selectors.stored(of)] == ["Radio"]
    with pytest.raises(Conflict, match="no spend of “Raido”"):
        services.remove_channel(of, "Raido")
