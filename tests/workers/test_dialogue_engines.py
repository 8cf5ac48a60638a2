"""The engines of a dialogue version, with a tiny encoder made on the fly."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.workers import tiny_encoder
from tests.workers.test_answering import tiny
from workers import model_tasks
from workers.engines import finetuning, policy, tracking, understanding
from workers.engines.policy import Event
from workers.engines.tracking import Filled, Ontology, Turn, Understood
from workers.engines.tracking_features import features

assert model_tasks
assert tiny
SHORT = {"epochs": 12, "batch": 8, "rate": 2e-3, "head_rate": 5e-3, "average": 0.9}
AREAS = ("north", "south", "east", "west")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.make(tmp_path_factory.mktemp("encoder"))


def sentences() -> tuple[list[str], list[str]]:
    texts = [f"where is my {w}" for w in ("parcel", "order", "box", "tea", "cup", "tin", "bag")]
    texts += [f"stop the {w}" for w in ("mails", "letters", "news", "offers", "ads", "spam", "it")]
    return texts, ["status"] * 7 + ["stop"] * 7


def test_intents_are_learned_kept_and_read_again(base, tmp_path):
    texts, labels = sentences()
    held = (["where is my jar", "stop the mail"], ["status", "stop"])
    recipe = understanding.Recipe(**SHORT)
    model = understanding.train(texts, labels, held, recipe=recipe, base=base, outside=["la la la"])
    assert [r.ranking[0][0] for r in model.read_many(held[0])] == held[1]
    model.save(tmp_path)
    again = understanding.Intents.load(tmp_path, base)
    for one, other in zip(model.read_many(texts), again.read_many(texts), strict=True):
        assert one.ranking[0][0] == other.ranking[0][0]
        assert one.ranking[0][1] == pytest.approx(other.ranking[0][1], abs=0.02)
        assert one.in_scope == other.in_scope
    with pytest.raises(ValueError, match="two intents"):
        understanding.train(["a"], ["x"], (["a"], ["x"]), base=base)


def test_contrast_is_the_mean_surprise_at_texts_of_the_same_label():
    pooled = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0], [0.0, 1.0]])
    target, known = torch.tensor([0, 0, 1, 2]), torch.tensor([True, True, True, True])
    # of text 0: e^1 against e^1 + e^0 + e^0, as of text 1; texts 2 and 3 have no equal
    one = -math.log(math.e / (math.e + 2))
    found = understanding.contrast(pooled, target, known, 1.0)
    assert float(found) == pytest.approx(one, abs=1e-6)
    sharp = understanding.contrast(pooled, target, known, 0.5)
    assert float(sharp) == pytest.approx(-math.log(math.e**2 / (math.e**2 + 2)), abs=1e-6)
    nothing = understanding.contrast(pooled, target, torch.tensor([False] * 4), 1.0)
    assert float(nothing) == 0


def test_batches_hold_every_row_once_and_several_of_a_label():
    rows = [(f"{label} {n}", label) for label in range(5) for n in range(9)]
    recipe = understanding.Recipe(batch=8, each=4)
    batches = understanding._dealt(rows, recipe, random.Random(0))
    assert sorted(row for batch in batches for row in batch) == sorted(rows)
    assert all(len({label for _, label in batch}) <= 2 for batch in batches)
    kept = understanding._remembered([t for t, _ in rows], [str(n) for _, n in rows],
                                     understanding.Recipe(remembered=3))  # fmt: skip
    assert [sum(t.startswith(f"{n} ") for t in kept) for n in range(5)] == [3] * 5


def test_a_training_ends_with_the_epoch_that_learned_enough(base):
    encoder, _, width = finetuning.encoder(base)
    network = understanding.Network(encoder, width, 2)

    def steps(enough: float) -> int:
        given = iter([3.0, 1.0, 0.5, 0.3, 0.2, 0.0])
        seen = []

        def loss(batch: list[str]) -> torch.Tensor:
            seen.extend(batch)
            return network.head.weight.sum() * 0 + next(given)

        plan = finetuning.Plan(epochs=3, enough=enough)
        finetuning.fit(network, lambda rng: [["a"], ["b"]], loss, plan)
        return len(seen)

    assert steps(0.45) == 4  # the epochs' means are 2, 0.4 and 0.1
    assert steps(0.05) == 6
    assert steps(0.0) == 6


def test_calibration_error_is_the_mean_gap_of_the_bins():
    sure = np.array([0.95, 0.95, 0.55, 0.55])
    assert understanding.calibration_error(sure, np.array([1, 1, 1, 0])) == pytest.approx(0.05)
    assert understanding.calibration_error(sure, np.array([0, 0, 1, 0])) == pytest.approx(0.5)


def test_features_say_where_a_value_stands():
    turn = Turn("Do you like the north?", "not the south, the Easst", ("area",),
                (("area", "north"),))  # fmt: skip
    found, gates = features(turn, "area", AREAS)
    assert found[1].tolist() == [1, 1, 0, 0, 1, 1]  # south: said, nearly, …, alone, after "not"
    assert found[0, 2:4].tolist() == [1, 1]  # north: by the house, offered
    assert found[2, 1] > 0.5  # east, misspelt
    assert gates.tolist() == [1, 1, 1, 0, 0]
    assert features(Turn("", "any part will do"), "area", AREAS)[1][3] == 1


def booked(n: int = 40) -> list[Turn]:
    found = []
    for i in range(n):
        area = AREAS[i % 4]
        found.append(Turn("Which area?", f"the {area} please", ("area",), (), (("area", area),)))
        found.append(
            Turn("It is a nice place.", "what is the phone number", (), (), (), ("phone",))
        )
        found.append(Turn("Anything else?", "no thank you"))
    return found


def test_a_tracker_fills_slots_with_values_it_never_saw(base, tmp_path):
    recipe = tracking.Recipe(**{**SHORT, "epochs": 8})
    model = tracking.train(
        booked(), Ontology({"area": AREAS}, ("phone",)), recipe=recipe, base=base
    )
    asked = [Turn("Which area?", "the east please", ("area",)), Turn("", "no thank you"),
             Turn("It is a nice place.", "what is the phone number")]  # fmt: skip
    read = model.read_many(asked)
    assert [[(f.slot, f.value) for f in u.filled] for u in read] == [[("area", "east")], [], []]
    assert [u.requested for u in read] == [(), (), ("phone",)]
    model.save(tmp_path)
    again = tracking.Tracker.load(tmp_path, base)
    assert [u.requested for u in again.read_many(asked)] == [(), (), ("phone",)]
    with pytest.raises(ValueError, match="needs turns"):
        tracking.train([], Ontology({"area": AREAS}), base=base)


def test_what_a_turn_fills_replaces_what_was_there():
    said = Understood((Filled("area", "north", 0.9),))
    assert tracking.follow({"area": "south", "food": "thai"}, said) == {
        "area": "north", "food": "thai"
    }  # fmt: skip


def dialogues(n: int = 30) -> list[list[Event]]:
    found = []
    for i in range(n):
        word = ("table", "call")[i % 2]
        found.append([
            Event("customer", f"a {word} please"), Event("house", f"When {word}?", f"ask_{word}"),
            Event("customer", "at ten"), Event("tool", "look", "query"), Event("result", "free"),
            Event("house", "Done.", "done"),
        ])  # fmt: skip
    return found


def test_a_policy_foretells_the_next_action(base, tmp_path):
    recipe = policy.Recipe(**{**SHORT, "batch": 4, "epochs": 6}, width=32)
    model = policy.train(dialogues(), recipe=recipe, base=base)
    one, other = dialogues(2)
    assert [c[0][0] for c in model.choose_each([one])[0]] == ["ask_table", "query", "done"]
    assert model.choose(other[:1])[0][0] == "ask_call"
    shares = [share for _, share in model.choose(one[:3])]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1 + 1e-5
    model.save(tmp_path)
    again = policy.Policy.load(tmp_path, base)
    assert again.choose(one[:3])[0][0] == "query"
    with pytest.raises(ValueError, match="two actions"):
        policy.train([[Event("house", "x", "a")]], base=base)
