"""Whom the mails of Hillstrom persuade, and whether choosing for each person pays: by doubly robust
scores of models that did not see the person.

    python -m benchmarks.run uplift
"""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import bench
from workers.engines import uplift

DATA = Path(bench.ROOT).parent / "shared/data/hillstrom/hillstrom.csv.gz"
ARMS = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
NUMBERS = ("recency", "history", "mens", "womens", "newbie")
KINDS = ("history_segment", "zip_code", "channel")
OUTCOMES = ("visit", "conversion", "spend")


def read() -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, np.ndarray]]:
    """Columns, the arm (n,), and the outcomes of 64,000 people."""
    with gzip.open(DATA, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    columns: dict[str, np.ndarray] = {n: np.array([float(r[n]) for r in rows]) for n in NUMBERS} | {
        k: np.array([r[k] for r in rows]) for k in KINDS
    }
    columns["history"] = np.log1p(columns["history"])
    columns["mens_only"] = columns["mens"] * (1 - columns["womens"])
    arm = np.array([ARMS.index(r["segment"]) for r in rows])
    return columns, arm, {o: np.array([float(r[o]) for r in rows]) for o in OUTCOMES}


def ranked(
    name: str, arm: int, columns: dict[str, np.ndarray], arms: np.ndarray, visit: np.ndarray
) -> list[dict[str, Any]]:
    """The Qini area of one mail against none, on visits."""
    kept = (arms == arm) | (arms == 0)
    own = {k: v[kept] for k, v in columns.items()}
    found = uplift.learn(own, arms[kept] == arm, visit[kept], 0.5)
    wide = uplift.Z * found.qini_error
    goal = ">= 0.0076" if arm == 2 else "no signal said"
    return [
        bench.row(f"uplift.{name}_qini", found.qini, "visits a person", n=int(kept.sum()), goal=goal,
                  interval=[round(found.qini - wide, 5), round(found.qini + wide, 5)],
                  peer=0.0076 if arm == 2 else None, peer_name="T- and X-learner" if arm == 2 else ""),
        bench.row(f"uplift.{name}_signal", float(found.signal), "1: told apart", n=int(kept.sum())),
    ]  # fmt: skip


def main() -> None:
    columns, arms, outcomes = read()
    rows = ranked("womens", 2, columns, arms, outcomes["visit"])
    rows += ranked("mens", 1, columns, arms, outcomes["visit"])
    shares = np.full((len(arms), 3), 1 / 3)
    for name, outcome in outcomes.items():
        found = uplift.personal(columns, arms, outcome, shares)
        wide = uplift.Z * found.error
        rows.append(
            bench.row(f"uplift.personal_{name}", found.gain, f"more than “{ARMS[found.single]}” to all",
                      n=len(arms), goal="not above chance, and said",
                      interval=[round(found.gain - wide, 5), round(found.gain + wide, 5)])
        )  # fmt: skip
        rows.append(bench.row(f"uplift.pays_{name}", float(found.pays), "1: pays", n=len(arms)))
    bench.write("uplift", rows, command="make prove")


if __name__ == "__main__":
    main()
