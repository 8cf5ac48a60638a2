"""The engines on a tiny model: the same adapter on both, nothing of one workspace in another."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.workers import tiny as tiny_model
from workers.engines import ranking, tuning
from workers.engines.embedding import Encoder
from workers.engines.loading import ModelFolder, local_runtime
from workers.engines.openvino_runtime import OpenVINORuntime
from workers.engines.protocol import AdapterMissing, Completion, DeadlinePassed, Request
from workers.engines.transformers_runtime import TransformersRuntime

SYSTEM = {"role": "system", "content": "You write."}
PROMPT = [SYSTEM, {"role": "user", "content": "Write about tea."}]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def lesson(model: Path, word: str, **changes: object) -> tuning.Lesson:
    good, bad = f"{word} " * 6, "nothing at all"
    values = {
        "model": str(model),
        "examples": [tuning.Example(PROMPT, good)] * 8,
        "pairs": [tuning.Pair(PROMPT, good, bad)] * 4,
        "held_out_examples": [tuning.Example(PROMPT, good)],
        "held_out_pairs": [tuning.Pair(PROMPT, good, bad)] * 2,
        "epochs": 30, "pair_epochs": 2, "rate": 2e-2,
        **changes,
    }  # fmt: skip
    return tuning.Lesson(**values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def adapters(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """Two workspaces' adapters: each learned a word of its own."""
    found = {}
    for word in ("zebra", "violin"):
        folder = tmp_path_factory.mktemp(word)
        result = tuning.train(lesson(tiny, word), folder, lambda *_: None)
        assert result["after"]["nats_per_token"] < result["before"]["nats_per_token"] / 2
        assert result["after"]["right"] == 2
        files = {n: (folder / "adapter" / n).read_bytes()
                 for n in ("adapter_config.json", "adapter_model.safetensors")}  # fmt: skip
        found[hashlib.sha256(word.encode()).hexdigest()] = files
    return found


def ask(**changes: object) -> Request:
    values = {"messages": PROMPT, "n": 1, "max_new_tokens": 12, "temperature": 0.0, "top_p": 1.0,
              "seed": 1, "seconds": 60.0, **changes}  # fmt: skip
    return Request(**values)  # type: ignore[arg-type]


def test_training_writes_a_curve_of_both_phases_and_the_adapter(tiny: Path, tmp_path: Path):
    steps = []
    result = tuning.train(
        lesson(tiny, "oak", epochs=2, pair_epochs=1), tmp_path, lambda *step: steps.append(step)
    )
    assert [p["phase"] for p in result["curve"]] == ["approved"] * 2 + ["preferred"]
    assert [(s[0], s[1]) for s in steps] == [(1, 3), (2, 3), (3, 3)]
    assert len(result["before"]["margins"]) == len(result["after"]["margins"]) == 2
    assert (tmp_path / "adapter" / "adapter_model.safetensors").exists()


def test_a_prompt_that_is_too_long_loses_its_beginning_and_keeps_the_answer(tiny: Path):
    tokenizer, _ = tuning.load(str(tiny))
    long = [SYSTEM, {"role": "user", "content": "tea " * 3000}]
    row = tuning.encode(tokenizer, long, "a cup", 64, 1.0)
    assert len(row.ids) == 64
    assert tokenizer.decode(row.ids[row.start :]) == "a cup<|im_end|>"


@pytest.mark.parametrize("engine", [OpenVINORuntime, TransformersRuntime])
def test_each_adapter_says_its_own_word_and_the_base_neither(engine, tiny, cache, adapters):
    runtime = engine(str(tiny), cache)
    one, other = adapters
    for digest, files in adapters.items():
        runtime.bring(digest, files)
    asked = [ask(adapter=one), ask(), ask(adapter=other), ask(adapter=one)]
    said = [row[0].text for row in runtime.generate_many(asked)]
    assert ["zebra" in s for s in said] == [True, False, False, True]
    assert ["violin" in s for s in said] == [False, False, True, False]
    assert said[0] == said[3]
    again = [row[0].text for row in runtime.generate_many(asked[::-1])]
    assert again == said[::-1]  # no order of requests leaves anything of one in another


def test_an_adapter_is_worth_the_same_on_both_engines(tiny, cache, adapters):
    """Greedy text of the serving engine against likelihoods of the training engine: the text that
    OpenVINO writes under an adapter is what torch finds likeliest under it, word for word."""
    digest, files = next(iter(adapters.items()))
    serving, training = OpenVINORuntime(str(tiny), cache), TransformersRuntime(str(tiny), cache)
    for runtime in (serving, training):
        runtime.bring(digest, files)
    first = serving.generate(ask(adapter=digest))[0].text
    assert training.generate(ask(adapter=digest))[0].text == first
    with_it, without = (training.score(PROMPT, [first], a)[0].nats for a in (digest, ""))
    assert with_it > without + 10
    assert serving.score(PROMPT, [first], digest)[0].nats == pytest.approx(with_it, abs=0.5)


def test_scores_do_not_depend_on_their_neighbours(tiny, cache):
    runtime = TransformersRuntime(str(tiny), cache)
    texts = ["tea", "a much longer text about tea and cups", "cups"]
    together = [s.nats for s in runtime.score(PROMPT, texts)]
    alone = [runtime.score(PROMPT, [t])[0].nats for t in texts]
    assert together == pytest.approx(alone, abs=1e-3)
    assert runtime.score(PROMPT, ["", "tea"])[0].tokens == 0


def test_an_adapter_that_was_not_brought_is_said(tiny, cache):
    for engine in (OpenVINORuntime, TransformersRuntime):
        with pytest.raises(AdapterMissing):
            engine(str(tiny), cache).generate(ask(adapter="0" * 64))
        with pytest.raises(ValueError, match="SHA-256"):
            engine(str(tiny), cache).has("../../etc")


def test_the_openvino_engine_keeps_its_deadline_and_is_free_afterwards(tiny, cache):
    runtime = OpenVINORuntime(str(tiny), cache)
    with pytest.raises(DeadlinePassed):
        runtime.generate(ask(seconds=0.0, max_new_tokens=900, temperature=0.9, n=4))
    assert len(runtime.generate(ask(temperature=0.9, n=3))) == 3


def test_what_is_written_is_heard_while_it_is_written(tiny, cache):
    heard: list[tuple[int, int, str]] = []
    runtime = OpenVINORuntime(str(tiny), cache)
    found = runtime.generate_many([ask(temperature=0.8, n=2), ask()], lambda *h: heard.append(h))
    assert [len(row) for row in found] == [2, 1]
    assert {(i, s) for i, s, _ in heard} == {(0, 0), (0, 1), (1, 0)}
    assert len(heard) > 6


def test_a_folder_that_holds_no_model_is_refused_and_named(tmp_path, tiny):
    with pytest.raises(ModelFolder, match=tmp_path.name):
        local_runtime("auto", str(tmp_path), tmp_path)
    broken = tmp_path / "broken"
    shutil.copytree(tiny, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    for kind in ("openvino", "transformers"):
        with pytest.raises(ModelFolder, match="broken"):
            local_runtime(kind, str(broken), tmp_path)


def test_the_training_process_says_when_memory_is_gone(tiny: Path, tmp_path: Path):
    """A real process with a real limit on its memory: a little above what importing takes."""
    tuning.write(lesson(tiny, "oak"), tmp_path / "lesson.json")
    limited = (
        "import resource, pathlib, sys; from workers.engines import tuning;"
        "pages = int(pathlib.Path('/proc/self/statm').read_text().split()[0]);"
        "most = pages * resource.getpagesize() + 20_000_000;"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most));"
        f"sys.exit(tuning.main(pathlib.Path({str(tmp_path)!r})))"
    )
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True,
                          check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip
    assert done.returncode == tuning.OUT_OF_MEMORY, done.stderr[-500:]
    assert not (tmp_path / "result.json").exists()


def test_the_lesson_travels_as_json(tiny: Path, tmp_path: Path):
    written = lesson(tiny, "oak", held_out_pairs=[])
    tuning.write(written, tmp_path / "lesson.json")
    assert tuning.read(tmp_path / "lesson.json") == written
    assert json.loads((tmp_path / "lesson.json").read_text())["beta"] == 0.1


def test_candidates_are_ranked_by_all_parts_and_kept_apart():
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    found = ranking.rank(
        {"likelihood": [-1.0, -1.01, -1.05, -2], "voice": [50, 50, 49, 20]}, vectors
    )
    assert [r.place for r in found] == [1, 3, 2, 4]  # the second says what the first says
    assert sum(r.p for r in found) == pytest.approx(1, abs=1e-3)
    assert found[0].p > found[2].p > found[3].p
    assert found[1].diversity == 0
    assert ranking.rank({}) == []


@pytest.mark.real_model
def test_the_packaged_encoder_puts_like_beside_like():
    encoder = Encoder()
    a, b, c = encoder.encode(["a warm cup of tea", "hot tea in a mug", "the engine of a truck"])
    assert a @ b > 0.6 > a @ c
    assert np.linalg.norm(a) == pytest.approx(1, abs=1e-5)


def test_what_no_database_holds_is_left_out_of_what_a_model_says():
    said = Completion("warm\x00 tea \ud83c and 茶 🍵", 5, True)
    assert said == Completion("warm tea  and 茶 🍵", 5, True)
