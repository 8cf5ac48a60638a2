"""What comes next of the 1,428 monthly series of the M3 competition, beside statsforecast's models in
the same run.

    python -m benchmarks.run forecasts [share]

MASE counts in the seasonal naive error of the training months, sMAPE in percent, as the competition
did; coverage over all series and the 18 months ahead. Seconds are of the processor, a series.
"""

from __future__ import annotations

import gzip
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import bench
from workers.engines import forecasting

FILE = Path(bench.ROOT).parent / "shared/data/m3_monthly/m3_monthly.jsonl.gz"
HORIZON, SEASON, LEVELS = 18, 12, (80, 95)
Told = tuple[np.ndarray, np.ndarray, np.ndarray]  # mean (H,), low and high (2, H)


def series() -> list[tuple[np.ndarray, np.ndarray]]:
    """(training months, the 18 that came). Of every n-th series where ATTUNE_BENCH_EVERY is set."""
    with gzip.open(FILE, "rt") as file:
        rows = [json.loads(line) for line in file]
    every = int(os.environ.get("ATTUNE_BENCH_EVERY", "1"))
    return [(np.array(r["train"], float), np.array(r["test"], float)) for r in rows[::every]]


def ours(values: np.ndarray) -> Told:
    """As a series of the product is told, without its table of trials."""
    found = forecasting.forecast(values, HORIZON, SEASON, most=0)
    return found.mean, found.low, found.high


def peer(make: Callable[[], Any]) -> Callable[[np.ndarray], Told]:
    def told(values: np.ndarray) -> Told:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = make().forecast(values, HORIZON, level=list(LEVELS))
        return (found["mean"], np.stack([found[f"lo-{v}"] for v in LEVELS]),
                np.stack([found[f"hi-{v}"] for v in LEVELS]))  # fmt: skip

    return told


def measured(told: Callable[[np.ndarray], Told]) -> dict[str, float]:
    """sMAPE, MASE, both coverages and seconds a series."""
    rows, inside, began = [], [], time.process_time()
    for values, came in series():
        mean, low, high = told(values)
        error = np.abs(came - mean)
        rows.append((float((200 * error / (np.abs(came) + np.abs(mean))).mean()),
                     float(error.mean()) / forecasting.scale(values, SEASON)))  # fmt: skip
        inside.append(((low <= came) & (came <= high)).mean(1))
    took = time.process_time() - began
    (smape, mase), cover = np.mean(rows, axis=0), np.mean(inside, axis=0)
    return {"smape": float(smape), "mase": float(mase), "cover80": 100 * float(cover[0]),
            "cover95": 100 * float(cover[1]), "seconds": took / len(rows), "n": len(rows)}  # fmt: skip


def main() -> None:
    from statsforecast.models import AutoETS, DynamicOptimizedTheta  # noqa: PLC0415

    peers = {"AutoETS": lambda: AutoETS(SEASON),
             "DynamicOptimizedTheta": lambda: DynamicOptimizedTheta(SEASON)}  # fmt: skip
    own = measured(ours)
    print("ours", own, flush=True)
    others = {name: measured(peer(make)) for name, make in peers.items()}
    for name, one in others.items():
        print(name, one, flush=True)
    best = min(others, key=lambda name: others[name]["smape"])
    goals = {"smape": "<= 13.4", "mase": "<= 0.82", "cover80": "77 to 83", "cover95": "92 to 98",
             "seconds": "<= 0.1"}  # fmt: skip
    units = {"smape": "%", "mase": "", "cover80": "%", "cover95": "%", "seconds": "CPU s a series"}
    bench.write("forecasts", [
        bench.row(f"m3.{name}", own[name], units[name], goal=goal, n=int(own["n"]),
                  peer=round(others[best][name], 4), peer_name=best)
        for name, goal in goals.items()
    ], command="python -m benchmarks.run forecasts")  # fmt: skip
