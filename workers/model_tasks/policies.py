"""A policy learns what its actions are worth in the long run, from its own log.

A part of the people is held out: the gate judges the version by them (strategy.services.judge), and
by what is decided later. How cautious the learner is, is chosen by what a model of the others' log
says each would earn; then the version is rehearsed in a market fitted to that log.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.utils import timezone

from attune.kernel.errors import Conflict
from attune.kernel.phrases import say
from campaigns.strategy import learning, ramps, rounds, selectors, sequences, services, snapshots
from campaigns.strategy.features import Encoder
from campaigns.strategy.jobs import LEARN_RETURN, LearnPolicy
from campaigns.strategy.learning import Rounds
from campaigns.strategy.models import Policy
from campaigns.strategy.networks import Networks
from campaigns.strategy.sequences import Paths
from campaigns.strategy.snapshots import Snapshot
from workers.engines import marketing_env, offline_q
from workers.engines.marketing_env import LoggedMarket
from workers.engines.offline_q import Recipe, Steps
from workers.runner import Run, handles

CAUTIONS = (0.0, 0.02)
REHEARSED, LONGEST = 1_000, 30
RECIPE = Recipe()
LEAST, LONG = 1_500, 10_000  # updates; decisions from which the batches are whole


@dataclass(frozen=True, slots=True)
class Log:
    """What is learned from: the rounds of the people not held out."""

    rounds: Rounds
    paths: Paths
    encoder: Encoder
    steps: Steps


@handles(LEARN_RETURN)
def learn_return(payload: LearnPolicy, run: Run) -> None:
    now = timezone.now()
    with run.unit():
        run.progress(0, 5, say("Reads the log."))
        policy = selectors.policy(payload.policy_id)
        log = read(policy, rounds.of_decisions(policy, since=now - services.LEARN_FROM, until=now))
    found = [_learned(policy, log, caution, run, n) for n, caution in enumerate(CAUTIONS)]
    run.progress(3, 5, say("Rehearses it in a market fitted to the log."))
    told = [rehearsal(policy, log, one) for one in found]
    best = max(range(len(found)), key=lambda n: told[n]["values"]["version"][0])
    drivers = learning.driving(found[best], log.rounds.rows[-5_000:])
    with run.unit():
        run.progress(4, 5, say("Judges it by the people that were held out."))
        made = services.publish(
            policy, found[best], rounds=len(log.rounds), until=now, drivers=drivers,
            rehearsal={**told[best], "caution": CAUTIONS[best]},
        )  # fmt: skip
        version = selectors.version(made.pk)
        judged_by, refresh = services.log_for(version, now)
    report = services.report(version, judged_by, refresh=refresh)
    with run.unit():
        estimate = services.keep(version, report, until=now)
        ramps.begin_if_free(selectors.version(version.pk), estimate, now)
        run.progress(5, 5, estimate.reason)


def read(policy: Policy, whole: Rounds) -> Log:
    """Raises Conflict where there is too little to learn from."""
    own = whole.only(~services.held_out(policy, whole.units))
    if not learning.enough(own):
        raise Conflict(learning.not_enough(own))
    paths = sequences.paths(own, policy.every_hours or 1)
    if not paths.known.any():
        told = say(
            "Nobody was decided for twice yet, so nothing is known of what follows a choice."
        )
        raise Conflict(told)
    encoder = Encoder.fitted(own.rows, policy.features)
    return Log(own, paths, encoder, steps_of(own, paths, encoder, policy.discount))


def steps_of(own: Rounds, paths: Paths, encoder: Encoder, discount: float) -> Steps:
    """As the learner and the market take them."""
    return Steps(
        encoder.matrix(own.rows), own.actions, own.rewards, paths.after, discount**paths.steps,
        own.eligible, own.units, paths.known,
    )  # fmt: skip


def _learned(policy: Policy, log: Log, caution: float, run: Run, turn: int) -> Snapshot:
    def tell(update: int, of: int) -> None:
        run.progress(1 + turn, 5, say("Learns what follows each action: %(share)s.",
                                      share=f"{update / of:.0%}"))  # fmt: skip

    n = int(log.steps.known.sum())  # a short log is learned in fewer updates
    recipe = replace(
        RECIPE, caution=caution, floor=policy.floor, updates=min(RECIPE.updates, max(LEAST, n)),
        batch=RECIPE.batch if n >= LONG else RECIPE.batch // 2,
    )  # fmt: skip
    return snapshot(log, offline_q.learn(log.steps, recipe, tell))


def snapshot(log: Log, networks: Networks) -> Snapshot:
    return Snapshot(snapshots.SEQUENTIAL, log.rounds.keys, log.encoder, networks=networks)


def market_of(log: Log) -> LoggedMarket:
    """The market that a log tells of."""
    return LoggedMarket(log.steps, log.paths.first)


def rehearsal(policy: Policy, log: Log, version: Snapshot) -> dict[str, Any]:
    """What the version, the default and even shares earn of simulated customers, and what the log's
    own customers brought, {who: [discounted return, standard error]}."""
    market = market_of(log)
    keys = log.rounds.keys
    usual = keys.index(policy.default_action) if policy.default_action in keys else 0

    def chosen(x: np.ndarray, may: np.ndarray) -> np.ndarray:
        return version.shares(x, keys, may, policy.floor)

    def even(x: np.ndarray, may: np.ndarray) -> np.ndarray:
        return may / np.maximum(1, may.sum(1, keepdims=True))

    def default(x: np.ndarray, may: np.ndarray) -> np.ndarray:
        found = np.zeros(may.shape)
        found[np.arange(len(may)), np.where(may[:, usual], usual, may.argmax(1))] = 1.0
        return found

    values = {}
    for name, shares in (("version", chosen), ("even", even), ("default", default)):
        told = marketing_env.rehearse(
            market, shares, discount=policy.discount, people=REHEARSED, most=LONGEST
        )
        values[name] = [round(told.value, 5), round(told.error, 5)]
    return {"people": REHEARSED, "steps": LONGEST, "values": values}
