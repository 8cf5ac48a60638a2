"""What following a version for several decisions in a row would have brought, told from a log that
another policy made. Pure.

Judged is: follow the version for H decisions, then go on as before. What came later is counted,
discounted, so a choice that wears people out is seen; and the weights are those of H decisions, not
of whole lives. H is the longest for which the log still counts (gate.LEAST_EFFECTIVE); it depends
on the weights alone, so it cannot be chosen by what comes out.

Of a start: decisions t = 0..H-1, discount g^e_t, weights w_t = prod_{k<=t} target/logged, G the
return that followed the last of them.

    IS      sum g^e_t w_t r_t + g^e_H w_{H-1} G                 per decision (Precup et al. 2000)
    WIS     the same, each step's weights scaled to a mean of 1
    DM      V_H(s_0) by fitted Q evaluation: Q_h regresses r + g^e V_{h-1}, Q_1 regresses r + g^e G
    DR      V_H(s_0) + sum g^e_t w_t (r_t + g^e V_{H-t-1}(s_{t+1}) - Q_{H-t}(s_t, a_t))
            (Jiang and Li 2016)

A model never saw the person it speaks of (cross-fitted); starts of one person belong together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from attune.kernel.phrases import Phrase, say, say_many
from campaigns.strategy import gate, offpolicy, sequences
from campaigns.strategy.gate import Health, Verdict
from campaigns.strategy.learning import FOLDS, RIDGE, Rounds
from campaigns.strategy.offpolicy import Estimate
from campaigns.strategy.sequences import Paths
from campaigns.strategy.snapshots import Snapshot

LENGTHS = (1, 2, 3, 4, 6, 8, 12)
CHOICE = ("dr", "wis")


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict for the longest H that the log bears, and for each shorter one (H, gain,
    effective)."""

    verdict: Verdict
    steps: int
    by_steps: list[tuple[int, Estimate, float]]


@dataclass(frozen=True, slots=True)
class _Starts:
    """m starts: `path` (m, H) their rounds, -1 where it ended, `discounts` (m, H + 1), `weights`
    (m, H) carried on to the end, `tail` (m,) the return after the last of them, `units` (m,)."""

    path: np.ndarray
    discounts: np.ndarray
    weights: np.ndarray
    tail: np.ndarray
    units: np.ndarray

    @property
    def alive(self) -> np.ndarray:
        return self.path >= 0


def judged(
    rounds: Rounds, version: Snapshot, *, floor: float, hours: float, discount: float
) -> Judged:
    """Of a log with at least one decision whose reward is settled; raises ValueError of others."""
    rounds = _settled(rounds, hours)
    if not len(rounds):
        raise ValueError("No decision's reward is settled.")
    paths = sequences.paths(rounds, hours)
    target = version.choose(rounds.rows, rounds.keys, rounds.eligible, floor).shares
    chosen = target[np.arange(len(rounds)), rounds.actions]
    ratios = chosen / rounds.propensities
    after = sequences.returns(rounds, paths, discount)
    x = version.encoder.matrix(rounds.rows).astype(float)
    untried = None
    if rounds.logged is not None:
        untried = float((target * (rounds.logged <= 0)).sum(1).mean())
    told: list[tuple[int, Verdict]] = []
    longest = max(len(p) for p in _lives(paths))
    for most in LENGTHS:
        if most > longest and told:
            break
        starts = _starts(rounds, paths, ratios, after, most, discount)
        gains = after[starts.path[:, 0]]
        found = gate.weighed(starts.weights[:, -1], starts.units, untried, int((gains != 0).sum()))
        if told and gate.refusal(found) is not None:
            break
        q = _fitted(rounds, paths, target, x, after, most, discount)
        told.append((most, _verdict(starts, rounds, target, q, found, gains, most)))
    steps, verdict = told[-1]
    return Judged(verdict, steps, [(h, v.gain, v.health.effective) for h, v in told])


def _settled(rounds: Rounds, hours: float) -> Rounds:
    """Without the decisions whose reward may still come."""
    paths = sequences.paths(rounds, hours)
    return rounds.only((paths.after >= 0) | rounds.over)


def _lives(paths: Paths) -> list[np.ndarray]:
    """The rounds of each person, in order."""
    lives = []
    for start in np.flatnonzero(paths.first):
        life, at = [], int(start)
        while at >= 0:
            life.append(at)
            at = int(paths.after[at])
        lives.append(np.array(life))
    return lives


def _starts(
    rounds: Rounds, paths: Paths, ratios: np.ndarray, after: np.ndarray, most: int,
    discount: float,
) -> _Starts:  # fmt: skip
    """A start every `most` decisions of each person: no decision is followed twice."""
    path = np.concatenate([
        np.concatenate([life, np.full(-len(life) % most, -1)]).reshape(-1, most)
        for life in _lives(paths)
    ])  # fmt: skip
    alive = path >= 0
    weights = np.where(alive, ratios[path], 1.0).cumprod(1)
    passed = np.where(alive, discount ** paths.steps[path], 1.0).cumprod(1)
    discounts = np.concatenate([np.ones((len(path), 1)), passed], 1)
    last = path[np.arange(len(path)), alive.sum(1) - 1]
    follows = paths.after[last]
    tail = np.where(follows >= 0, after[follows], 0.0)
    return _Starts(path, discounts, weights, tail, rounds.units[path[:, 0]])


def _fitted(
    rounds: Rounds, paths: Paths, target: np.ndarray, x: np.ndarray, after: np.ndarray, most: int,
    discount: float,
) -> np.ndarray:  # fmt: skip
    """Q_h(s, a) of every round, (most, n, K): the target for h decisions, then as before; each by
    a model that did not see the person."""
    n, k = target.shape
    fold = np.unique(rounds.units, return_inverse=True)[1] % FOLDS
    passed = discount**paths.steps
    has = paths.after >= 0
    found = np.zeros((most, n, k))
    for held in range(FOLDS):
        seen = fold != held
        if not seen.any() or seen.all():
            continue
        solved = [_solver(x[seen & (rounds.actions == a)]) for a in range(k)]
        following = np.where(has, after[paths.after], 0.0)  # as it was
        for h in range(most):
            wanted = rounds.rewards + passed * following
            level = float(wanted[seen].mean())
            q = np.empty((n, k))
            for a in range(k):
                own = seen & (rounds.actions == a)
                q[:, a] = x @ (solved[a] @ (x[own].T @ (wanted[own] - level))) + level
            found[h, fold == held] = q[fold == held]
            value = (target * q).sum(1)
            following = np.where(has, value[paths.after], 0.0)
    return found


def _solver(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.linalg.inv(x.T @ x + RIDGE * np.eye(x.shape[1]))
    return found


def _scores(
    starts: _Starts, rounds: Rounds, target: np.ndarray, q: np.ndarray
) -> dict[str, np.ndarray]:  # fmt: skip
    """Of every estimator the starts (m,) whose mean it is."""
    most = starts.path.shape[1]
    m = len(starts.path)
    alive, w = starts.alive, starts.weights
    got = np.where(alive, rounds.rewards[starts.path], 0.0) * starts.discounts[:, :-1]
    late = starts.discounts[:, -1] * starts.tail
    mean = w.mean(0)
    scaled = np.zeros(m)
    for t in range(most):
        y = got[:, t] + (late if t == most - 1 else 0.0)
        level = float((w[:, t] * y).mean() / mean[t]) if mean[t] else 0.0
        scaled += level + w[:, t] * (y - level) / (mean[t] or 1.0)
    first = starts.path[:, 0]
    direct = (target[first] * q[most - 1, first]).sum(1)
    robust = direct.copy()
    for t in range(most):
        here, on = starts.path[:, t], alive[:, t]
        foreseen = np.where(on, q[most - t - 1, here, rounds.actions[here]], 0.0)
        value = np.zeros(m)
        if t < most - 1:
            then = starts.path[:, t + 1]
            known = (target[then] * q[most - t - 2, then]).sum(1)
            value = np.where(alive[:, t + 1], known, 0.0) * starts.discounts[:, t + 1]
        else:
            value = late
        robust += w[:, t] * np.where(on, got[:, t] + value - starts.discounts[:, t] * foreseen, 0.0)
    plain = (w * got).sum(1) + w[:, -1] * late
    return {"dm": direct, "is": plain, "wis": scaled, "dr": robust}


def _verdict(
    starts: _Starts, rounds: Rounds, target: np.ndarray, q: np.ndarray, found: Health,
    gains: np.ndarray, steps: int,
) -> Verdict:  # fmt: skip
    scores = _scores(starts, rounds, target, q)
    others = {name: _estimate(name, s, starts.units) for name, s in scores.items()}
    doubt = _estimate("dm", scores["dr"] - scores["dm"], starts.units)
    off = max(abs(doubt.low), abs(doubt.high))  # how far the model may be off, as far as is known
    others["dm"] = replace(others["dm"], low=others["dm"].low - off, high=others["dm"].high + off,
                           error=float(np.hypot(others["dm"].error, off)))  # fmt: skip
    chosen = min((others[name] for name in CHOICE), key=lambda e: e.error)
    own = _estimate("logged", gains, starts.units)
    gain = _estimate("gain", scores[chosen.name] - gains, starts.units)
    refused = gate.refusal(found)
    kind, reason = ("refuse", refused) if refused is not None else _compared(found, gain, steps)
    return Verdict(kind, reason, tuple(gate.warned(found)), found, chosen, _why(chosen), own, gain,
                   others)  # fmt: skip


def _estimate(name: str, scores: np.ndarray, units: np.ndarray) -> Estimate:
    value, low, high = offpolicy.interval(scores, units)
    return Estimate(name, value, low, high, (high - low) / (2 * offpolicy.Z))


def _why(chosen: Estimate) -> Phrase:
    if chosen.name == "dr":
        return say("Doubly robust over the sequence: a model foresees what follows, and the "
                   "probabilities correct it where it was wrong.")  # fmt: skip
    return say("Weighted by the probabilities of each sequence, scaled to a mean of 1: the model "
               "of what follows adds more noise here than it takes away.")  # fmt: skip


def _compared(found: Health, gain: Estimate, steps: int) -> tuple[str, Phrase]:
    values = {"steps": followed(steps), "gain": f"{gain.value:+.4g}", "low": f"{gain.low:+.4g}",
              "high": f"{gain.high:+.4g}"}  # fmt: skip
    if gain.high < 0:
        return "hold", say("%(steps)s, it would earn less than what runs now: %(gain)s of "
                           "discounted reward, 95 %% interval %(low)s to %(high)s.",
                           **values)  # fmt: skip
    if found.rewarded < gate.LEAST_REWARDED:
        return "hold", say("Too few rewards to tell the two apart: wait for %(least)s.",
                           least=gate.LEAST_REWARDED)  # fmt: skip
    if gain.low > 0:
        return "promote", say("%(steps)s, it would earn more than what runs now: %(gain)s of "
                              "discounted reward, 95 %% interval %(low)s to %(high)s.",
                              **values)  # fmt: skip
    return "hold", say("%(steps)s, it is not shown to be better than what runs now: %(gain)s of "
                       "discounted reward, 95 %% interval %(low)s to %(high)s.",
                       **values)  # fmt: skip


def followed(steps: int) -> Phrase:
    """The beginning of the sentence."""
    return say_many(
        "Followed for one decision and then as before",
        "Followed for %(n)s decisions in a row and then as before", n=steps,
    )  # fmt: skip
