"""The default runtime on a CPU: int8 weights by OpenVINO GenAI, adapters by request.

Continuous batching: prompts of one adapter run together, sequences of one prompt share its prefill,
and finished ones leave. The base and the adapters have a pipeline each: the cache of prefixes does
not know which adapter computed it, so only the base may keep one. Which adapter is active is a
state of its pipeline: `generate` sets it, `add_request` works under it (measured; a test holds it).
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino_genai as genai
from transformers import AutoTokenizer

from workers.engines import openvino_graph
from workers.engines.adapters import Shelf
from workers.engines.protocol import (
    AdapterMissing,
    Completion,
    DeadlinePassed,
    Heard,
    Likelihood,
    Messages,
    Progress,
    Request,
)
from workers.engines.transformers_runtime import PACKAGED, TransformersRuntime, packaged_weights

CACHE_GB, MOST_SEQUENCES, MOST_TOKENS = 1, 64, 4096
LOADED = 50  # adapters whose weights are kept ready


class OpenVINORuntime:
    """Generates with OpenVINO; scores with torch, where the logits of a few positions can be had
    without those of all."""

    def __init__(self, name: str, cache: Path, threads: int = 0) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        self.source = packaged_weights(cache) if name == PACKAGED else Path(name)
        self.folder = graph_of(self.source, cache)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(self.source)
        self.name = f"{Path(name).name} (OpenVINO, int8)"
        self.shelf, self.cache = Shelf(cache / "adapters"), cache
        self.options = {"INFERENCE_NUM_THREADS": threads or os.cpu_count() or 1}
        self.base = self._pipeline(prefixes=True)
        self.tuned: Any = None
        self.active = ""
        self.loaded: OrderedDict[str, Any] = OrderedDict()
        self.scorer: TransformersRuntime | None = None
        self.turn, self.number = threading.RLock(), 0

    def _pipeline(self, *, prefixes: bool, adapters: Any = None) -> Any:
        plan = genai.SchedulerConfig()
        plan.cache_size, plan.enable_prefix_caching = CACHE_GB, prefixes
        plan.max_num_batched_tokens, plan.max_num_seqs = MOST_TOKENS, MOST_SEQUENCES
        options = dict(self.options) if adapters is None else {**self.options, "adapters": adapters}
        return genai.ContinuousBatchingPipeline(str(self.folder), plan, "CPU", options)

    def generate(self, request: Request, progress: Progress | None = None) -> list[Completion]:
        made: dict[int, int] = {}

        def heard(_: int, sample: int, text: str) -> None:
            made[sample] = made.get(sample, 0) + 1
            if progress is not None:
                progress(sum(made.values()), request.n * request.max_new_tokens)

        return self.generate_many([request], heard)[0]

    def generate_many(
        self, requests: Sequence[Request], heard: Heard | None = None
    ) -> list[list[Completion]]:
        found: list[list[Completion]] = [[] for _ in requests]
        with self.turn:
            for adapter in dict.fromkeys(r.adapter for r in requests):
                chosen = [i for i, r in enumerate(requests) if r.adapter == adapter]
                pipeline = self._under(adapter)
                for index, completions in self._run(pipeline, requests, chosen, heard).items():
                    found[index] = completions
        return found

    def _run(
        self, pipeline: Any, requests: Sequence[Request], chosen: list[int], heard: Heard | None
    ) -> dict[int, list[Completion]]:
        began = time.monotonic()
        handles = {i: self._ask(pipeline, requests[i]) for i in chosen}
        tokens: dict[int, dict[int, list[int]]] = {i: {} for i in chosen}
        ends: dict[tuple[int, int], bool] = {}
        stopped: set[int] = set()
        try:
            while pipeline.has_non_finished_requests():
                pipeline.step()
                for i, handle in handles.items():
                    self._read(handle, i, tokens[i], ends, heard)
                    late = time.monotonic() - began > requests[i].seconds
                    if late and i not in stopped:
                        stopped.add(i)
                        handle.cancel()
        except BaseException:  # also a cancelled job: leave the pipeline empty for the next
            for handle in handles.values():
                handle.cancel()
            while pipeline.has_non_finished_requests():
                pipeline.step()
            raise
        found = {
            i: [self._completion(ids, ends.get((i, s), False)) for s, ids in sorted(rows.items())]
            for i, rows in tokens.items()
        }
        if stopped and not any(c.finished for i in stopped for c in found[i]):
            seconds = max(requests[i].seconds for i in stopped)
            raise DeadlinePassed(f"Nothing was finished within {seconds:.0f} seconds.")
        return found

    def _read(
        self, handle: Any, index: int, rows: dict[int, list[int]],
        ends: dict[tuple[int, int], bool], heard: Heard | None,
    ) -> None:  # fmt: skip
        """What a step brought: a token a sequence, or the rest."""
        if not handle.can_read():
            return
        for sample, (_, output) in enumerate(sorted(handle.read().items())):
            so_far = rows.setdefault(sample, [])
            so_far.extend(output.generated_ids)
            if output.finish_reason == genai.GenerationFinishReason.STOP:
                ends[index, sample] = True
            if heard is not None:
                heard(index, sample, self.tokenizer.decode(so_far, skip_special_tokens=True))

    def _ask(self, pipeline: Any, request: Request) -> Any:
        config = genai.GenerationConfig()
        config.max_new_tokens, config.num_return_sequences = request.max_new_tokens, request.n
        config.do_sample = request.temperature > 0
        if config.do_sample:
            config.temperature, config.top_p = request.temperature, request.top_p
        config.rng_seed, config.apply_chat_template = request.seed % 2**31, False
        config.eos_token_id = self.tokenizer.eos_token_id
        if not config.do_sample:
            config.num_return_sequences = 1
        self.number += 1
        return pipeline.add_request(self.number, self._ids(request.messages), config)

    def _ids(self, messages: Messages) -> ov.Tensor:
        ids = self.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=True
        )["input_ids"]
        return ov.Tensor(np.array([ids], dtype=np.int64))

    def _completion(self, ids: list[int], ended: bool) -> Completion:
        ended = ended or self.tokenizer.eos_token_id in ids
        kept = [i for i in ids if i != self.tokenizer.eos_token_id]
        text = self.tokenizer.decode(kept, skip_special_tokens=True)
        return Completion(text.strip(), len(kept), ended)

    def _under(self, adapter: str) -> Any:
        """The pipeline in which this adapter is active."""
        if not adapter:
            return self.base
        if not self.shelf.has(adapter):
            raise AdapterMissing(adapter)
        weights = self.loaded.pop(adapter, None)
        if weights is None:
            weights = genai.Adapter(str(self.shelf.path(adapter) / "adapter_model.safetensors"))
        self.loaded[adapter] = weights
        while len(self.loaded) > LOADED:
            self.loaded.popitem(last=False)
        chosen = genai.AdapterConfig()
        chosen.add(weights, self.shelf.scale(adapter))
        if self.tuned is None:
            self.tuned = self._pipeline(prefixes=False, adapters=chosen)
            self.active = ""
        if self.active != adapter:
            config = genai.GenerationConfig()
            config.max_new_tokens, config.adapters = 1, chosen
            config.apply_chat_template = False
            one = ov.Tensor(np.array([[self.tokenizer.eos_token_id]], dtype=np.int64))
            self.active = ""
            self.tuned.generate([one], [config])
            self.active = adapter
        return self.tuned

    def score(
        self, messages: Messages, texts: Sequence[str], adapter: str = ""
    ) -> list[Likelihood]:
        with self.turn:
            if self.scorer is None:
                self.scorer = TransformersRuntime(str(self.source), self.cache, half=True)
            return self.scorer.score(messages, texts, adapter)

    def has(self, adapter: str) -> bool:
        return self.shelf.has(adapter)

    def bring(self, adapter: str, files: dict[str, bytes]) -> None:
        self.shelf.bring(adapter, files)

    def count(self, messages: Messages) -> int:
        return int(self._ids(messages).shape[1])


def graph_of(source: Path, cache: Path) -> Path:
    """The model's graph, built once in `cache`."""
    folder = cache / f"{source.name}-openvino-int8"
    if (folder / "openvino_model.xml").exists():
        return folder
    partial = cache / f"{folder.name}.partial-{os.getpid()}"
    openvino_graph.convert(source, partial)
    if not folder.exists():
        partial.rename(folder)
    return folder
