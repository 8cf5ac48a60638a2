"""From the rounds of a log to a version, and from a version to what the gate judges. Pure.

A decision whose time to be rewarded is not over counts for as much of a round as rewards usually
have come in by its age (F, from decisions whose time is over): sum xx' gets F, sum xr all that
came, so means are right without waiting (Chapelle 2014 states the problem; the weights are those of
a ratio estimate).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attune.kernel.phrases import Phrase, say
from campaigns.strategy import policies, snapshots
from campaigns.strategy.features import Encoder, Raw
from campaigns.strategy.networks import Networks
from campaigns.strategy.offpolicy import Log
from campaigns.strategy.policies import Beliefs, Sums
from campaigns.strategy.snapshots import Snapshot

LEAST_ROUNDS, LEAST_REWARDED = 100, 20
LEAST_DELAYS = 30  # rewards from which the delay is known
RIDGE = 1.0
FOLDS = 5
SAMPLE = 1_000  # people by whom the drivers of a network are worked out


@dataclass(frozen=True, slots=True)
class Rounds:
    """A log, oldest first: raw features, `actions` (n,) as indices of `keys`, `rewards` (n,),
    `propensities` (n,) of what was chosen, `logged` (n, K) of all (None: not kept), `eligible`
    (n, K), `units` (n,) whose round, `ages` (n,) in hours, `window` in hours, `delays` (n,) hours
    to the first reward (NaN: none), `costs` (n,) what was taken off the rewards at once, `arrivals`
    (m, 2) when (hours) how much came in, of decisions whose time is over."""

    keys: tuple[str, ...]
    rows: Sequence[Raw]
    actions: np.ndarray
    rewards: np.ndarray
    propensities: np.ndarray
    eligible: np.ndarray
    units: np.ndarray
    ages: np.ndarray
    window: float
    delays: np.ndarray
    logged: np.ndarray | None = None
    costs: np.ndarray | None = None
    arrivals: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def over(self) -> np.ndarray:
        """Whether a decision's time to be rewarded is over (n,)."""
        return self.ages >= self.window

    def only(self, mask: np.ndarray) -> Rounds:
        rows = [row for row, kept in zip(self.rows, mask, strict=True) if kept]
        return Rounds(
            self.keys, rows, self.actions[mask], self.rewards[mask], self.propensities[mask],
            self.eligible[mask], self.units[mask], self.ages[mask], self.window, self.delays[mask],
            None if self.logged is None else self.logged[mask],
            None if self.costs is None else self.costs[mask], self.arrivals,
        )  # fmt: skip


def arrived(rounds: Rounds) -> np.ndarray:
    """The share of its rewards that a decision of that age has (n,): 1 where its time is over."""
    over = rounds.over
    came = rounds.arrivals
    if came is None:  # first rewards alone
        first = rounds.delays[over]
        first = first[np.isfinite(first)]
        came = np.stack([first, np.ones(len(first))], 1)
    if len(came) < LEAST_DELAYS or came[:, 1].sum() <= 0:
        return over.astype(float)
    order = np.argsort(came[:, 0], kind="stable")
    total = np.concatenate([[0.0], came[order, 1].cumsum()])
    share = total[np.searchsorted(came[order, 0], rounds.ages, side="right")] / total[-1]
    return np.where(over, 1.0, share.clip(0.0, 1.0))


def enough(rounds: Rounds) -> bool:
    return len(rounds) >= LEAST_ROUNDS and int((rounds.rewards != 0).sum()) >= LEAST_REWARDED


def learned(rounds: Rounds, names: Sequence[str], *, rule: str) -> Snapshot:
    """Linear beliefs about every action from a log. The prior of an action is what the actions
    together brought (the constant alone), so that one that was hardly tried is no miracle."""
    encoder = Encoder.fitted(rounds.rows, names)
    x = encoder.matrix(rounds.rows).astype(float)
    sums = _summed(x, rounds, np.ones(len(rounds), dtype=bool))
    beliefs = Beliefs.of(sums, RIDGE, _prior(sums))
    alpha = policies.ALPHA if rule == "thompson" else 1.0
    return Snapshot(snapshots.LINEAR, rounds.keys, encoder, rule, alpha, beliefs)


def _prior(sums: Sums) -> np.ndarray:
    prior = np.zeros_like(sums.moment)
    prior[:, 0] = sums.moment[:, 0].sum() / max(1.0, float(sums.gram[:, 0, 0].sum()))
    return prior


def _summed(x: np.ndarray, rounds: Rounds, mask: np.ndarray) -> Sums:
    share = arrived(rounds)
    kept = mask & (share > 0)
    sums = Sums.none(len(rounds.keys), x.shape[1])
    # weight F on xx'; on xr what came in as it is, F (r / F), and the cost, which is known at once
    costs = rounds.costs[kept] if rounds.costs is not None else 0.0
    worth = (rounds.rewards[kept] + costs) / share[kept] - costs
    sums.add(x[kept], rounds.actions[kept], worth, share[kept])
    return sums


def not_enough(rounds: Rounds) -> Phrase:
    """What is missing, in words."""
    return say("The log holds %(n)s decisions with %(rewarded)s rewards; it takes %(least)s and "
               "%(least_rewarded)s.", n=len(rounds), rewarded=int((rounds.rewards != 0).sum()),
               least=LEAST_ROUNDS, least_rewarded=LEAST_REWARDED)  # fmt: skip


def modelled(rounds: Rounds, encoder: Encoder) -> np.ndarray:
    """What each action would bring in each round (n, K), by a model that did not see the round's
    person (cross-fitted)."""
    x = encoder.matrix(rounds.rows).astype(float)
    fold = np.unique(rounds.units, return_inverse=True)[1] % FOLDS
    found = np.zeros((len(rounds), len(rounds.keys)))
    for k in range(FOLDS):
        held = fold == k
        if held.any() and not held.all():
            sums = _summed(x, rounds, ~held)
            found[held] = x[held] @ Beliefs.of(sums, RIDGE, _prior(sums)).means.T
    return found


def judged_log(rounds: Rounds, version: Snapshot, floor: float) -> tuple[Log, np.ndarray | None]:
    """The log as the gate takes it, the version's shares as its target; only rounds whose time is
    over."""
    done = rounds.only(rounds.over)
    target = version.choose(done.rows, done.keys, done.eligible, floor).shares
    encoder = version.encoder if version.knows else Encoder()
    log = Log(done.actions, done.rewards, done.propensities, target, modelled(done, encoder),
              done.units)  # fmt: skip
    return log, done.logged


def driving(version: Snapshot, rows: Sequence[Raw], most: int = 8) -> list[dict[str, Any]]:
    """Which features move the choice, over everybody: the mean over people of how far a feature
    sets the actions apart, as a share of all, and for which action it speaks where it is high."""
    if not version.knows or not rows:
        return []
    x = version.encoder.matrix(rows).astype(float)
    if version.networks is not None:
        apart, reach = _apart(version.networks, x[-SAMPLE:])
    else:
        assert version.beliefs is not None  # noqa: S101
        apart = version.beliefs.means - version.beliefs.means.mean(0)  # (K, d)
        reach = np.abs(x).mean(0) * apart.std(0)  # (d,)
    columns = version.encoder.columns
    total = float(reach[1:].sum()) or 1.0
    told = [
        {"feature": name, "level": level, "share": round(float(reach[j + 1]) / total, 4),
         "for": version.actions[int(apart[:, j + 1].argmax())],
         "against": version.actions[int(apart[:, j + 1].argmin())]}
        for j, (name, level) in enumerate(columns)
    ]  # fmt: skip
    return sorted(told, key=lambda row: -float(str(row["share"])))[:most]


def _apart(networks: Networks, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How a high value of each column sets the actions apart (K, d), and how far in all (d,)."""
    k = networks.actions
    toward = np.eye(k) - 1 / k
    parts = np.stack([networks.parts(x, np.tile(row, (len(x), 1))) for row in toward])  # (K, n, d)
    return (parts * np.sign(x)).mean(1), np.abs(parts).mean((0, 1))
