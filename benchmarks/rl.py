"""Reinforcement learning in a market whose optimum is known: what is learned from the log of a
mediocre policy, beside PPO and DQN of Stable-Baselines3 that may try things out.

    python -m benchmarks.run rl

The value of every learned policy is worked out exactly, not simulated. PPO and DQN learn once in the
market itself (which no marketer has: 200,000 free trials), once in the market fitted to our log.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import stable_baselines3
import torch

from benchmarks import bench, market
from campaigns.strategy import sequences, snapshots
from campaigns.strategy.features import Encoder
from campaigns.strategy.snapshots import Snapshot
from workers.engines import marketing_env, offline_q
from workers.engines.marketing_env import Dynamics, LoggedMarket, MarketingEnv
from workers.engines.offline_q import Recipe, Steps
from workers.model_tasks import policies

PEOPLE, MOST, SEEDS, TRIALS = 2_000, 20, 3, 200_000
KNOWN = market.market()
BEST = market.worth(KNOWN, market.best(KNOWN))
USUAL = market.mediocre(KNOWN)


def fraction(chosen: np.ndarray) -> float:
    """Of the optimum, by a policy that does `chosen` (S,)."""
    return market.worth(KNOWN, np.eye(len(market.ACTIONS))[chosen]) / BEST


def log(seed: int) -> tuple[Steps, np.ndarray, Encoder]:
    rounds = market.logged(KNOWN, USUAL, people=PEOPLE, most=MOST, seed=seed)
    paths = sequences.paths(rounds, 24)
    encoder = Encoder.fitted(rounds.rows, market.FEATURES)
    return policies.steps_of(rounds, paths, encoder, market.GAMMA), paths.first, encoder


def seen(encoder: Encoder) -> np.ndarray:
    return encoder.matrix(market.described(np.arange(KNOWN.states)))


def ours(seed: int) -> dict[str, float]:
    """Both degrees of caution, and the one that the rehearsal chooses, as the worker does it."""
    steps, first, encoder = log(seed)
    fitted = LoggedMarket(steps, first)
    x = seen(encoder)
    tried = []
    before = time.process_time()
    for caution in policies.CAUTIONS:
        networks = offline_q.learn(steps, Recipe(caution=caution, seed=seed))
        version = Snapshot(snapshots.SEQUENTIAL, market.ACTIONS, encoder, networks=networks)

        def shares(x: np.ndarray, may: np.ndarray, of: Snapshot = version) -> np.ndarray:
            return of.shares(x, market.ACTIONS, may, 0.0)

        told = marketing_env.rehearse(fitted, shares, discount=market.GAMMA, most=60)
        size = len(json.dumps(version.stored()))
        tried.append((told.value, fraction(networks.scores(x)[0].argmax(1)), caution, size))
    seconds = time.process_time() - before
    _, reached, caution, size = max(tried)
    print(f"seed {seed}:", [(round(t[0], 2), round(t[1], 4), t[2]) for t in tried], flush=True)
    return {"fraction": reached, "caution": caution, "bytes": size, "seconds": seconds}


def peer(
    name: str, dynamics: Dynamics, x: np.ndarray, seed: int
) -> tuple[float, float]:  # fmt: skip
    """(fraction of the optimum, CPU seconds)"""
    env = MarketingEnv(dynamics, most=60)
    before = time.process_time()
    make: Callable[..., Any] = getattr(stable_baselines3, name)
    more = {} if name == "PPO" else {"exploration_fraction": 0.3, "learning_starts": 2_000}
    model = make("MlpPolicy", env, gamma=market.GAMMA, seed=seed, device="cpu", **more)
    model.learn(TRIALS)
    chosen, _ = model.predict(x.astype(np.float32), deterministic=True)
    return fraction(np.asarray(chosen)), time.process_time() - before


def main() -> None:
    torch.set_num_threads(1)
    told = [ours(seed) for seed in range(SEEDS)]
    reached = [t["fraction"] for t in told]
    rows = [
        bench.row("env.fraction_of_optimum", float(np.mean(reached)), "of the optimum",
                  n=PEOPLE * MOST, goal=">= 0.95", interval=[min(reached), max(reached)],
                  peer=market.worth(KNOWN, USUAL) / BEST, peer_name="the policy that was logged"),
        bench.row("env.offline_seconds", float(np.median([t["seconds"] for t in told])),
                  "CPU s, both cautions and their rehearsal"),
        bench.row("env.snapshot_bytes", float(told[0]["bytes"]), "bytes, as published"),
    ]  # fmt: skip
    steps, first, encoder = log(0)
    for where, dynamics, x in (
        ("market", market.KnownMarket(KNOWN), market.KnownMarket(KNOWN).x),
        ("fitted", LoggedMarket(steps, first), seen(encoder)),
    ):
        for name in ("PPO", "DQN"):
            share, seconds = peer(name, dynamics, x, 0)
            print(where, name, round(share, 4), round(seconds, 1), flush=True)
            rows.append(bench.row(
                f"env.{name.lower()}_in_{where}", float(np.mean(reached)), "of the optimum",
                peer=share, peer_name=f"{name}, {TRIALS:,} trials, {seconds:.0f} CPU s", n=TRIALS,
            ))  # fmt: skip
    bench.write("rl", rows, command="python -m benchmarks.run rl")
