"""Bandits beside MABWiser in one run, and off-policy evaluation with its gate on
the Open Bandit sample.

    pip install mabwiser && python -m benchmarks.run strategy

Contexts of CLINC150 are the packaged encoder's vectors in the first 128 principal directions of 2,000
of them by chance, without labels; the action is one of ten domains, the reward 1 where it is right;
all learn after every 100 rounds.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import bench
from campaigns.strategy import gate, offpolicy, policies
from campaigns.strategy.offpolicy import Log
from campaigns.strategy.policies import Beliefs, Sums
from workers.engines.embedding import Encoder

DATA = Path(bench.ROOT).parent / "shared/data"
ROUNDS, BATCH, DIRECTIONS, SEEDS = 64_000, 100, 128, 3
Choose = Callable[[np.ndarray], np.ndarray]
Learn = Callable[[np.ndarray, np.ndarray, np.ndarray], None]
Make = Callable[[], tuple[Choose, Learn]]


def clinc() -> tuple[np.ndarray, np.ndarray]:
    """Contexts (n, 129) and the right domain (n,)."""
    domains = json.loads((DATA / "clinc150/domains.json").read_text())
    of = {intent: n for n, name in enumerate(sorted(domains)) for intent in domains[name]}
    with gzip.open(DATA / "clinc150/data_full.csv.gz", "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["intent"] in of]
    kept = bench.ROOT / "var" / "clinc-vectors.npy"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        np.save(kept, Encoder().encode([row["text"] for row in rows]))
    vectors = np.load(kept)
    some = np.random.default_rng(0).choice(len(vectors), 2_000, replace=False)
    vectors = vectors - vectors[some].mean(0)
    turned = vectors @ np.linalg.svd(vectors[some], full_matrices=False)[2][:DIRECTIONS].T
    turned *= 4 / np.sqrt((turned**2).sum(1).mean())
    return (np.hstack([turned, np.ones((len(rows), 1))]).astype(np.float32),
            np.array([of[row["intent"]] for row in rows]))  # fmt: skip


def ours(features: int, actions: int, rule: str = "thompson") -> tuple[Choose, Learn]:
    sums, rng = Sums.none(actions, features), np.random.default_rng(1)
    beliefs = [Beliefs.of(sums)]

    def choose(x: np.ndarray) -> np.ndarray:
        every = np.ones((len(x), actions), bool)
        shares = policies.propensities(rule, *beliefs[0].scores(x), every)
        return policies.drawn(shares, rng.random(len(x)))

    def learn(x: np.ndarray, chosen: np.ndarray, rewards: np.ndarray) -> None:
        sums.add(x, chosen, rewards)
        beliefs[0] = Beliefs.of(sums)

    return choose, learn


def mabwiser(kind: str, actions: int) -> tuple[Choose, Learn]:
    from mabwiser.mab import MAB, LearningPolicy  # noqa: PLC0415 - a peer

    policies_ = {
        "lints": LearningPolicy.LinTS(alpha=0.1),
        "linucb": LearningPolicy.LinUCB(alpha=0.1),
    }
    mab, learned = MAB(list(range(actions)), policies_[kind], seed=1), []

    def learn(x: np.ndarray, chosen: np.ndarray, rewards: np.ndarray) -> None:
        (mab.partial_fit if learned else mab.fit)(chosen, rewards, x)
        learned.append(len(x))

    return lambda x: np.array(mab.predict(x)), learn


def played(
    contexts: np.ndarray, right: np.ndarray, make: Make, seed: int, rounds: int = ROUNDS,
) -> tuple[float, float]:  # fmt: skip
    """(mean reward, decisions a second, the choosing alone)."""
    rng = np.random.default_rng(seed)
    order = rng.integers(0, len(contexts), rounds)
    x, chosen = contexts[order[:BATCH]], rng.integers(0, 10, BATCH)
    first = (x, chosen, (chosen == right[order[:BATCH]]).astype(float))
    choose, learn = make()
    learn(*first)
    got, took = float(first[2].sum()), 0.0
    for at in range(BATCH, rounds, BATCH):
        x, wanted = contexts[order[at : at + BATCH]], right[order[at : at + BATCH]]
        began = time.perf_counter()
        chosen = choose(x)
        took += time.perf_counter() - began
        rewards = (chosen == wanted).astype(float)
        got += float(rewards.sum())
        learn(x, chosen, rewards)
    return got / rounds, (rounds - BATCH) / took


def bandits() -> list[dict[str, Any]]:
    contexts, right = clinc()
    features = contexts.shape[1]
    runs = [played(contexts, right, lambda: ours(features, 10), seed) for seed in range(SEEDS)]
    reward, speed = np.mean([r for r, _ in runs]), np.median([s for _, s in runs])
    spread = float(np.std([r for r, _ in runs], ddof=1) / np.sqrt(SEEDS))
    rows = []
    for name, rounds, make in _peers():
        found, rate = played(contexts, right, make, 0, rounds)
        mine = played(contexts, right, lambda: ours(features, 10), 0, rounds)
        print(f"{name}, {rounds:,} rounds: {found:.4f}, {rate:,.0f}/s; ours {mine[0]:.4f}, "
              f"{mine[1]:,.0f}/s", flush=True)  # fmt: skip
        rows += [
            bench.row(f"bandit.clinc_{name}", mine[0], "mean reward", peer=round(found, 4),
                      peer_name=name, n=rounds),
            bench.row(f"bandit.speed_over_{name}", mine[1] / rate, "x", n=rounds),
        ]  # fmt: skip
    return [
        bench.row("bandit.clinc_reward", float(reward), "mean reward", goal=">= 0.86", n=ROUNDS,
                  interval=[round(float(reward) - 2 * spread, 4), round(float(reward) + 2 * spread, 4)]),
        bench.row("bandit.decisions_per_s", float(speed), "decisions/s", goal=">= 20000", n=ROUNDS),
        *rows,
    ]  # fmt: skip


def _peers() -> list[tuple[str, int, Make]]:
    found: list[tuple[str, int, Make]] = []
    if importlib.util.find_spec("mabwiser"):
        found += [("linucb", 8_000, lambda: mabwiser("linucb", 10)),
                  ("lints", 8_000, lambda: mabwiser("lints", 10))]  # fmt: skip
    else:
        print("MABWiser is not installed: pip install mabwiser.")
    return found


# -- off-policy evaluation ---------------------------------------------------------------------


def sample(policy: str, campaign: str) -> dict[str, np.ndarray]:
    with gzip.open(DATA / f"obd/{policy}_{campaign}.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    names = {"item_id": int, "position": int, "click": float, "propensity_score": float}
    return {name: np.array([kind(row[name]) for row in rows]) for name, kind in names.items()}


def model(log: dict[str, np.ndarray], k: int, strength: float = 200.0) -> np.ndarray:
    """The rate of every item, drawn toward the mean of all; each round left out of its own."""
    items, clicks = log["item_id"], log["click"]
    n, hits = np.bincount(items, minlength=k), np.bincount(items, weights=clicks, minlength=k)
    rates = np.tile((hits + strength * clicks.mean()) / (n + strength), (len(items), 1))
    own = np.arange(len(items)), items
    rates[own] = (hits[items] - clicks + strength * clicks.mean()) / (n[items] - 1 + strength)
    return rates


def judged_on(logged: str, target: str, campaign: str) -> tuple[Log, float]:
    """The log of one policy with the other's choices, and what the other earned in truth. The
    Thompson policy's shares by position are how often it showed each item there."""
    log, other = sample(logged, campaign), sample(target, campaign)
    k = int(max(log["item_id"].max(), other["item_id"].max())) + 1
    shares = np.full((3, k), 1 / k)
    if target == "bts":
        for place in range(3):
            here = other["position"] == place + 1
            shares[place] = np.bincount(other["item_id"][here], minlength=k) / here.sum()
    return (Log(log["item_id"], log["click"], log["propensity_score"],
                shares[log["position"] - 1], model(log, k)), float(other["click"].mean()))  # fmt: skip


def open_bandit() -> list[dict[str, Any]]:
    rows = []
    rng = np.random.default_rng(0)
    for logged, target, way in (("random", "bts", "to_bts"), ("bts", "random", "to_random")):
        log, truth = judged_on(logged, target, "all")
        found = offpolicy.estimates(log)
        for name, one in found.items():
            errors = [
                abs(offpolicy.estimate(again, name).value - truth) / truth
                for again in (_again(log, rng) for _ in range(30))
            ]
            rows.append(bench.row(
                f"obd.{name}_{way}", float(np.mean(errors)), "relative error",
                n=len(log.actions), interval=[round(one.low, 5), round(one.high, 5)],
                peer=round(truth, 5), peer_name="truth; our interval covers it"
                if one.low <= truth <= one.high else "truth; our interval MISSES it"))  # fmt: skip
    women, men = (gate.judged(judged_on("bts", "random", c)[0]) for c in ("women", "men"))
    print("women:", women.kind, str.__str__(women.reason))
    print("men:", men.kind, str.__str__(men.reason), *map(str.__str__, men.warnings))
    return [
        *rows,
        bench.row("obd.women_refused", float(not women.usable), "yes = 1", goal="= 1",
                  n=women.health.n, peer=round(women.health.effective, 1), peer_name="effective"),
        bench.row("obd.men_warned", float(men.usable and bool(men.warnings)), "yes = 1", goal="= 1",
                  n=men.health.n, peer=round(men.health.effective, 1), peer_name="effective"),
    ]  # fmt: skip


def _again(log: Log, rng: np.random.Generator) -> Log:
    rows = rng.integers(0, len(log.actions), len(log.actions))
    return Log(log.actions[rows], log.rewards[rows], log.propensities[rows], log.target[rows],
               log.model[rows])  # fmt: skip


def main() -> None:
    bench.write(
        "strategy", [*open_bandit(), *bandits()], command="make prove, with peers installed"
    )
