"""Who will not buy: two ways and both, on customers simulated from known parameters."""

from __future__ import annotations

import numpy as np
import pytest

from workers.engines import lapsing
from workers.engines.btyd import Buying, History
from workers.engines.conversion import TooLittle
from workers.engines.lapsing import BEHAVIOUR, BOTH, BUYING, DAY, Moment, Trial, Worth

DAYS, PEOPLE = 30, 700


def days_of(rng: np.random.Generator) -> list[list[int]]:
    """Of each customer the days they buy on, of 360: at their own rate, until they leave."""
    found = []
    for rate, drop in zip(rng.gamma(2.0, 1 / 40, PEOPLE), rng.beta(0.8, 4.0, PEOPLE), strict=True):
        at, own = float(rng.integers(0, 120)), []
        while at < 360:
            own.append(int(at))
            if rng.random() < drop:
                break
            at += 1 + rng.exponential(1 / rate)
        found.append(own)
    return found


def moment(day: int, people: list[list[int]], rng: np.random.Generator) -> Moment:
    kept = [[d for d in own if d < day] for own in people]
    who = [i for i, own in enumerate(kept) if own]
    x = np.array([len(kept[i]) - 1.0 for i in who])
    t = np.array([float(kept[i][-1] - kept[i][0]) for i in who])
    seen = np.array([float(day - kept[i][0]) for i in who])
    bought = np.array([float(any(day <= d < day + DAYS for d in people[i])) for i in who])
    columns = {"goals": x + 1, "since_goal": seen - t, "noise": rng.normal(size=len(who))}
    return Moment(day * DAY, columns, History(x, t, seen), bought)


@pytest.fixture(scope="module")
def past() -> list[Moment]:
    rng = np.random.default_rng(0)
    people = days_of(rng)
    return [moment(day, people, rng) for day in range(150, 331, 30)]


def test_it_tells_who_does_not_come_and_how_many(past):
    found = lapsing.learn(past[:-1], DAYS)
    last = past[-1]
    lapsing.now(found, last.history)
    risk = found.risk(last.columns, last.history)
    assert risk.sum() == pytest.approx(float((1 - last.bought).sum()), rel=0.08)
    low, high = np.quantile(risk, [0.3, 0.7])
    assert (1 - last.bought)[risk >= high].mean() > (1 - last.bought)[risk <= low].mean() + 0.3
    assert {trial.way for trial in found.trials} == {BUYING, BEHAVIOUR, BOTH}
    assert all(trial.loss < found.base for trial in found.trials)
    assert len(found.trials[0].gone) == sum(len(m.bought) for m in past[-4:-1])


def test_the_reasons_point_the_way_the_risk_goes(past):
    found = lapsing.learn(past, DAYS)
    often = History(np.array([12.0]), np.array([200.0]), np.array([205.0]))
    gone = History(np.array([12.0]), np.array([60.0]), np.array([205.0]))
    for way in (BUYING, found.way):
        found.way = way
        found.behaviour = None if way == BUYING else found.behaviour
        risks, moved = [], []
        for history in (often, gone):
            columns = {"goals": history.x + 1, "since_goal": history.seen - history.t,
                       "noise": np.zeros(1)}  # fmt: skip
            risks.append(float(found.risk(columns, history)[0]))
            moved.append(dict(found.reasons(columns, history, 9)[0]))
        assert risks[0] < 0.5 < risks[1]
        if way == BUYING:  # silent for 145 days, where five are usual
            assert moved[1]["since_goal"] > 3 > moved[0]["since_goal"] >= 0


def test_one_way_alone_is_used_where_it_was_better_beyond_chance():
    gone = np.array([1.0, 0.0] * 200)
    good, fair = np.where(gone > 0, 0.9, 0.1), np.where(gone > 0, 0.6, 0.4)
    trials = [Trial(way, risk, gone, lapsing._loss(risk, gone), 400)
              for way, risk in ((BUYING, good), (BEHAVIOUR, fair), (BOTH, fair))]  # fmt: skip
    assert lapsing._best(trials, 2) == BUYING
    assert lapsing._best(trials, 1) == BOTH  # one moment says too little
    assert lapsing._best(trials[1:], 3) == BOTH
    assert lapsing._best(trials[:1], 1) == BUYING


def test_without_an_outcome_that_was_known_nothing_is_learned(past):
    with pytest.raises(TooLittle):
        lapsing.learn([], DAYS)
    with pytest.raises(TooLittle):
        lapsing.learn(past[:1], DAYS)
    with pytest.raises(TooLittle):
        lapsing.learn(past[:4], 200)  # no outcome of 200 days is known yet


def test_worth_is_how_often_times_how_much():
    by = Buying(0.8, 60.0, 0.8, 4.0, 0.0)
    history = History(np.array([10.0, 10.0, 0.0] * 40), np.array([300.0, 30.0, 0.0] * 40),
                      np.full(120, 320.0))  # fmt: skip
    mean = np.array([50.0, 50.0, 0.0] * 40)
    told = Worth.of(by, history, mean, (history.x + 1) * 50)
    worth = told.ahead(history, mean, 365)
    assert worth[0] > 5 * worth[1] > 0
    assert worth[0] == pytest.approx(by.expected(history, 365)[0] * 50, rel=0.02)
    kept = told.kept(history, mean, 60)
    assert kept[0] == pytest.approx((0.8 + 10) / (60 + 300) * 60 * 50, rel=0.02)
    assert kept[1] == pytest.approx((0.8 + 10) / (60 + 30) * 60 * 50, rel=0.02)
    assert kept[2] == pytest.approx(0.8 / 60 * 60 * 50, rel=0.02)  # as people usually do
    assert (told.facts["alpha"], told.facts["free"]) == (60.0, False)
    unknown = Worth.of(None, history, mean, (history.x + 1) * 50)
    assert np.isnan(unknown.ahead(history, mean, 365)).all()
    assert unknown.kept(history, mean, 60)[0] == pytest.approx(11 / 320 * 60 * 50, rel=0.02)
    free = Worth.of(by, history, np.zeros(120), np.zeros(120))
    assert free.facts["free"]
    assert free.kept(history, np.zeros(120), 60)[0] == pytest.approx((10.8) / 360 * 60)


def test_a_reason_is_what_the_odds_change_by(past):
    found = lapsing.learn(past, DAYS)
    found.way, last = BOTH, past[-1]
    found.behaviour = found.behaviour or lapsing._behaviour(past, [found.buying] * len(past), DAYS)
    some = np.flatnonzero(last.history.x > 0)[:5]
    history = History(last.history.x[some], last.history.t[some], last.history.seen[some])
    columns = {name: column[some] for name, column in last.columns.items()}
    noise = {**columns, "noise": np.full(5, found.behaviour.coding.numbers["noise"][0])}

    def odds(of: dict[str, np.ndarray]) -> np.ndarray:
        p = found.risk(of, history)
        return np.log(p / (1 - p))

    told = [dict(row)["noise"] for row in found.reasons(columns, history, 99)]
    assert told == pytest.approx((odds(columns) - odds(noise)).tolist(), abs=1e-9)
