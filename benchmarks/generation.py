"""Copy on the CPU: new tokens, first token, ranking, tuning, memory; beside transformers, llama.cpp.

Each way is a process of its own, so its peak memory is its own. In a round every way works once, one
after the other; turn 0 warms up. New tokens a second include the prefill. Ours and llama.cpp keep
the shared prefix of earlier turns (ours not under an adapter); transformers reads it each time.
llama.cpp needs `ATTUNE_LLAMACPP_PYTHON`, a python that has xllamacpp; without it its rows are empty.
`ATTUNE_BENCH_QUICK=1` runs small sizes and keeps nothing.
"""

# ruff: noqa: PLC0415 - a process loads only what it measures, and llama.cpp's has none of Attune's

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import bench

FOLDER = Path(bench.ROOT) / "var" / "bench-generation"
CACHE, MODEL = FOLDER / "models", "smollm2-135m-instruct"
LLAMACPP, QUICK = os.environ.get("ATTUNE_LLAMACPP_PYTHON"), "ATTUNE_BENCH_QUICK" in os.environ
ROUNDS, REQUESTS, ALONE, NEW_TOKENS = (1, 4, 1, 8) if QUICK else (3, 32, 4, 48)
RANKED, WHOLE, LESSONS = (8, 2, 16) if QUICK else (64, 16, 200)
KEPT = (0, 1) if QUICK else (0, 1, 10, 50)  # adapters that were used when a turn ends
SAMPLED = {"temperature": 0.8, "top_p": 0.95}
LESSON_TOKENS, QUANTISED = 64, ("Q4_0", "Q8_0")
WORDS = ("tea", "green", "garden", "morning", "quiet", "leaf", "cup", "mountain", "new", "friend")
HALF = """You write marketing copy for a shop that sells tea and cups by mail. Write one short message
in plain and friendly English. Say only what the brief says: never invent a price, a date, a discount
or a promise about health. Name the product once, and end with one clear thing to do. """
SHARED = HALF * 2  # about 135 of a prompt's 154 tokens

Messages = list[dict[str, str]]
Figures = dict[str, float]
Turns = Iterator[int]  # a way takes a turn's number and yields what it measured in it


def words(seed: int, count: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def asked(turn: int) -> list[Messages]:
    """A round's prompts: one beginning, different ends, none asked before."""
    ends = [words(turn * REQUESTS + n, 10) for n in range(REQUESTS)]
    return [[{"role": "system", "content": SHARED}, {"role": "user", "content": e}] for e in ends]


def peak_mb() -> float:
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def rate(began: float, made: int) -> Figures:
    return {"per_s": made / (time.perf_counter() - began)}


def prepare() -> None:
    """Builds what the others read: weights, graph, GGUF files, adapters whose B is not zero."""
    import torch

    from workers.engines import openvino_runtime, transformers_runtime, tuning

    CACHE.mkdir(parents=True, exist_ok=True)
    openvino_runtime.graph_of(transformers_runtime.packaged_weights(CACHE), CACHE)
    for kind in QUANTISED:
        requantise(kind)
    model = tuning.adapted(tuning.load(MODEL, str(CACHE))[1], tuning.Lesson(MODEL, [], []))
    for number in range(KEPT[-1]):
        for name, weights in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weights, std=0.01)
        model.save_pretrained(FOLDER / "adapters" / str(number))


def requantise(kind: str) -> None:
    """The packaged Q4_1 weights in another form; embeddings stay in Q8_0, as they come."""
    import gguf

    from workers.engines.transformers_runtime import GGUF, PACKAGE

    packaged, wanted = gguf.GGMLQuantizationType.Q4_1, gguf.GGMLQuantizationType[kind]
    reader = gguf.GGUFReader(Path(find_spec(PACKAGE).submodule_search_locations[0]) / GGUF)
    writer = gguf.GGUFWriter(FOLDER / f"{kind}.gguf", "llama")
    for field in reader.fields.values():
        if not field.name.startswith(("GGUF.", "general.architecture")):
            writer.add_key_value(field.name, field.contents(), field.types[0], field.types[-1])
    for tensor in reader.tensors:
        form, data = tensor.tensor_type, tensor.data
        if form == packaged:
            form, data = wanted, gguf.quantize(gguf.dequantize(data, packaged), wanted)
        writer.add_tensor(tensor.name, data, raw_dtype=form)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def runtime_of() -> tuple[Any, Callable[..., Any]]:
    """Our runtime, and a request of one sample to it."""
    from workers.engines.openvino_runtime import OpenVINORuntime
    from workers.engines.protocol import Request

    return OpenVINORuntime(MODEL, CACHE), partial(Request, n=1, seed=0, seconds=600, **SAMPLED)


def brought(runtime: Any, number: int) -> str:
    """The digest under which the runtime now has this adapter."""
    files = {path.name: path.read_bytes() for path in (FOLDER / f"adapters/{number}").iterdir()}
    digest = hashlib.sha256(files["adapter_model.safetensors"]).hexdigest()
    runtime.bring(digest, files)
    return digest


def ours(turns: Turns, *, adapter: bool) -> Iterator[Figures]:
    runtime, request = runtime_of()
    digest = brought(runtime, 0) if adapter else ""
    for turn in turns:
        requests = [request(m, max_new_tokens=NEW_TOKENS, adapter=digest) for m in asked(turn)]
        began = time.perf_counter()
        found = runtime.generate_many(requests)
        yield rate(began, sum(one.new_tokens + one.finished for (one,) in found))


def plain(turns: Turns, *, batch: int, count: int) -> Iterator[Figures]:
    """`generate` of transformers in bfloat16, `batch` prompts at once."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(CACHE / MODEL, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(CACHE / MODEL, dtype=torch.bfloat16).eval()
    form = {"add_generation_prompt": True, "padding": True, "return_tensors": "pt"}
    how = {**SAMPLED, "do_sample": True, "pad_token_id": tokenizer.eos_token_id}
    for turn in turns:
        prompts, made, began = asked(turn)[:count], 0, time.perf_counter()
        for at in range(0, count, batch):
            rows = tokenizer.apply_chat_template(prompts[at : at + batch], return_dict=True, **form)
            out = model.generate(**rows, **how, max_new_tokens=NEW_TOKENS)  # (B, T + new)
            ends = out[:, rows["input_ids"].shape[1] :] == tokenizer.eos_token_id  # (B, new)
            made += int((ends.cumsum(1) - ends.long() == 0).sum())  # up to the first end, with it
        yield rate(began, made)


def llamacpp(turns: Turns, *, kind: str) -> Iterator[Figures]:
    """llama.cpp's server in this process: a slot a request, each keeps its prefix; its sampler."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.verbosity = str(FOLDER / f"{kind}.gguf"), 0
    params.n_parallel, params.n_ctx = REQUESTS, REQUESTS * 320
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = os.cpu_count()
    server = xllamacpp.Server(params)

    def made(messages: Messages) -> int:
        asking = {"messages": messages, "max_tokens": NEW_TOKENS, **SAMPLED}
        return server.handle_chat_completions(asking)["usage"]["completion_tokens"]

    for turn in turns:
        with ThreadPoolExecutor(REQUESTS) as pool:
            began = time.perf_counter()
            yield rate(began, sum(pool.map(made, asked(turn))))


def first_token(turns: Turns) -> Iterator[Figures]:
    """One request after a second of rest, behind a beginning never seen."""
    runtime, request = runtime_of()
    for turn in turns:
        messages = [{"role": "user", "content": f"{words(turn, 4)}. {SHARED}"}]
        time.sleep(1)
        heard, began = [], time.perf_counter()
        asking = [request(messages, max_new_tokens=4)]
        runtime.generate_many(asking, lambda *_, to=heard: to.append(time.perf_counter()))
        yield {"seconds": heard[0] - began}


def ranking(turns: Turns) -> Iterator[Figures]:
    runtime, _ = runtime_of()
    for turn in turns:
        texts = [words(turn * RANKED + n, 30) for n in range(RANKED)]
        began = time.perf_counter()
        runtime.score(asked(0)[0], texts)
        yield rate(began, RANKED)


def ranking_whole(turns: Turns) -> Iterator[Figures]:
    """The plain way: prompt and text through the whole model in float32, one text at a time."""
    from workers.engines.transformers_runtime import TransformersRuntime

    peer = TransformersRuntime(MODEL, CACHE)
    peer.model.requires_grad_(False)
    form = {"return_tensors": "pt", "return_dict": True}
    for turn in turns:
        began = time.perf_counter()
        for n in range(WHOLE):
            said = {"role": "assistant", "content": words(turn * RANKED + n, 30)}
            rows = peer.tokenizer.apply_chat_template([*asked(0)[0], said], **form)
            peer.model(**rows, labels=rows["input_ids"]).loss.item()
        yield rate(began, WHOLE)


def lora(turns: Turns) -> Iterator[Figures]:
    """One epoch of the supervised phase, loading included; the later half of a row is learned."""
    from workers.engines.tuning import Example, Lesson, train

    for turn in turns:
        examples = [Example(asked(0)[0], words(n, 80)) for n in range(LESSONS if turn else 8)]
        lesson = Lesson(MODEL, examples, [], str(CACHE), epochs=1, most_tokens=LESSON_TOKENS)
        result = train(lesson, FOLDER / "tuned", lambda *_: None)
        assert result["tokens"] == len(examples) * LESSON_TOKENS
        yield {"per_s": result["tokens_per_s"], "seconds": result["seconds"]}


def many_adapters(turns: Turns) -> Iterator[Figures]:
    """When turn t ends, KEPT[t] adapters were brought and each has made tokens."""
    runtime, request = runtime_of()
    for turn in turns:
        for number in range(KEPT[turn - 1] if turn else 0, KEPT[turn]):
            digest = brought(runtime, number)
            runtime.generate(request(asked(turn)[0], max_new_tokens=8, adapter=digest))
        yield {f"{KEPT[turn]}": peak_mb()}


ONE, BATCH = "transformers bfloat16, one by one", "transformers bfloat16, batch"
WHOLE_EACH, PUBLISHED = "transformers float32, whole prompt each", "published bfloat16"
WAYS: dict[str, Callable[[Turns], Iterator[Figures]]] = {
    **{way.__name__: way for way in (first_token, ranking, lora, many_adapters)},
    "ours": partial(ours, adapter=False),
    "adapter": partial(ours, adapter=True),
    ONE: partial(plain, batch=1, count=ALONE),
    BATCH: partial(plain, batch=REQUESTS, count=REQUESTS),
    WHOLE_EACH: ranking_whole,
    **{f"llama.cpp {kind}": partial(llamacpp, kind=kind) for kind in QUANTISED},
}
TABLE = (  # metric, way, figure, unit ("x": ours / peer), goal, peer
    ("generation.tokens_per_s", "ours", "per_s", "tokens/s", 300, None),
    ("generation.adapter_tokens_per_s", "adapter", "per_s", "tokens/s", None, None),
    ("generation.transformers_ratio", "ours", "per_s", "x", 3, BATCH),
    ("generation.one_by_one_ratio", "ours", "per_s", "x", None, ONE),
    ("generation.llamacpp_ratio", "ours", "per_s", "x", 0.75, "llama.cpp Q4_0"),
    ("generation.llamacpp_q8_ratio", "ours", "per_s", "x", None, "llama.cpp Q8_0"),
    ("generation.adapter_llamacpp_ratio", "adapter", "per_s", "x", None, "llama.cpp Q4_0"),
    ("generation.first_token_s", "first_token", "seconds", "s", 0.3, None),
    ("generation.peak_mb", "ours", "peak_mb", "MB", 1500, None),
    *((f"generation.adapters_{n}_mb", "many_adapters", f"{n}", "MB", 1500, None) for n in KEPT[1:]),
    ("ranking.texts_per_s", "ranking", "per_s", "texts/s", 30, None),
    ("ranking.transformers_ratio", "ranking", "per_s", "x", None, WHOLE_EACH),
    ("ranking.peak_mb", "ranking", "peak_mb", "MB", 1500, None),
    ("lora.tokens_per_s", "lora", "per_s", "tokens/s", None, PUBLISHED),
    ("lora.seconds", "lora", "seconds", "s", None, PUBLISHED),
)


@contextmanager
def working(name: str) -> Iterator[Callable[[int], Figures]]:
    """A way's process, which works a turn when told its number."""
    python, pipe = LLAMACPP if name.startswith("llama") else sys.executable, subprocess.PIPE
    command = [python, "-m", "benchmarks.generation", name]
    with (FOLDER / f"{name}.log").open("w") as log:
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, text=True)

    def turn(number: int) -> Figures:
        print(number, file=process.stdin, flush=True)
        for line in process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"{name} failed; see {log.name}")

    try:
        yield turn
    finally:
        process.kill()
        process.wait()


def measured(*names: str) -> dict[str, list[Figures]]:
    """What each way measured in every round; all have warmed up before the first."""
    with ExitStack() as stack:
        turns = {name: stack.enter_context(working(name)) for name in names}
        rounds = [{n: turns[n](r) for n in names} for r in range(ROUNDS + 1)]
    return {name: [one[name] for one in rounds[1:]] for name in names}


def row(
    found: dict[str, list[Figures]], metric: str, way: str, key: str, unit: str,
    goal: float | None, peer: str | None,
) -> dict[str, Any]:  # fmt: skip
    """One line of the table: the median of the rounds, of memory the highest; and the range."""
    if peer and peer not in found:
        reason = "ATTUNE_LLAMACPP_PYTHON is not set"
        return bench.row(metric, 0, reason, goal=goal, n=0, peer_name=peer) | {"ours": "–"}
    values = [one[key] for one in found[way] if key in one]
    others = [one[key] for one in found[peer]] if peer else []
    more = {"peer": round(statistics.median(others), 1), "peer_name": peer} if peer else {}
    if unit == "x":
        values = [a / b for a, b in zip(values, others, strict=True)]
    middle = max(values) if unit == "MB" else statistics.median(values)
    more["interval"] = [round(min(values), 3), round(max(values), 3)]
    return bench.row(metric, middle, unit, goal=goal, n=len(values), **more)


def main() -> None:
    busy = os.getloadavg()[0]
    prepare()
    llama = [name for name in WAYS if name.startswith("llama") and LLAMACPP]
    found = {PUBLISHED: [{"per_s": 267.0, "seconds": 48.0}]}  # design/targets.md; float32: 69 s
    for names in (("ours", "adapter", BATCH, ONE, *llama), ("first_token",),
                  ("ranking", WHOLE_EACH), ("lora",), ("many_adapters",)):  # fmt: skip
        found |= measured(*names)
    rows = [row(found, *line) for line in TABLE]
    rows.append(bench.row("generation.load_before", busy, "processes beside us at the start"))
    if QUICK:
        print(json.dumps(rows))
    else:
        bench.write("generation", rows, command="python -m benchmarks.run generation")


if __name__ == "__main__":
    for figures in WAYS[sys.argv[1]](int(line) for line in sys.stdin):
        print(json.dumps(figures | {"peak_mb": peak_mb()}), flush=True)
