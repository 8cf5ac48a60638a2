"""The proof of intents: banking77 (full and ten examples an intent) and clinc150 with out-of-scope,
trained here on the CPU by the engine that workspaces train with.

    python -m benchmarks.run intents            all three
    python -m benchmarks.intents banking77      one, printed only
"""

from __future__ import annotations

import csv
import gzip
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import bench
from workers.engines import understanding
from workers.engines.understanding import Intents, Recipe

DATA = bench.ROOT.parent / "shared" / "data"
Pairs = tuple[list[str], list[str]]


def banking() -> tuple[Pairs, Pairs]:
    def read(name: str) -> Pairs:
        with (DATA / "banking77" / name).open() as file:
            rows = list(csv.DictReader(file))
        return [" ".join(r["text"].split()) for r in rows], [r["category"] for r in rows]

    return read("train.csv"), read("test.csv")


def clinc() -> dict[str, Pairs]:
    found: dict[str, Pairs] = defaultdict(lambda: ([], []))
    with gzip.open(DATA / "clinc150" / "data_full.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            found[row["split"]][0].append(row["text"])
            found[row["split"]][1].append(row["intent"])
    return dict(found)


def part(pairs: Pairs, each: int, rng: random.Random) -> tuple[Pairs, Pairs]:
    """`each` examples of every label, and the rest."""
    by: dict[str, list[str]] = defaultdict(list)
    for text, label in zip(*pairs, strict=True):
        by[label].append(text)
    one: Pairs = ([], [])
    other: Pairs = ([], [])
    for label, texts in sorted(by.items()):
        rng.shuffle(texts)
        for n, text in enumerate(texts):
            side = one if n < each else other
            side[0].append(text)
            side[1].append(label)
    return one, other


def titled(pairs: Pairs) -> Pairs:
    """With each label's name as an example, as a workspace's lesson has the titles of its intents."""
    names = sorted(set(pairs[1]))
    return [*pairs[0], *(name.replace("_", " ") for name in names)], [*pairs[1], *names]


def judged(model: Intents, test: Pairs) -> tuple[float, float]:
    """(accuracy, expected calibration error)."""
    logits, _ = model._run(test[0])
    probabilities = model.probabilities(logits)[:, : len(model.names)]
    said = probabilities.argmax(1)
    right = np.array([model.names[i] == label for i, label in zip(said, test[1], strict=True)])
    return float(right.mean()), understanding.calibration_error(probabilities.max(1), right)


def milliseconds(model: Intents, texts: Sequence[str]) -> float:
    """Median of single messages, after a few to warm up."""
    took = []
    for n, text in enumerate(texts):
        began = time.perf_counter()
        model.read(text)
        if n >= 10:
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def heard(step: int, steps: int, told: dict[str, float]) -> None:
    if step % 200 == 0:
        print(f"  {step}/{steps} loss {told['loss']:.3f}", flush=True)


def auroc(inside: np.ndarray, outside: np.ndarray) -> float:
    """Chance that an in-scope text scores above an out-of-scope one."""
    ranks = np.argsort(np.argsort(np.concatenate([inside, outside]))) + 1
    n, m = len(inside), len(outside)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def full(recipe: Recipe) -> list[dict[str, Any]]:
    train, test = banking()
    held, learned = part(train, 5, random.Random(0))
    began = time.perf_counter()
    model = understanding.train(*titled(learned), held, recipe=recipe, heard=heard)
    took = time.perf_counter() - began
    model.serve()
    accuracy, ece = judged(model, test)
    n = len(test[0])
    return [
        bench.row("banking77.accuracy", accuracy * 100, "%", n=n, goal=">= 94", peer=93.3,
                  peer_name="fine-tuned MiniLM, measured before"),
        bench.row("banking77.ece", ece, "", n=n, goal="<= 0.02", peer=0.034,
                  peer_name="fine-tuned MiniLM, measured before"),
        bench.row("intent.p50_ms", milliseconds(model, test[0][:200]), "ms", n=190,
                  goal="<= 5", peer=18, peer_name="frozen MiniLM + LR, measured before"),
        bench.row("banking77.train_s", took, "s"),
    ]  # fmt: skip


def ten(recipe: Recipe) -> list[dict[str, Any]]:
    train, test = banking()
    found = []
    for seed in (0, 1, 2):
        shots, rest = part(train, 10, random.Random(seed))
        held, _ = part(rest, 2, random.Random(seed))
        model = understanding.train(*titled(shots), held, recipe=recipe)
        found.append(judged(model, test)[0] * 100)
        print(f"  seed {seed}: {found[-1]:.2f}", flush=True)
    return [bench.row("banking77.ten_shot", statistics.mean(found), "%", n=len(found),
                      goal=">= 87", interval=[round(min(found), 2), round(max(found), 2)],
                      peer=87, peer_name="published 84-90")]  # fmt: skip


def scope(recipe: Recipe) -> list[dict[str, Any]]:
    sets = clinc()
    model = understanding.train(
        *titled(sets["train"]),
        sets["val"],
        recipe=recipe,
        outside=sets["oos_train"][0],
        heard=heard,
    )
    logits, vectors = model._run(sets["test"][0])
    outside, far = model._run(sets["oos_test"][0])
    p, q = model.probabilities(logits), model.probabilities(outside)
    inside_scope, outside_scope = model.scope(p, vectors), model.scope(q, far)
    right = np.array(model.names)[p[:, : len(model.names)].argmax(1)] == np.array(sets["test"][1])
    threshold = float(np.quantile(inside_scope, 0.05))
    return [
        bench.row("clinc150.in_scope", float(right.mean()) * 100, "%", n=len(right),
                  goal=">= 96", peer=93.8, peer_name="frozen MiniLM + LR"),
        bench.row("clinc150.oos_recall", float((outside_scope < threshold).mean()) * 100, "%",
                  n=len(outside_scope), goal=">= 85", peer=79, peer_name="frozen MiniLM + LR"),
        bench.row("clinc150.auroc", auroc(inside_scope, outside_scope), "", n=len(right),
                  goal=">= 0.97", peer=0.957, peer_name="frozen MiniLM + LR"),
        bench.row("clinc150.ece", understanding.calibration_error(
            p[:, : len(model.names)].max(1), right), "", n=len(right)),
    ]  # fmt: skip


SHOTS = Recipe(epochs=25, rate=6e-5, batch=80, each=5, contrast=1.0)


def main() -> None:
    bench.write(
        "intents", [*full(Recipe()), *ten(SHOTS), *scope(Recipe(epochs=4))], command="make prove"
    )


if __name__ == "__main__":
    parts = {"banking77": lambda: full(Recipe()), "ten": lambda: ten(SHOTS),
             "clinc150": lambda: scope(Recipe(epochs=4))}  # fmt: skip
    for name in sys.argv[1:]:
        for row in parts[name]():
            print(row["metric"], row["ours"], row["unit"], flush=True)
