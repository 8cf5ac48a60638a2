"""The proof on real headlines: the response model learns which headline people click, and a bandit
that starts from it loses fewer clicks (Upworthy Research Archive).

Split by test: tests that share a headline stay on one side, one part in five is read once, at the
end. Weeks 201325-201402, in which people were not assigned at random, are neither learned nor
judged. A pair is two headlines of one test behind the same picture; the one with more clicks a view
is the better.

Replay: the arms of a test are its headlines with their logged click rates as the truth, the horizon
is its logged views, and a policy spends them in batches of 100. Lost = 1 - expected clicks / clicks
of the best arm all along, both summed over tests. The logged rates hold noise, so nobody could
know the best arm beforehand: the oracle is a bound, not an aim.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import combinations, product
from math import erf, sqrt
from pathlib import Path

import numpy as np

from benchmarks import bench
from campaigns.experiments import bandits, beliefs
from campaigns.experiments.beliefs import ArmPosterior, ArmPrior
from workers.engines import response
from workers.engines.embedding import Encoder
from workers.engines.response import ResponseModel
from workers.engines.response_features import Scales, worded

FILE = Path(bench.ROOT).parent / "shared/data/upworthy/exploratory_packages.csv.gz"
FAULTY = ("201325", "201402")
FOLDS, REPLAYED, BATCH, REPEATS = 5, 300, 100, 5
PUBLISHED = 63.9
TRIAL_LENGTHS = (1, 3, 10, 30, 100, 300)
FLOOR = 0.05
Policy = Callable[["Trial", np.random.Generator], float]


@dataclass(frozen=True, slots=True)
class Arm:
    """A headline behind one picture of a test."""

    test: str
    picture: str
    headline: str
    views: int
    clicks: int


@dataclass(frozen=True, slots=True)
class Trial:
    """A test to replay: the true rates of its headlines, its views, and the belief beforehand."""

    rates: np.ndarray  # (k,)
    views: int
    prior: ArmPrior

    @property
    def best(self) -> float:
        return float(self.rates.max() * self.views)


# -- data ----------------------------------------------------------------------------------------


def load() -> list[Arm]:
    """Arms of tests with at least two headlines, faulty weeks left out; equal packages summed."""
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    with gzip.open(FILE, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if FAULTY[0] <= row["test_week"] <= FAULTY[1]:
                continue
            key = (row["clickability_test_id"], row["eyecatcher_id"], row["headline"].strip())
            sums[key][0] += int(row["impressions"])
            sums[key][1] += int(row["clicks"])
    arms = [Arm(*key, *found) for key, found in sums.items() if found[0]]
    headlines = defaultdict(set)
    for arm in arms:
        headlines[arm.test].add(arm.headline)
    return [arm for arm in arms if len(headlines[arm.test]) > 1]


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def parts(arms: Sequence[Arm]) -> np.ndarray:
    """(n,) the fifth of each arm: tests that share a headline fall into the same."""
    above: dict[str, str] = {}

    def root(key: str) -> str:
        while above.setdefault(key, key) != key:
            above[key] = key = above[above[key]]
        return key

    for arm in arms:
        above[root(arm.test)] = root(f"headline {arm.headline}")
    digests = [digest(root(arm.test)) for arm in arms]
    return np.array([int(d, 16) % FOLDS for d in digests])


def groups_of(arms: Sequence[Arm]) -> np.ndarray:
    """(n,) the number of each arm's test and picture."""
    return np.unique([f"{a.test} {a.picture}" for a in arms], return_inverse=True)[1]


# -- learning ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Data:
    arms: list[Arm]
    encoded: np.ndarray
    wordings: np.ndarray
    part: np.ndarray

    def learned(self, train: np.ndarray) -> tuple[ResponseModel, np.ndarray]:
        """The model of the arms in `train` (n,) bool, and the features of all arms."""
        scales = Scales.of(self.encoded[train], self.wordings[train])
        features = scales.features(self.encoded, self.wordings)
        chosen = [arm for arm, is_in in zip(self.arms, train, strict=True) if is_in]
        model = response.fit(
            features=features[train], groups=groups_of(chosen),
            clicks=np.array([a.clicks for a in chosen], float),
            impressions=np.array([a.views for a in chosen], float),
        )  # fmt: skip
        return model, features


def pairs(data: Data, model: ResponseModel, features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(pairs, 3): the arm's row, right or not, and whether the difference is significant (5 %)."""
    groups = groups_of(data.arms)
    found = []
    for group in np.unique(groups[rows]):
        own = rows[groups[rows] == group]
        scores = features[own] @ model.weights
        for i, j in combinations(range(len(own)), 2):
            a, b = data.arms[own[i]], data.arms[own[j]]
            gap = a.clicks / a.views - b.clicks / b.views
            if gap:
                rate = (a.clicks + b.clicks) / (a.views + b.views)
                error = np.sqrt(rate * (1 - rate) * (1 / a.views + 1 / b.views))
                right = (scores[i] > scores[j]) == (gap > 0)
                found.append((own[i], right, abs(gap) > 1.96 * error))
    return np.array(found)


# -- replay --------------------------------------------------------------------------------------


def trials(data: Data, model: ResponseModel, features: np.ndarray, rows: np.ndarray) -> list[Trial]:
    """One a test, in the order of the tests' digests; a headline's pictures are summed."""
    by_test: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_test[data.arms[row].test][data.arms[row].headline].append(row)
    made = []
    for test in sorted(by_test, key=digest):
        own = list(by_test[test].values())
        views = np.array([sum(data.arms[r].views for r in rows) for rows in own], float)
        clicks = np.array([sum(data.arms[r].clicks for r in rows) for rows in own], float)
        if clicks.sum():
            prior = model.prior(features[[rows[0] for rows in own]])
            made.append(Trial(clicks / views, int(views.sum()), prior))
    return made


def uniform(trial: Trial, _: np.random.Generator) -> float:
    return float(trial.rates.mean() * trial.views)


def first_choice(trial: Trial, _: np.random.Generator) -> float:
    """The headline that the model prefers, all along."""
    return float(trial.rates[trial.prior.offsets.argmax()] * trial.views)


def spent(trial: Trial, generator: np.random.Generator, share: Callable[..., np.ndarray]) -> float:
    """Expected clicks when `share(shown, clicked, left)` spends one batch after the other."""
    shown, clicked = np.zeros((2, len(trial.rates)))
    left, total = trial.views, 0.0
    while left > 0:
        size = min(BATCH, left)
        batch = generator.multinomial(size, share(shown, clicked, left))
        shown += batch
        clicked += generator.binomial(batch, trial.rates)
        total += float(batch @ trial.rates)
        left -= size
    return total


def thompson(trial: Trial, generator: np.random.Generator) -> float:
    """The peer: Beta(1, 1) for each arm, as many draws as views."""

    def share(shown: np.ndarray, clicked: np.ndarray, left: int) -> np.ndarray:
        draws = generator.beta(1 + clicked, 1 + shown - clicked, (BATCH, len(shown)))
        return np.bincount(draws.argmax(1), minlength=len(shown)) / BATCH

    return spent(trial, generator, share)


def prior_thompson(trial: Trial, generator: np.random.Generator) -> float:
    """Ours: the model's belief, then draws of half the spread."""

    def share(shown: np.ndarray, clicked: np.ndarray, left: int) -> np.ndarray:
        belief = beliefs.posterior(prior=trial.prior, clicks=clicked, impressions=shown)
        return beliefs.probability_best(belief=belief)

    return spent(trial, generator, share)


def lookahead_choice(
    *,
    belief: ArmPosterior,
    remaining: int,
    batch: int,
    lengths: tuple[int, ...] = TRIAL_LENGTHS,
) -> int:
    """Arm for the next batch when `remaining` impressions are left (at least two arms).

    Value of showing arm k for t impressions and then the arm that looks best:

        t r_k + (remaining - t) E max(R_k, r_other),

    r = exp(mean + variance / 2), r_other the best other arm, R_k lognormal with mean r_k and log
    variance u = variance^2 I / (1 + variance I), I = t exp(mean): what t impressions resolve.
    E max = r_k Phi(d) + r_other Phi(sqrt(u) - d), d = log(r_k / r_other) / sqrt(u) + sqrt(u) / 2.
    The choice maximises over k and t = length x batch.
    """
    variance = belief.diagonal + belief.common**2
    rate = np.exp(belief.mean + variance / 2.0)
    order = np.argsort(rate)
    other = np.full(len(rate), rate[order[-1]])
    other[order[-1]] = rate[order[-2]]
    best_value, best_arm = -np.inf, 0
    for arm, length in product(range(len(rate)), lengths):
        trial = min(length * batch, remaining)
        information = trial * np.exp(belief.mean[arm])
        resolved = variance[arm] ** 2 * information / (1.0 + variance[arm] * information)
        spread = sqrt(resolved)
        margin = np.log(rate[arm] / other[arm]) / spread + spread / 2.0
        reached = rate[arm] * _normal(margin) + other[arm] * _normal(spread - margin)
        value = trial * rate[arm] + (remaining - trial) * reached
        if value > best_value:
            best_value, best_arm = value, arm
    return best_arm


def _normal(value: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * (1.0 + erf(value / sqrt(2.0)))


def lookahead(trial: Trial, generator: np.random.Generator) -> float:
    """A bound for ours: the number of views is known, so it knows what trying an arm is worth to
    those who follow. It leaves no propensities, so the product does not play it."""

    def share(shown: np.ndarray, clicked: np.ndarray, left: int) -> np.ndarray:
        belief = beliefs.posterior(prior=trial.prior, clicks=clicked, impressions=shown)
        chosen = lookahead_choice(belief=belief, remaining=left, batch=BATCH)
        return np.eye(len(shown))[chosen]

    return spent(trial, generator, share)


def floored(trial: Trial, generator: np.random.Generator) -> float:
    """Ours as the product sets it up: no arm below 5 %."""

    def share(shown: np.ndarray, clicked: np.ndarray, left: int) -> np.ndarray:
        belief = beliefs.posterior(prior=trial.prior, clicks=clicked, impressions=shown)
        shares = dict(enumerate(beliefs.probability_best(belief=belief)))
        return np.array(list(bandits.with_floor(shares, FLOOR).values()))

    return spent(trial, generator, share)


POLICIES: dict[str, Policy] = {
    "uniform A/B": uniform, "ranker's first choice": first_choice, "Thompson": thompson,
    "prior, Thompson": prior_thompson, "prior, lookahead": lookahead, "prior, Thompson, 5 % floor": floored,
}  # fmt: skip


def outcome(job: tuple[str, Trial, int]) -> float:
    """Expected clicks of a policy on a trial, the mean of its repeats."""
    name, trial, seed = job
    repeats = 1 if name in ("uniform A/B", "ranker's first choice") else REPEATS
    made = [POLICIES[name](trial, np.random.default_rng([seed, r])) for r in range(repeats)]
    return float(np.mean(made))


def replayed(made: Sequence[Trial], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Clicks of each policy on each trial, and of the oracle."""
    found = {"oracle": np.array([t.best for t in made])}
    with ProcessPoolExecutor() as pool:
        for name in names:
            jobs = [(name, trial, seed) for seed, trial in enumerate(made)]
            found[name] = np.array(list(pool.map(outcome, jobs, chunksize=8)))
    return found


# -- result --------------------------------------------------------------------------------------


def bootstrapped(top: np.ndarray, bottom: np.ndarray) -> list[float]:
    """95 % of 2,000 bootstraps of 100 * sum(top) / sum(bottom)."""
    draws = np.random.default_rng(0).integers(0, len(top), (2000, len(top)))
    values = 100 * top[draws].sum(1) / bottom[draws].sum(1)
    return [round(float(v), 2) for v in np.percentile(values, (2.5, 97.5))]


def accuracy(data: Data, found: np.ndarray, metric: str, **more: float) -> dict:
    """Share of pairs judged rightly; the interval draws whole tests."""
    tests = np.unique([data.arms[int(row)].test for row in found[:, 0]], return_inverse=True)[1]
    right, count = np.bincount(tests, found[:, 1]), np.bincount(tests)
    value = 100 * float(right.sum() / count.sum())
    return bench.row(
        metric, value, "% of pairs", n=len(found), interval=bootstrapped(right, count), **more
    )


def policy_rows(found: dict[str, np.ndarray]) -> list[dict]:
    best, plain = found["oracle"], found["uniform A/B"]
    peer = (
        round(100 * (1 - found["Thompson"].sum() / best.sum()), 2) if "Thompson" in found else None
    )
    rows = []
    for name, clicks in found.items():
        bare = name == "prior, Thompson"
        suffix = "" if bare else f" ({name})"
        more = {"peer": peer, "peer_name": "Thompson, same replay", "goal": 7.0} if bare else {}
        lost = 100 * (1 - clicks.sum() / best.sum())
        rows.append(bench.row(f"upworthy.clicks_lost{suffix}", lost, "% of the best arm's",
                              n=len(best), interval=bootstrapped(best - clicks, best), **more))  # fmt: skip
        gain = 100 * (clicks.sum() / plain.sum() - 1)
        more = {"goal": 26.0} if bare else {}
        rows.append(bench.row(f"upworthy.clicks_gained{suffix}", gain, "% over uniform A/B",
                              n=len(best), interval=bootstrapped(clicks - plain, plain), **more))  # fmt: skip
    return rows


def main() -> None:
    arms = load()
    encoded = Encoder().lower([a.headline for a in arms]).astype(float)
    data = Data(arms, encoded, worded([a.headline for a in arms]), parts(arms))
    held = data.part == 0
    folds = []
    for fold in range(1, FOLDS):
        model, features = data.learned(~held & (data.part != fold))
        folds.append(pairs(data, model, features, np.flatnonzero(data.part == fold)))
    tried = accuracy(
        data, np.vstack(folds), "upworthy.pair_accuracy (four folds of training tests)"
    )
    print(tried, flush=True)
    if "--tune" in sys.argv:
        return
    model, features = data.learned(~held)
    found = pairs(data, model, features, np.flatnonzero(held))
    sure = found[found[:, 2] > 0]
    peer = {"peer": PUBLISHED, "peer_name": "published, text embeddings", "goal": PUBLISHED}
    replay = replayed(
        trials(data, model, features, np.flatnonzero(held))[:REPLAYED], list(POLICIES)
    )
    bench.write(
        "upworthy",
        [
            accuracy(data, found, "upworthy.pair_accuracy", **peer),
            accuracy(data, sure, "upworthy.pair_accuracy (significant pairs)"),
            tried,
            *policy_rows(replay),
            bench.row("upworthy.residual_sd", np.sqrt(model.residual_variance), "of the log rate"),
        ],
        command="python -m benchmarks.upworthy",
    )


if __name__ == "__main__":
    main()
