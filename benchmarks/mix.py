"""Budgets: do the intervals of a channel's return cover the truth, and what is the advice worth,
over simulated markets whose curves are known.

    python -m benchmarks.run mix

Each market has three channels with curves drawn at random, two years of weeks, seasons and noise.
The advice moves a fixed total within half and twice of what is spent now; what it brings is worked
out from the true curves, beside the best split there is and beside leaving everything as it is.
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks import bench
from campaigns.budget import curves
from campaigns.budget.curves import Curves, Limits
from workers.engines import mix

MARKETS, WEEKS = 40, 104


def market(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, Curves]:
    """Spend (T, 3), outcome (T,), the true carry-over (1, 3) and the true curves."""
    rng = np.random.default_rng(seed)
    usual = np.array([1_000.0, 600.0, 400.0])
    spend = usual * np.exp(rng.normal(0, 0.5, (WEEKS, 3))) * (rng.random((WEEKS, 3)) < 0.9)
    a = rng.uniform(0.1, 0.7, (1, 3))
    k = usual * np.exp(rng.normal(0, 0.6, (1, 3)))
    b = rng.uniform(500, 4_000, (1, 3))
    t = np.arange(WEEKS)
    came = mix.brought(spend, a, k, b)[0].sum(1)
    season = 900 * np.sin(2 * np.pi * t / mix.YEAR + rng.uniform(0, 6))
    outcome = 9_000 + season + 5 * t + came + rng.normal(0, 400, WEEKS)
    return spend, outcome, a, Curves(("a", "b", "c"), k, b)


def main() -> None:
    inside, better, gained, seconds, splits = [], [], [], [], []
    for seed in range(MARKETS):
        spend, outcome, a, truth = market(seed)
        before = time.process_time()
        draws = mix.fit(mix.Data(spend, outcome), seed=0)
        seconds.append(time.process_time() - before)
        splits.append(float(draws.split.max()))
        returns = mix.brought(spend, draws.a, draws.k, draws.b).sum(1) / spend.sum(0)
        true = mix.brought(spend, a, truth.k, truth.b)[0].sum(0) / spend.sum(0)
        low, high = np.quantile(returns, [0.05, 0.95], axis=0)
        inside += ((low <= true) & (true <= high)).tolist()
        now = spend[-8:].mean(0)
        limits = [Limits(v / 2, 2 * v) for v in now]
        told = curves.advised(Curves(truth.channels, draws.k, draws.b), now.sum(), limits)
        best = curves.advised(truth, now.sum(), limits)
        own, usual, most = (float(truth.outcome(v).sum()) for v in (told, now, best))
        better.append(own > usual)
        gained.append((own - usual) / max(1e-9, most - usual))
        print(seed, low.round(2), true.round(2), high.round(2), round(gained[-1], 2), flush=True)
    share = float(np.mean(inside))
    error = (share * (1 - share) / len(inside)) ** 0.5
    bench.write("mix", [
        bench.row("mix.cover90", share, "of the 90 % intervals", n=len(inside), goal="0.85 to 0.95",
                  interval=[round(share - 1.96 * error, 3), round(share + 1.96 * error, 3)]),
        bench.row("mix.advice_gain", float(np.median(gained)), "of the best possible gain",
                  n=MARKETS, peer=0.0, peer_name="as now"),
        bench.row("mix.advice_better", float(np.mean(better)), "of the markets", n=MARKETS),
        bench.row("mix.seconds", float(np.median(seconds)), "CPU s a fit"),
        bench.row("mix.split", float(np.max(splits)), "largest R-hat", goal="<= 1.1"),
    ], command="python -m benchmarks.run mix")  # fmt: skip
