"""Bandits beside Vowpal Wabbit and MABWiser, all on the same rounds: CLINC150's domains with their
rewards known, and Hillstrom's mails by replay.

    pip install mabwiser vowpalwabbit && python -m benchmarks.run bandits

Replay (Li, Chu, Langford, Wang 2011): the three mails were given evenly by chance, so a round counts
where a learner would have done what was done. Everybody learns after every 100 rounds that count;
Vowpal Wabbit, which learns online, after each.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks import bench
from benchmarks.strategy import ROUNDS, clinc, ours

HILLSTROM = Path(bench.ROOT).parent / "shared/data/hillstrom/hillstrom.csv.gz"
MAILS = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
BATCH, SHUFFLES = 100, 20
KINDS = (("squarecb", "--squarecb"), ("cover", "--cover 5"), ("epsilon", "--epsilon 0.05"))  # fmt: skip


class Learner(Protocol):
    """Chooses for rows one after the other, and is told of those that count."""

    def choose(self, x: np.ndarray) -> np.ndarray: ...

    def learn(self, x: np.ndarray, chosen: np.ndarray, rewards: np.ndarray) -> None: ...


class Ours:
    """Thompson sampling over linear beliefs, as policies have it."""

    def __init__(self, features: int, actions: int) -> None:
        self.choose, self._learn = ours(features, actions)
        self._learn(np.zeros((1, features), np.float32), np.zeros(1, int), np.zeros(1))

    def learn(self, x: np.ndarray, chosen: np.ndarray, rewards: np.ndarray) -> None:
        self._learn(x, chosen, rewards)


class Mabwiser:
    def __init__(self, features: int, actions: int) -> None:
        from mabwiser.mab import MAB, LearningPolicy  # noqa: PLC0415 - a peer

        self.mab = MAB(list(range(actions)), LearningPolicy.LinTS(alpha=0.1), seed=1)
        self.mab.fit(np.arange(actions), np.zeros(actions), np.zeros((actions, features)))

    def choose(self, x: np.ndarray) -> np.ndarray:
        found = self.mab.predict(x)
        return np.array(found if len(x) > 1 else [found])

    def learn(self, x: np.ndarray, chosen: np.ndarray, rewards: np.ndarray) -> None:
        self.mab.partial_fit(chosen, rewards, x)


class Wabbit:
    """Vowpal Wabbit's contextual bandits over features of the person crossed with the action (its
    "adf" form, which learned far better here); a choice is drawn from the shares that it answers."""

    def __init__(self, features: int, actions: int, how: str) -> None:
        import vowpalwabbit  # noqa: PLC0415 - a peer

        self.vw = vowpalwabbit.Workspace(f"--cb_explore_adf {how} -q sa --quiet --random_seed 1")
        self.rng, self.shares, self.actions = np.random.default_rng(1), np.zeros(0), actions

    def _told(self, row: np.ndarray, label: tuple[int, float, float] | None = None) -> list[str]:
        shared = " ".join(f"f{i}:{v:.4f}" for i, v in enumerate(row) if v)
        found = [f"shared |s {shared}"]
        for a in range(self.actions):
            cost = f"0:{label[1]}:{label[2]:.5f} " if label and label[0] == a else ""
            found.append(f"{cost}|a a{a}")
        return found

    def choose(self, x: np.ndarray) -> np.ndarray:
        found = np.zeros(len(x), int)
        self.shares = np.zeros(len(x))
        for i, row in enumerate(x):
            shares = np.array(self.vw.predict(self._told(row)))
            found[i] = self.rng.choice(len(shares), p=shares / shares.sum())
            self.shares[i] = shares[found[i]]
        return found

    def learn(self, x: np.ndarray, chosen: np.ndarray, rewards: np.ndarray) -> None:
        for row, action, reward, share in zip(x, chosen, rewards, self.shares, strict=True):
            self.vw.learn(self._told(row, (int(action), -float(reward), float(share))))


def hillstrom() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contexts (n, 13), mails (n,) and visits (n,)."""
    with gzip.open(HILLSTROM, "rt") as file:
        rows = list(csv.DictReader(file))
    columns = [np.log1p([float(r["history"]) for r in rows]) / 5,
               np.array([float(r["recency"]) for r in rows]) / 10]  # fmt: skip
    columns += [np.array([float(r[name]) for r in rows]) for name in ("mens", "womens", "newbie")]
    for name in ("zip_code", "channel"):
        for kind in sorted({r[name] for r in rows}):
            columns.append(np.array([float(r[name] == kind) for r in rows]))
    columns.append(np.ones(len(rows)))
    return (np.stack(columns, 1).astype(np.float32),
            np.array([MAILS.index(r["segment"]) for r in rows]),
            np.array([float(r["visit"]) for r in rows]))  # fmt: skip


def replayed(
    x: np.ndarray, done: np.ndarray, rewards: np.ndarray, learner: Learner, batch: int
) -> float:
    """The mean reward of the rounds that count. A batch is chosen for with one belief."""
    total, counted = 0.0, 0
    for at in range(0, len(x), batch):
        rows = slice(at, at + batch)
        chosen = learner.choose(x[rows])
        same = chosen == done[rows]
        if isinstance(learner, Wabbit):
            learner.shares = learner.shares[same]
        if same.any():
            total, counted = total + float(rewards[rows][same].sum()), counted + int(same.sum())
            learner.learn(x[rows][same], chosen[same], rewards[rows][same])
    return total / counted


def hillstrom_rows() -> list[dict[str, Any]]:
    x, done, rewards = hillstrom()
    best = max(float(rewards[done == a].mean()) for a in range(3))
    error = float(np.sqrt(best * (1 - best) / (done == 1).sum()))
    orders = [np.random.default_rng(seed).permutation(len(x)) for seed in range(SHUFFLES)]

    def mean(make: Callable[[], Learner], batch: int, many: int = SHUFFLES) -> float:
        return float(np.mean([
            replayed(x[o], done[o], rewards[o], make(), batch) for o in orders[:many]
        ]))  # fmt: skip

    features = x.shape[1]
    own = mean(lambda: Ours(features, 3), BATCH)
    rows = [bench.row("bandit.hillstrom_reward", own, "visits a person",
                      goal=f">= {best - error:.4f}", n=len(x), peer=round(best, 4),
                      peer_name="always the best mail",
                      interval=[round(own - 2 * error, 4), round(own + 2 * error, 4)])]  # fmt: skip
    peers: list[tuple[str, Callable[[], Learner], int]] = []
    if _has("mabwiser"):
        peers.append(("MABWiser LinTS", lambda: Mabwiser(features, 3), BATCH))
    if _has("vowpalwabbit"):
        for name, how in KINDS:
            peers.append((f"VW {name}", lambda how=how: Wabbit(features, 3, how), 1))  # type: ignore[misc]
    for name, make, batch in peers:
        found = mean(make, batch, 3)
        print(f"hillstrom, {name}: {found:.4f}; ours {own:.4f}, best mail {best:.4f}", flush=True)
        rows.append(bench.row(f"bandit.hillstrom_over_{name.split()[-1].lower()}", own / found, "x",
                              n=len(x), peer=round(found, 4), peer_name=name))  # fmt: skip
    return rows


def clinc_rows() -> list[dict[str, Any]]:
    """All rounds, chosen and learned in batches of 100; Vowpal Wabbit one by one."""
    x, right = clinc()
    order = np.random.default_rng(0).integers(0, len(x), ROUNDS)
    own, speed = _played(x[order], right[order], Ours(x.shape[1], 10), BATCH)
    rows = []
    for name, how in KINDS if _has("vowpalwabbit") else ():
        found, rate = _played(x[order], right[order], Wabbit(x.shape[1], 10, how), 1)
        print(f"clinc150, VW {name}: {found:.4f} at {rate:,.0f}/s; ours {own:.4f} at {speed:,.0f}/s",
              flush=True)  # fmt: skip
        rows += [
            bench.row(f"bandit.clinc_over_{name}", own / found, "x", n=ROUNDS,
                      peer=round(found, 4), peer_name=f"VW {name}"),
            bench.row(f"bandit.speed_over_{name}", speed / rate, "x", n=ROUNDS),
        ]  # fmt: skip
    return rows


def _played(
    x: np.ndarray, right: np.ndarray, learner: Learner, batch: int
) -> tuple[float, float]:  # fmt: skip
    """(mean reward, decisions a second, the choosing alone)."""
    got, took = 0.0, 0.0
    for at in range(0, len(x), batch):
        rows = slice(at, at + batch)
        began = time.perf_counter()
        chosen = learner.choose(x[rows])
        took += time.perf_counter() - began
        rewards = (chosen == right[rows]).astype(float)
        got += float(rewards.sum())
        learner.learn(x[rows], chosen, rewards)
    return got / len(x), len(x) / took


def _has(name: str) -> bool:
    found = importlib.util.find_spec(name) is not None
    if not found:
        print(f"{name} is not installed: pip install {name}.")
    return found


def main() -> None:
    bench.write("bandits", [*hillstrom_rows(), *clinc_rows()],
                command="python -m benchmarks.run bandits")  # fmt: skip
