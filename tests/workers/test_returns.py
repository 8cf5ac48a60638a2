"""A policy that learns from sequences: the learner, the market it is rehearsed in, and the job."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from django.utils import timezone
from gymnasium.utils.env_checker import check_env

from attune.kernel.models import JobRow
from benchmarks import market
from campaigns.strategy import deciding, explaining, planning, selectors, sequences, services
from campaigns.strategy.features import Encoder
from campaigns.strategy.snapshots import Snapshot
from tests import make
from tests.campaigns import shop
from workers.engines import marketing_env, offline_q
from workers.engines.marketing_env import LoggedMarket, MarketingEnv
from workers.engines.offline_q import Recipe, Steps
from workers.model_tasks import policies

KNOWN = market.market()
USUAL = market.mediocre(KNOWN)
QUICK = Recipe(updates=1_500, members=2, batch=256)


def log(people: int = 1_500, most: int = 12) -> tuple[Steps, np.ndarray, Encoder]:
    rounds = market.logged(KNOWN, USUAL, people=people, most=most, seed=1)
    paths = sequences.paths(rounds, 24)
    encoder = Encoder.fitted(rounds.rows, market.FEATURES)
    return policies.steps_of(rounds, paths, encoder, market.GAMMA), paths.first, encoder


def test_from_the_log_of_a_mediocre_policy_it_learns_when_to_rest():
    steps, _, encoder = log()
    networks = offline_q.learn(steps, Recipe(updates=1_500, members=2, batch=256, caution=0.0))
    x = encoder.matrix(market.described(np.arange(KNOWN.states)))
    chosen = networks.scores(x)[0].argmax(1).reshape(market.WANT, market.TIRED)
    assert (chosen[:, 2:] == 0).all()  # who is tired is left in peace
    assert (chosen[:, 0] > 0).all()  # who is fresh is written to
    shares = np.eye(4)[chosen.ravel()]
    best, usual = market.worth(KNOWN, market.best(KNOWN)), market.worth(KNOWN, USUAL)
    assert usual < 0.5 * best
    assert market.worth(KNOWN, shares) > 0.9 * best


def test_caution_keeps_to_what_was_logged():
    steps, _, encoder = log(600, 8)
    x = encoder.matrix(market.described(np.arange(KNOWN.states)))
    bold = offline_q.learn(steps, Recipe(updates=400, members=1, batch=256, caution=0.0))
    careful = offline_q.learn(steps, Recipe(updates=400, members=1, batch=256, caution=2.0))
    assert (careful.scores(x)[0].argmax(1) == 1).all()  # mail is what the log did most
    assert careful.scores(x)[0][:, 3].mean() < bold.scores(x)[0][:, 3].mean()


def test_what_is_known_of_nothing_is_refused():
    steps, _, _ = log(20, 2)
    none = Steps(steps.x, steps.actions, steps.rewards, steps.after, steps.passed, steps.eligible,
                 steps.units, np.zeros(len(steps.x), dtype=bool))  # fmt: skip
    with pytest.raises(ValueError, match="No decision's consequences"):
        offline_q.learn(none, QUICK)


def test_the_market_fitted_to_a_log_returns_what_the_log_returned():
    steps, first, _ = log(4_000, 20)
    fitted = LoggedMarket(steps, first)

    def usual(x: np.ndarray, may: np.ndarray) -> np.ndarray:
        return np.tile([0.15, 0.5, 0.25, 0.1], (len(x), 1))

    told = marketing_env.rehearse(fitted, usual, discount=market.GAMMA, people=3_000, most=80)
    assert told.value == pytest.approx(market.worth(KNOWN, USUAL), abs=4 * told.error + 0.3)


def test_the_environment_keeps_to_gymnasiums_interface():
    steps, first, _ = log(300, 6)
    env = MarketingEnv(LoggedMarket(steps, first), most=5)
    check_env(env, skip_render_check=True)
    seen, info = env.reset(seed=3)
    assert seen.shape == env.observation_space.shape
    assert info["may"].tolist() == [True] * 4
    passed, cut = 0, False
    while not cut:
        _, _, gone, cut, info = env.step(env.action_space.sample())
        passed += 1
        if gone:
            break
    assert passed <= 5
    assert isinstance(env, gymnasium.Env)


def test_an_action_that_may_not_be_done_becomes_one_that_may():
    steps, first, _ = log(300, 6)
    steps.eligible[:, 3] = False
    env = MarketingEnv(LoggedMarket(steps, first))
    env.reset(seed=0)
    assert env.step(3)[4]["action"] == 0


def test_the_job_learns_rehearses_and_judges_by_people_held_out(tenant, monkeypatch):
    monkeypatch.setattr(policies, "RECIPE", QUICK)
    monkeypatch.setattr(policies, "REHEARSED", 300)
    row = shop.tiring(n=110, days=8)
    services.ask_to_learn(row)
    make.run_jobs(but=())
    job = JobRow.objects.get(kind="strategy.learn_return")
    assert (job.state, job.queue) == ("done", "fitting")
    version = selectors.versions(row)[0]
    held = services.held_out(row, [str(pk) for pk in _people(row)])
    assert 0 < held.sum() < len(held)
    assert (version.kind, version.rounds) == ("sequential", 8 * int((~held).sum()))
    # rested people get the letter, the others are left in peace
    choice = Snapshot.of(version.snapshot).choose(
        [{"since_action": 31.0, "actions_lately": 0.0}, {"since_action": 1.0, "actions_lately": 2.0}],
        ("wait", "letter"), np.ones((2, 2), dtype=bool), 0.02,
    )  # fmt: skip
    assert choice.shares.round(2).tolist() == [[0.02, 0.98], [0.98, 0.02]]
    values = version.rehearsal["values"]
    assert values["version"][0] > max(values["even"][0], values["default"][0])
    estimate = selectors.estimate_of(version)
    assert estimate.steps >= 1
    assert set(estimate.estimates) == {"dm", "is", "wis", "dr", "logged", "gain"}
    assert estimate.by_steps[0][0] == 1
    assert version.drivers[0]["feature"] in {"since_action", "actions_lately"}

    _serves_and_says_why(row)


def _people(row: object) -> list[object]:
    from campaigns.decisions.models import Decision  # noqa: PLC0415

    rows = Decision.objects.filter(source_id=row.pk).values_list("contact_id", flat=True)
    return list(rows.distinct())


def _serves_and_says_why(row: object) -> None:
    newest = selectors.versions(row)[0]
    type(row).objects.filter(pk=row.pk).update(version=newest.number, control_share=0.01)
    row, now = selectors.policy(row.pk), timezone.now()
    plan = planning.planned(row, now)
    for person in shop.people(5, seed=9):
        made = deciding.decide(plan, person, {}, now)
        if made.mode == "exploit":
            assert made.version == newest.number
            assert {r["value"] for r in explaining.reasons(row, made, personal=True)} <= {31.0, 0.0}
            break
    else:
        pytest.fail("nobody was decided for by the version")
