"""Fine-tuning a small encoder on a workspace's examples: the loop that its readers share.

AdamW with a linear warm-up and slope, lower layers slower than upper ones (Howard and Ruder 2018),
gradients clipped at 1, and an average of the weights over time (EMA) that is what is kept.
"""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import openvino
import torch
from safetensors.numpy import load_file, save_file
from torch import nn
from transformers import AutoModel, AutoTokenizer

from workers.engines.embedding import packaged

logger = logging.getLogger(__name__)
TABLES: dict[Path, nn.Parameter] = {}  # the words of each encoder, once a process
WORDS = "word_embeddings.weight"
Heard = Callable[[int, int, dict[str, float]], None]  # step, of, {measure: value}
Batch = TypeVar("Batch")


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. `rate` is of the encoder's top layer; each layer below takes `decay` of it."""

    epochs: int = 6
    batch: int = 32
    rate: float = 8e-5
    decay: float = 0.9
    head_rate: float = 1e-3
    warmup: float = 0.1
    average: float = 0.995  # of the weights' moving average
    most_tokens: int = 64
    enough: float = 0.0  # an epoch whose mean loss is below ends the training
    seed: int = 0


def encoder(base: Path | None = None) -> tuple[Any, Any, int]:
    """The sentence encoder to start from, its tokenizer, and its width C. The table of its words
    stays as it is, half of all weights: every model in a process shares one, and none keeps it."""
    folder = base or packaged()
    model = AutoModel.from_pretrained(folder, attention_probs_dropout_prob=0.0)
    table = model.get_input_embeddings()
    table.weight = TABLES.setdefault(folder, table.weight.requires_grad_(False))
    return model, AutoTokenizer.from_pretrained(folder), int(model.config.hidden_size)


def mean(hidden: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """(B, T, C) and (B, T) to (B, C): the mean over the tokens that are there."""
    weight = seen.unsqueeze(-1)  # (B, T, 1)
    found: torch.Tensor = (hidden * weight).sum(1) / weight.sum(1)
    return found


def fit(
    network: nn.Module, epoch: Callable[[random.Random], Sequence[Batch]],
    loss: Callable[[Batch], torch.Tensor], plan: Plan, heard: Heard | None = None,
) -> None:  # fmt: skip
    """Train `network` (its encoder, if any, is `network.encoder`) on what `epoch` deals out; leaves
    it in eval mode with the averaged weights. Deterministic for one plan and machine."""
    rng = random.Random(plan.seed)  # noqa: S311
    batches = epoch(rng)
    steps = plan.epochs * len(batches)
    optimizer = torch.optim.AdamW(_groups(network, plan), weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: _slope(s, steps, plan))
    moving = [p for p in network.parameters() if p.requires_grad]
    average = [p.detach().clone() for p in moving]
    network.train()
    step = 0
    for number in range(plan.epochs):
        losses = []
        for batch in batches if number == 0 else epoch(rng):
            value = loss(batch)
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(moving, 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            losses.append(float(value.detach()))
            keep = min(plan.average, step / (step + 10))
            torch._foreach_lerp_(average, [p.detach() for p in moving], 1 - keep)
            if heard is not None and step % 10 == 0:
                heard(step, steps, {"loss": losses[-1]})
        if losses and sum(losses) / len(losses) < plan.enough:
            break
    with torch.no_grad():
        for parameter, mean_value in zip(moving, average, strict=True):
            parameter.copy_(mean_value)
    network.eval()


def _groups(network: nn.Module, plan: Plan) -> list[dict[str, Any]]:
    """Lower layers move less; what is not the encoder (a network may have none) moves most."""
    encoder = getattr(network, "encoder", None)
    depth = int(encoder.config.num_hidden_layers) if encoder is not None else 0
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.startswith("encoder."):
            layer = next((int(p) for p in name.split(".") if p.isdecimal()), -1)
            rate = plan.rate * plan.decay ** (depth - 1 - layer)
        else:
            rate = plan.head_rate
        groups.setdefault(rate, []).append(parameter)
    return [{"params": parameters, "lr": rate} for rate, parameters in groups.items()]


def _slope(step: int, steps: int, plan: Plan) -> float:
    rising = plan.warmup * steps
    if step < rising:
        return (step + 1) / rising
    return max(0.0, (steps - step) / max(1.0, steps - rising))


def compiled(
    graph: nn.Module, tokenizer: Any, *, brief: bool = False
) -> Callable[[dict[str, np.ndarray]], list[np.ndarray]] | None:
    """The graph on OpenVINO, for arrays of any batch and length; None where OpenVINO cannot.
    `brief`: in sixteen bits (bfloat16) where this CPU has them, twice as fast and good enough for
    classes."""
    example = dict(tokenizer(["a few words", "some"], padding=True, return_tensors="pt"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer warns of branches that do not vary here
            model = openvino.convert_model(graph.eval(), example_input=example)
        core = openvino.Core()
        brief = brief and "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        ready = core.compile_model(
            model, "CPU",
            {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "bf16" if brief else "f32"},
        )  # fmt: skip
    except RuntimeError as cannot:
        logger.warning("OpenVINO cannot read for us, torch does: %s", cannot)
        return None
    request = ready.create_infer_request()

    def run(inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        return [np.array(v) for v in request.infer(inputs).values()]

    return run


def batches(
    rows: Sequence[Batch], size: int, rng: random.Random, length: Callable[[Batch], int]
) -> list[list[Batch]]:
    """Shuffled batches of rows of like length, so that little is padded."""
    order = list(rows)
    rng.shuffle(order)
    chunk = size * 16
    found = []
    for at in range(0, len(order), chunk):
        near = sorted(order[at : at + chunk], key=length)
        found += [near[i : i + size] for i in range(0, len(near), size)]
    rng.shuffle(found)
    return found


def save(state: dict[str, Any], path: Path) -> None:
    """Weights (tensors or arrays) as safetensors, floats in half precision, without the table of
    words."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {k: np.asarray(v) for k, v in state.items() if not k.endswith(WORDS)}
    save_file({k: v.astype(np.float16) if v.dtype == np.float32 else v for k, v in arrays.items()},
              str(path))  # fmt: skip


def load(path: Path) -> dict[str, np.ndarray]:
    """What `save` kept, floats in single precision."""
    found = load_file(str(path))
    return {k: v.astype(np.float32) if v.dtype == np.float16 else v for k, v in found.items()}


def restore(network: nn.Module, state: dict[str, np.ndarray]) -> None:
    """Put kept weights into a network over a fresh encoder. Raises ValueError where one is missing
    or too many."""
    found = network.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()},
                                    strict=False)  # fmt: skip
    missing = [k for k in found.missing_keys if not k.endswith(WORDS)]
    if missing or found.unexpected_keys:
        raise ValueError(f"These weights belong to another model: {missing[:3]}")
    network.eval()
