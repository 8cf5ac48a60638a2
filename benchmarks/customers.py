"""Who of CDNOW's customers buys again in the 39 weeks after the 39 that were seen.

python -m benchmarks.run customers
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from benchmarks import bench
from workers.engines import btyd
from workers.engines.btyd import History

FOLDER = Path(bench.ROOT).parent / "shared/data/cdnow"
SPLIT, AHEAD = date(1997, 9, 30), 39.0
DRAWS = 500


def read() -> tuple[History, np.ndarray]:
    """Customers until SPLIT, and on how many days each bought in the 39 weeks after it."""
    with (FOLDER / "cdnow_sample_calibration.csv").open() as file:
        rows = {r["ID"].lstrip("0"): r for r in csv.DictReader(file)}
    later: dict[str, set[date]] = {}
    with (FOLDER / "cdnow_sample.csv").open() as file:
        for r in csv.DictReader(file):
            day = date.fromisoformat(r["date"])
            if SPLIT < day <= SPLIT + timedelta(weeks=AHEAD):
                later.setdefault(r["sample_id"].lstrip("0"), set()).add(day)
    x, t, seen = (np.array([float(r[k]) for r in rows.values()])
                  for k in ("frequency", "recency", "T"))  # fmt: skip
    return History(x, t, seen), np.array([float(len(later.get(key, ()))) for key in rows])


def lift(score: np.ndarray, came: np.ndarray) -> float:
    """How many times its share of the purchases the best tenth has."""
    best = np.argsort(-score, kind="stable")[: len(score) // 10]
    return float(came[best].sum() / came.sum() / (len(best) / len(score)))


def main() -> None:
    history, came = read()
    found = btyd.fit_buying(history)
    score = found.expected(history, AHEAD)
    rng = np.random.default_rng(0)
    again = [lift(score[i], came[i]) for i in (rng.integers(0, len(came), len(came))
                                               for _ in range(DRAWS))]  # fmt: skip
    n = len(came)
    bench.write("customers", [
        bench.row("cdnow.top_decile_lift", lift(score, came), "x", n=n,
                  peer=round(lift(history.x, came), 4), peer_name="by purchases so far",
                  interval=[round(float(v), 3) for v in np.quantile(again, [0.025, 0.975])]),
        bench.row("cdnow.expected_over_happened", float(score.sum() / came.sum()), "x", n=n),
        bench.row("cdnow.log_likelihood", -found.loss, "", n=n, peer=-9582.4,
                  peer_name="as published"),
        bench.row("cdnow.r", found.r, "", n=n, peer=0.243, peer_name="as published"),
        bench.row("cdnow.alpha", found.alpha, "weeks", n=n, peer=4.414, peer_name="as published"),
        bench.row("cdnow.a", found.a, "", n=n, peer=0.793, peer_name="as published"),
        bench.row("cdnow.b", found.b, "", n=n, peer=2.426, peer_name="as published"),
    ], command="python -m benchmarks.run customers")  # fmt: skip
