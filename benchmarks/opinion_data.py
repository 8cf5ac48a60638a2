"""The public sets that the opinion models learn from and are judged by, as lessons."""

from __future__ import annotations

import csv
import gzip
import html
import json
import math
import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from workers.engines.opinions import Lesson

DATA = Path(__file__).resolve().parents[2] / "shared/data"
csv.field_size_limit(10**8)
HELD = 0  # the fifth of the Amazon reviews that no shipped reader learned from


def sst2(split: str) -> list[tuple[str, int]]:
    lines = (DATA / f"sst2/{split}.tsv").read_text().splitlines()
    return [(text, int(label)) for text, label in (line.split("\t") for line in lines)]


def rated(name: str) -> list[tuple[str, float, str]]:
    """(review or tweet, mean rating from -4 to 4, text); of Amazon, the review is before the _."""
    with (DATA / f"reviews_vader/{name}.csv").open(newline="") as file:
        return [
            (row["id"].split("_")[0], float(row["mean_rating"]),
             html.unescape(row["text"].lstrip("\ufeff")))
            for row in csv.DictReader(file)
        ]  # fmt: skip


def terms(domain: str, split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in
            (DATA / f"semeval14_absa/{domain}_{split}.jsonl").read_text().splitlines()]  # fmt: skip


def soft(rating: float) -> tuple[float, float, float]:
    """Probabilities of (negative, neutral, positive) for a mean rating: ±0.6 is even, ±1.5 sure."""
    felt = 1 / (1 + math.exp(-4 * (abs(rating) - 0.6)))
    return (felt if rating < 0 else 0.0, 1 - felt, felt if rating >= 0 else 0.0)


def folds(n: int = 5) -> dict[str, int]:
    """Amazon review → fold: sentences of one review stay together."""
    reviews = sorted({review for review, _, _ in rated("amazon_snippets")})
    random.Random(0).shuffle(reviews)
    return {review: i % n for i, review in enumerate(reviews)}


def english() -> list[Lesson]:
    """Everything but the test sets and the fifth of the Amazon reviews that is held out."""
    of = folds()
    lessons = [Lesson(t, (1.0 - y, 0.0, float(y))) for t, y in sst2("train")]
    lessons += [Lesson(t, soft(r), r) for review, r, t in rated("amazon_snippets")
                if of[review] != HELD]  # fmt: skip
    lessons += [Lesson(t, soft(r), r) for _, r, t in rated("tweets")]
    for domain in ("laptops", "restaurants"):
        lessons += [
            Lesson(row["text"], terms=tuple(
                (a["from"], a["to"], "" if a["polarity"] == "conflict" else a["polarity"])
                for a in row["aspects"]))
            for row in terms(domain, "train")
        ]  # fmt: skip
    return lessons


@cache
def shopping() -> tuple[list[tuple[str, int]], np.ndarray, np.ndarray]:
    """Chinese reviews with their label, and the rows of a random 80/20 split with seed 0."""
    from sklearn.model_selection import train_test_split  # noqa: PLC0415 - a peer's, not ours

    path = DATA / "online_shopping_10_cats/online_shopping_10_cats.csv.gz"
    with gzip.open(path, "rt", newline="") as file:
        rows = [(row["review"].lstrip("\ufeff").strip(), int(row["label"]))
                for row in csv.DictReader(file)]  # fmt: skip
    train, test = train_test_split(np.arange(len(rows)), test_size=0.2, random_state=0)
    return rows, train, test
