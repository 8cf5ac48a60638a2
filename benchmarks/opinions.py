"""The proof of opinions: the readers that Attune ships, on test sets that they never saw.

    python -m benchmarks.run opinions           all
    python -m benchmarks.opinions sst2          one, printed only: amazon, sst2, semeval14, shopping

The Amazon reviews are the fifth that training leaves out, sentences of one review together; VADER
runs beside on the same sentences. `benchmarks.train_opinions` makes the weights.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from benchmarks import bench
from benchmarks import opinion_data as data
from workers.engines.opinion_readers import WEIGHTS
from workers.engines.opinion_terms import POLARITIES
from workers.engines.opinions import Opinions
from workers.engines.opinions_zh import ChineseOpinions
from workers.engines.understanding import calibration_error

Rows = list[dict[str, Any]]


@cache
def english() -> Opinions:
    return Opinions.load(WEIGHTS / "opinions-en")


def classes(scores: np.ndarray) -> np.ndarray:
    """-1, 0, 1 by the cut-offs of the VADER paper: ±0.05."""
    return np.where(scores > 0.05, 1, np.where(scores < -0.05, -1, 0))


def weighted_f1(wanted: np.ndarray, found: np.ndarray) -> float:
    total = 0.0
    for label in (-1, 0, 1):
        true = ((wanted == label) & (found == label)).sum()
        wrong = ((wanted == label) != (found == label)).sum()
        total += float((wanted == label).mean() * 2 * true / max(1, 2 * true + wrong))
    return total


def half(share: float, n: int) -> list[float]:
    wide = 1.96 * (share * (1 - share) / n) ** 0.5
    return [round(100 * (share - wide), 2), round(100 * (share + wide), 2)]


def amazon() -> Rows:
    if not (WEIGHTS / "opinions-en" / "held.json").exists():
        print("amazon: left out, for these weights learned from every review; train them anew")
        return []
    of = data.folds()
    rows = [(r, t) for review, r, t in data.rated("amazon_snippets") if of[review] == data.HELD]
    wanted = np.array([r for r, _ in rows])
    found = np.array([o.intensity for o in english().read([t for _, t in rows])])
    peer = SentimentIntensityAnalyzer()
    plain = np.array([peer.polarity_scores(t)["compound"] for _, t in rows])
    right = classes(wanted)
    return [
        bench.row("amazon.pearson_r", float(np.corrcoef(wanted, found)[0, 1]), "", n=len(rows),
                  goal=">= 0.78", peer=round(float(np.corrcoef(wanted, plain)[0, 1]), 3),
                  peer_name="VADER, same sentences (one human 0.911)"),
        bench.row("amazon.weighted_f1", weighted_f1(right, classes(found)), "", n=len(rows),
                  goal=">= 0.75", peer=round(weighted_f1(right, classes(plain)), 3),
                  peer_name="VADER, same sentences (one human 0.85)"),
    ]  # fmt: skip


def sst2() -> Rows:
    rows = data.sst2("test")
    feeling = np.array([o.feeling for o in english().read([t for t, _ in rows])])
    wanted = np.array([y for _, y in rows])
    sure = feeling[:, 2] / (feeling[:, 0] + feeling[:, 2])
    right = (sure > 0.5) == wanted
    share = float(right.mean())
    return [
        bench.row("sst2.accuracy", 100 * share, "%", n=len(rows), goal=">= 90", peer=81.3,
                  peer_name="frozen MiniLM + LR", interval=half(share, len(rows))),
        bench.row("sst2.ece", calibration_error(np.maximum(sure, 1 - sure), right), "",
                  n=len(rows)),
    ]  # fmt: skip


def semeval14() -> Rows:
    found: Rows = []
    for domain, goal, peer in (("laptops", 78, 82.45), ("restaurants", 85, 87.89)):
        rows = data.terms(domain, "test")
        asked = [(row["text"], a["from"], a["to"], a["polarity"]) for row in rows
                 for a in row["aspects"] if a["polarity"] != "conflict"]  # fmt: skip
        chosen = english().polarity_of([a[:3] for a in asked]).argmax(1)
        right = float(np.mean([POLARITIES[c] == a[3] for c, a in zip(chosen, asked, strict=True)]))
        read = english().read([row["text"] for row in rows])
        named = {(n, t.start, t.end) for n, o in enumerate(read) for t in o.terms}
        gold = {(n, a["from"], a["to"]) for n, row in enumerate(rows) for a in row["aspects"]}
        f1 = 2 * len(named & gold) / max(1, len(named) + len(gold))
        found += [
            bench.row(f"semeval14.{domain}", 100 * right, "%", n=len(asked), goal=f">= {goal}",
                      peer=peer, peer_name="published best, BERT-base",
                      interval=half(right, len(asked))),
            bench.row(f"semeval14.{domain}_term_f1", 100 * f1, "%", n=len(gold)),
        ]  # fmt: skip
    return found


def shopping() -> Rows:
    rows, _, test = data.shopping()
    reader = ChineseOpinions.load(WEIGHTS / "opinions-zh")
    wanted = np.array([rows[i][1] for i in test])
    score = reader.scores([rows[i][0] for i in test])
    right = (score > 0) == wanted
    share = float(right.mean())
    good = 1 / (1 + np.exp(-score / reader.temperature))
    return [
        bench.row("shopping_zh.accuracy", 100 * share, "%", n=len(test), goal=">= 94.5",
                  peer=93.7, peer_name="char 1-3-gram SVM", interval=half(share, len(test))),
        bench.row("shopping_zh.ece", calibration_error(np.maximum(good, 1 - good), right), "",
                  n=len(test)),
    ]  # fmt: skip


PARTS: dict[str, Callable[[], Rows]] = {
    "amazon": amazon, "sst2": sst2, "semeval14": semeval14, "shopping": shopping,
}  # fmt: skip


def main() -> None:
    rows = [row for part in PARTS.values() for row in part()]
    bench.write("opinions", rows, command="make prove")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        for row in PARTS[name]():
            print(row["metric"], row["ours"], row["unit"], row["peer"], flush=True)
