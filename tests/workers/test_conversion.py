"""Conversion prediction: calibrated, alive to change, with reasons; and honest where it cannot be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workers.engines import conversion
from workers.engines.conversion import Recipe

QUICK = Recipe(halves=(math.inf, 400.0), blocks=3, trees=40)


def people(n: int, seed: int = 0, shift: float = 0.0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Orders and a plan make people convert; the colour of a shirt does not. `shift` moves all odds
    in the second half."""
    rng = np.random.default_rng(seed)
    columns = {
        "orders": rng.poisson(2, n).astype(float), "age": np.where(rng.random(n) < 0.3, np.nan, 40.0),
        "plan": rng.choice(["free", "club"], n), "shirt": rng.choice(["red", "blue", "green"], n),
    }  # fmt: skip
    odds = -2 + 0.6 * columns["orders"] + 1.2 * (columns["plan"] == "club")
    odds += np.where(np.arange(n) > n / 2, shift, 0.0)
    return columns, (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)


def part(columns: dict[str, np.ndarray], rows: slice) -> dict[str, np.ndarray]:
    return {name: values[rows] for name, values in columns.items()}


def auc(labels: np.ndarray, chances: np.ndarray) -> float:
    order = chances.argsort()
    ranks = np.empty(len(order))
    ranks[order] = np.arange(1, len(order) + 1)
    hits = labels.sum()
    return float((ranks[labels == 1].sum() - hits * (hits + 1) / 2) / hits / (len(labels) - hits))


@pytest.fixture(scope="module")
def fitted() -> conversion.Model:
    return conversion.fit(*people(3_000), QUICK)


def test_it_ranks_and_is_calibrated_on_people_it_never_saw(fitted):
    columns, labels = people(3_000, seed=1)
    chances = fitted.predict(columns)
    assert auc(labels, chances) > 0.72
    for low, high in ((0.0, 0.3), (0.3, 0.6), (0.6, 1.0)):
        inside = (chances >= low) & (chances < high)
        assert chances[inside].mean() == pytest.approx(labels[inside].mean(), abs=0.05)


def test_the_reasons_name_what_moves_a_person(fitted):
    columns, _ = people(200, seed=2)
    keen = int(np.argmax(columns["orders"]))
    told = fitted.reasons(part(columns, slice(keen, keen + 1)))[0]
    assert told[0][0] == "orders"
    assert told[0][1] > 0.8
    moved = dict(told)
    assert abs(moved.get("shirt", 0.0)) < 0.35


def test_a_kind_that_was_never_seen_and_an_unknown_number_are_no_error(fitted):
    odd = {"orders": np.array([np.nan]), "age": np.array([np.nan]),
           "plan": np.array(["gold"]), "shirt": np.array([""])}  # fmt: skip
    assert 0 < fitted.predict(odd)[0] < 1


def test_a_world_that_moved_is_followed():
    columns, labels = people(4_000, shift=2.0)
    model = conversion.fit(part(columns, slice(3_000)), labels[:3_000], QUICK)
    later = model.predict(part(columns, slice(3_000, 4_000)))
    assert later.mean() == pytest.approx(labels[3_000:].mean(), abs=0.06)
    assert labels[3_000:].mean() > labels[:2_000].mean() + 0.25


def test_too_little_is_refused_in_words():
    columns, labels = people(150)
    with pytest.raises(ValueError, match="needs 200 people"):
        conversion.fit(columns, labels)
    columns, labels = people(1_000)
    with pytest.raises(ValueError, match="20 of each kind"):
        conversion.fit(columns, np.zeros(1_000))


def test_how_many_converted_lately_looks_back_only():
    labels = np.array([1.0] * 300 + [0.0] * 300)
    found = conversion.lately(labels)
    assert found.shape == (601, 2)
    changed = conversion.lately(np.where(np.arange(600) >= 400, 1.0, labels))
    assert np.array_equal(found[:401], changed[:401])
    assert found[600, 0] < -2 < found[600, 1]
