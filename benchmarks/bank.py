"""Will they subscribe? The conversion model beside LightGBM on bank_marketing without `duration`, on
random folds and by date.

    pip install lightgbm && python -m benchmarks.run bank

By date the newest fifth is foretold, where buyers go from 6 to 31 %: the model is fitted anew every
1,000 rows on what came before. LightGBM is refitted the same way, and once.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import bench
from campaigns.predictions import measures
from workers.engines import conversion
from workers.engines.conversion import Recipe

DATA = Path(bench.ROOT).parent / "shared/data/bank_marketing/bank-additional-full.csv.gz"
NUMBERS = ("age", "campaign", "pdays", "previous", "emp.var.rate", "cons.price.idx",
           "cons.conf.idx", "euribor3m", "nr.employed")  # fmt: skip
NEWEST, BLOCK, FOLDS = 0.2, 1_000, 5
RANDOM = Recipe(halves=(float("inf"),), newest=0.15, blocks=3, leaves=24, trees=300, rate=0.02,
                lately=False)  # fmt: skip
DATED = Recipe(halves=(3_000.0,), newest=0.05, blocks=5)
Columns = dict[str, np.ndarray]
Told = Callable[[Columns, np.ndarray, Columns], np.ndarray]


def read() -> tuple[Columns, np.ndarray]:
    """Columns and outcomes (n,), in the order of time."""
    with gzip.open(DATA, "rt") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    names = [name for name in rows[0] if name not in ("duration", "y")]
    columns: Columns = {
        name: np.array([float(r[name]) for r in rows]) if name in NUMBERS
        else np.array([r[name] for r in rows], dtype=object) for name in names
    }  # fmt: skip
    return columns, np.array([float(r["y"] == "yes") for r in rows])


def some(columns: Columns, rows: np.ndarray) -> Columns:
    return {name: column[rows] for name, column in columns.items()}


def ours(recipe: Recipe) -> Told:
    def told(past: Columns, labels: np.ndarray, now: Columns) -> np.ndarray:
        return conversion.fit(past, labels, recipe).predict(now)

    return told


def lightgbm() -> Told | None:
    if not importlib.util.find_spec("lightgbm"):
        print("LightGBM is not installed: pip install lightgbm.")
        return None
    import lightgbm as peer  # noqa: PLC0415 - a peer

    def told(past: Columns, labels: np.ndarray, now: Columns) -> np.ndarray:
        coding = conversion.Coding.of(past)
        x, kinds = coding.narrow(past)
        model = peer.LGBMClassifier(n_estimators=200, learning_rate=0.03, num_leaves=15,
                                    verbose=-1, n_jobs=1, random_state=0)  # fmt: skip
        at = [i for i, kind in enumerate(kinds) if kind]
        model.fit(x, labels, categorical_feature=at)
        found: np.ndarray = model.predict_proba(coding.narrow(now)[0])[:, 1]
        return found

    return told


def by_folds(columns: Columns, labels: np.ndarray, told: Told) -> np.ndarray:
    """Foretold by models of the other folds (n,); the rows in no order of time."""
    order = np.random.default_rng(0).permutation(len(labels))
    found = np.empty(len(labels))
    for held in np.array_split(order, FOLDS):
        rest = np.setdiff1d(order, held, assume_unique=True)
        rest = np.random.default_rng(1).permutation(rest)
        found[held] = told(some(columns, rest), labels[rest], some(columns, held))
    return found


def first_of(labels: np.ndarray) -> int:
    return int(len(labels) * (1 - NEWEST))


def by_date(columns: Columns, labels: np.ndarray, told: Told, once: bool = False) -> np.ndarray:
    """Foretold by what came before: the newest fifth."""
    found, first = [], first_of(labels)
    for start in range(first, len(labels), BLOCK):
        seen = np.arange(first if once else start)
        block = np.arange(start, min(len(labels), start + BLOCK))
        found.append(told(some(columns, seen), labels[seen], some(columns, block)))
    return np.concatenate(found)


def main() -> None:
    columns, labels = read()
    peer = lightgbm()
    after = labels[first_of(labels) :]
    own = measures.quality(by_folds(columns, labels, ours(RANDOM)), labels)
    dated = measures.quality(by_date(columns, labels, ours(DATED)), after)
    folds = refits = once = None
    if peer is not None:
        folds = measures.quality(by_folds(columns, labels, peer), labels)
        refits = measures.quality(by_date(columns, labels, peer), after)
        once = measures.quality(by_date(columns, labels, peer, once=True), after)
    name = "LightGBM, same folds"
    bench.write("bank", [
        _row("bank.auc_random", own.auc, own.auc_error, ">= 0.805", folds and folds.auc, name),
        _row("bank.auc_by_date", dated.auc, dated.auc_error, ">= 0.775", refits and refits.auc,
             "LightGBM, refitted every 1,000 rows"),
        _row("bank.ece_by_date", dated.calibration, None, "<= 0.04", refits and refits.calibration,
             "LightGBM, refitted every 1,000 rows"),
        _row("bank.loss_by_date", dated.loss, None, "<= 0.52", refits and refits.loss,
             "LightGBM, refitted every 1,000 rows"),
        _row("bank.auc_over_fit_once", dated.auc, None, None, once and once.auc,
             "LightGBM, fitted once"),
    ], command="python -m benchmarks.run bank")  # fmt: skip


def _row(
    metric: str, value: float, error: float | None, goal: str | None, peer: float | None, name: str
) -> dict[str, object]:
    interval = None if error is None else [round(value - 1.96 * error, 4),
                                           round(value + 1.96 * error, 4)]  # fmt: skip
    shown = {} if peer is None else {"peer": round(peer, 4), "peer_name": name}
    return bench.row(metric, value, "", goal=goal, interval=interval, **shown)
