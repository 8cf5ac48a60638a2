"""A tenant's adapter: LoRA on approved copy, then preference tuning. One file, top to bottom.

Supervised: minimise the negative log-likelihood of approved texts given their brief. Preference:
DPO (Rafailov et al. 2023, eq. 7), each pair weighted by how sure the evidence is,
  loss = -w log sigmoid(beta [(log p(c|x) - log p0(c|x)) - (log p(r|x) - log p0(r|x))]),
where p0 is the adapter as the supervised phase left it; its log-likelihoods are taken once. trl's
trainer has no weight a pair and wants a second model in memory, so the two losses stand here.

Run as a process of its own, `python -m workers.engines.tuning FOLDER`: FOLDER/lesson.json in,
FOLDER/adapter/ and FOLDER/result.json out, one JSON line of progress a step on stdout. A process
that is killed or runs out of memory takes nothing else with it.
"""

from __future__ import annotations

import json
import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import cross_entropy, logsigmoid
from transformers import AutoModelForCausalLM, AutoTokenizer

from workers.engines.protocol import Messages
from workers.engines.transformers_runtime import PACKAGED, packaged_weights

OUT_OF_MEMORY = 70  # the exit status that says so (EX_SOFTWARE); a kill by the kernel is -9
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
Report = Callable[[int, int, str, float], None]  # (step, steps in all, phase, loss)


# -- arguments -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Example:
    """An approved text for a prompt."""

    messages: Messages
    answer: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Of two texts for one prompt, the one that evidence prefers; weight in (0, 1]."""

    messages: Messages
    chosen: str
    rejected: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Lesson:
    """What an adapter is trained on and judged by, and how. Rates are per optimiser step."""

    model: str
    examples: list[Example]
    pairs: list[Pair]
    cache: str = ""  # where the packaged weights are, or are to be converted to
    held_out_examples: list[Example] = field(default_factory=list)
    held_out_pairs: list[Pair] = field(default_factory=list)
    rank: int = 8
    alpha: int = 16
    epochs: int = 3
    pair_epochs: int = 3
    batch: int = 8
    rate: float = 5e-4
    pair_rate: float = 1e-4
    beta: float = 0.1
    most_tokens: int = 512
    tokens_at_once: int = 512  # of a step's forward pass; more needs memory, not fewer steps
    seed: int = 0


# -- data ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Encoded:
    """Prompt and answer as one sequence; the answer begins at `start`."""

    ids: list[int]
    start: int
    weight: float


def encode(tokenizer: Any, messages: Messages, answer: str, most: int, weight: float) -> Encoded:
    """A prompt that is too long loses its beginning, an answer its end."""
    prompt = list(
        tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)[
            "input_ids"
        ]
    )
    said = tokenizer(answer, add_special_tokens=False)["input_ids"][: most // 2]
    said = [*said, tokenizer.eos_token_id]
    prompt = prompt[-(most - len(said)) :]
    return Encoded(prompt + said, len(prompt), weight)


def batches(items: list[Any], size: int, rng: random.Random, length: Any) -> Iterator[list[Any]]:
    """Shuffled, then sorted by length within windows of 8 batches: little padding, some chance."""
    order = items[:]
    rng.shuffle(order)
    for at in range(0, len(order), size * 8):
        window = sorted(order[at : at + size * 8], key=length)
        cut = [window[i : i + size] for i in range(0, len(window), size)]
        rng.shuffle(cut)
        yield from cut


def portions(items: list[Any], length: Any, most: int) -> Iterator[list[Any]]:
    """A batch in parts, each of at most `most` tokens when padded to its longest (or one item):
    the activations of one part are what a step needs of memory."""
    part: list[Any] = []
    longest = 0
    for item in items:
        longest = max(longest, length(item))
        if part and longest * (len(part) + 1) > most:
            yield part
            part, longest = [], length(item)
        part.append(item)
    if part:
        yield part


def pair_length(item: tuple[tuple[Encoded, Encoded], float]) -> int:
    """Tokens of both texts of a pair, padded to the longer."""
    return 2 * max(len(row.ids) for row in item[0])


# -- network -------------------------------------------------------------------------------------


def load(model: str, cache: str = "") -> tuple[Any, Any]:
    """Weights without a gradient, in the fastest kind that the machine multiplies by itself."""
    if model == PACKAGED:
        model = str(packaged_weights(Path(cache)))
    tokenizer = AutoTokenizer.from_pretrained(model)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    base: Any = AutoModelForCausalLM.from_pretrained(model, dtype=kind_on(device))
    return tokenizer, base.to(device)


def kind_on(device: str) -> torch.dtype:
    """bfloat16 where the device has it: half the memory, and faster. A CPU without it would work
    each number out in software, many times slower than in float32."""
    if device == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return torch.bfloat16
    return torch.float32


def adapted(base: Any, lesson: Lesson) -> Any:
    """The base with LoRA on every projection that it has."""
    names = {name.rsplit(".", 1)[-1] for name, _ in base.named_modules()}
    config = LoraConfig(
        r=lesson.rank, lora_alpha=lesson.alpha, task_type="CAUSAL_LM",
        target_modules=[p for p in PROJECTIONS if p in names] or "all-linear",
    )  # fmt: skip
    return get_peft_model(base, config)


def likelihoods(model: Any, rows: list[Encoded], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed log-likelihood of each answer and its tokens. The vocabulary is multiplied out only
    where an answer is predicted, which is most of the work of a small model.
    """
    device = next(model.parameters()).device
    longest = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), longest), pad)  # (B, T)
    seen = torch.zeros(len(rows), longest, dtype=torch.long)  # (B, T)
    target = torch.full((len(rows), longest), -100)  # (B, T)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids)] = torch.tensor(row.ids)
        seen[index, : len(row.ids)] = 1
        target[index, row.start - 1 : len(row.ids) - 1] = torch.tensor(row.ids[row.start :])
    inner = getattr(model, "base_model", model)
    inner = getattr(inner, "model", inner) if hasattr(model, "peft_config") else model
    hidden = inner.get_decoder()(
        input_ids=ids.to(device), attention_mask=seen.to(device), use_cache=False
    ).last_hidden_state  # (B, T, C)
    wanted = (target != -100).to(device)  # (B, T)
    logits = inner.get_output_embeddings()(hidden[wanted]).float()  # (M, V)
    each = -cross_entropy(logits, target.to(device)[wanted], reduction="none")  # (M,)
    row_of = wanted.nonzero()[:, 0]  # (M,)
    sums = torch.zeros(len(rows), device=device).index_add(0, row_of, each)  # (B,)
    return sums, wanted.sum(1)


# -- loss and loop -------------------------------------------------------------------------------


def train(lesson: Lesson, folder: Path, report: Report) -> dict[str, Any]:
    """Train, judge on what was held out, keep the adapter in folder/adapter; the result."""
    began = time.monotonic()
    torch.manual_seed(lesson.seed)
    rng = random.Random(lesson.seed)  # noqa: S311 - the order of batches
    tokenizer, base = load(lesson.model, lesson.cache)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    held = _held_out(tokenizer, lesson)
    before = _judge(base.eval(), held, pad, lesson.tokens_at_once)
    model = adapted(base, lesson).train()
    texts = [
        encode(tokenizer, e.messages, e.answer, lesson.most_tokens, e.weight)
        for e in lesson.examples
    ]
    pairs = [_pair(tokenizer, p, lesson.most_tokens) for p in lesson.pairs]
    per_epoch = math.ceil(len(texts) / lesson.batch)
    per_pair_epoch = math.ceil(len(pairs) / max(1, lesson.batch // 2))
    steps = per_epoch * lesson.epochs + per_pair_epoch * lesson.pair_epochs
    curve: list[dict[str, Any]] = []
    tokens = 0

    def note(phase: str, loss: float) -> None:
        curve.append({"step": len(curve) + 1, "phase": phase, "loss": round(loss, 5)})
        report(len(curve), steps, phase, loss)

    optimiser = _optimiser(model, lesson.rate)
    schedule = _decay(optimiser, per_epoch * lesson.epochs)
    for _ in range(lesson.epochs if texts else 0):
        for rows in batches(texts, lesson.batch, rng, lambda row: len(row.ids)):
            whole = sum(row.weight * (len(row.ids) - row.start) for row in rows)
            losses = (
                _unlikely(model, part, pad) / whole
                for part in portions(rows, lambda row: len(row.ids), lesson.tokens_at_once)
            )
            note("approved", _step(optimiser, schedule, model, losses))
            tokens += sum(len(row.ids) for row in rows)

    optimiser = _optimiser(model, lesson.pair_rate)
    schedule = _decay(optimiser, per_pair_epoch * lesson.pair_epochs)
    start = _margins(model, pairs, pad, lesson.tokens_at_once)  # of p0
    indexed = list(zip(pairs, start, strict=True))
    for _ in range(lesson.pair_epochs if pairs else 0):
        for group in batches(indexed, max(1, lesson.batch // 2), rng, lambda i: len(i[0][0].ids)):
            whole = sum(pair[0].weight for pair, _ in group)
            losses = (
                _not_preferred(model, part, pad, lesson.beta) / whole
                for part in portions(group, pair_length, lesson.tokens_at_once)
            )
            note("preferred", _step(optimiser, schedule, model, losses))
            tokens += sum(len(row.ids) for pair, _ in group for row in pair)

    after = _judge(model.eval(), held, pad, lesson.tokens_at_once, against=before)
    model.save_pretrained(folder / "adapter")
    seconds = time.monotonic() - began
    return {
        "curve": curve, "before": before, "after": after, "seconds": round(seconds, 2),
        "tokens": tokens, "tokens_per_s": round(tokens / max(seconds, 1e-9), 1),
    }  # fmt: skip


def _pair(tokenizer: Any, pair: Pair, most: int) -> tuple[Encoded, Encoded]:
    return (
        encode(tokenizer, pair.messages, pair.chosen, most, pair.weight),
        encode(tokenizer, pair.messages, pair.rejected, most, pair.weight),
    )


def _optimiser(model: Any, rate: float) -> torch.optim.Optimizer:
    free = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.AdamW(free, lr=rate, weight_decay=0.0)


def _decay(optimiser: torch.optim.Optimizer, steps: int) -> Any:
    """A short warm-up, then linearly to a tenth."""
    warm = max(1, steps // 20)
    return torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min((s + 1) / warm, 1 - 0.9 * min(s / max(1, steps), 1))
    )


def _unlikely(model: Any, rows: list[Encoded], pad: int) -> torch.Tensor:
    """The weighted nats of these answers, summed."""
    sums, _ = likelihoods(model, rows, pad)  # (B,)
    weights = torch.tensor([row.weight for row in rows], device=sums.device)  # (B,)
    return -(weights * sums).sum()


def _not_preferred(model: Any, group: list[Any], pad: int, beta: float) -> torch.Tensor:
    """DPO's weighted loss of these (pair, margin under p0), summed."""
    sums, _ = likelihoods(model, [row for pair, _ in group for row in pair], pad)  # (2P,)
    margin = sums[0::2] - sums[1::2]  # (P,)
    reference = torch.tensor([m for _, m in group], device=sums.device)  # (P,)
    weights = torch.tensor([pair[0].weight for pair, _ in group], device=sums.device)
    return -(weights * logsigmoid(beta * (margin - reference))).sum()


def _step(optimiser: Any, schedule: Any, model: Any, losses: Iterator[torch.Tensor]) -> float:
    """One step on the sum of the losses, whose gradients are gathered one after the other."""
    optimiser.zero_grad(set_to_none=True)
    total = 0.0
    for loss in losses:
        total += loss.item()
        if not math.isfinite(total):
            raise FloatingPointError("The loss is not a number; lower the rate.")
        torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_((p for p in model.parameters() if p.requires_grad), 1.0)
    optimiser.step()
    schedule.step()
    return total


# -- result --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Held:
    texts: list[Encoded]
    pairs: list[tuple[Encoded, Encoded]]


def _held_out(tokenizer: Any, lesson: Lesson) -> _Held:
    return _Held(
        [
            encode(tokenizer, e.messages, e.answer, lesson.most_tokens, e.weight)
            for e in lesson.held_out_examples
        ],
        [_pair(tokenizer, p, lesson.most_tokens) for p in lesson.held_out_pairs],
    )


@torch.no_grad()
def _margins(model: Any, pairs: list[Any], pad: int, most: int) -> list[float]:
    """log p(chosen) - log p(rejected) of each pair, in nats; `most` tokens at once."""
    margins: list[float] = []
    for part in portions(pairs, lambda pair: 2 * max(len(row.ids) for row in pair), most):
        sums, _ = likelihoods(model, [row for pair in part for row in pair], pad)
        margins += (sums[0::2] - sums[1::2]).tolist()
    return margins


@torch.no_grad()
def _judge(
    model: Any, held: _Held, pad: int, most: int, against: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Nats a token of held-out approved copy; and of held-out pairs, how many are ranked right:
    the base by likelihood, an adapter by what it changed of it (DPO's implicit reward)."""
    nats = tokens = 0.0
    for part in portions(held.texts, lambda row: len(row.ids), most):
        sums, counts = likelihoods(model, part, pad)
        nats -= sums.sum().item()
        tokens += counts.sum().item()
    margins = _margins(model, held.pairs, pad, most)
    gained = margins
    if against:
        gained = [m - b for m, b in zip(margins, against["margins"], strict=True)]
    return {
        "nats_per_token": round(nats / tokens, 4) if tokens else None,
        "margins": [round(m, 4) for m in margins],
        "right": sum(g > 0 for g in gained),
        "pairs": len(gained),
    }


def read(path: Path) -> Lesson:
    """The lesson that a worker wrote."""
    value = json.loads(path.read_text())
    for name, kind in (("examples", Example), ("held_out_examples", Example),
                       ("pairs", Pair), ("held_out_pairs", Pair)):  # fmt: skip
        value[name] = [kind(**row) for row in value[name]]
    return Lesson(**value)


def write(lesson: Lesson, path: Path) -> None:
    path.write_text(json.dumps(asdict(lesson)))


def main(folder: Path) -> int:
    def report(step: int, steps: int, phase: str, loss: float) -> None:
        line = {"step": step, "steps": steps, "phase": phase, "loss": loss}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    os.nice(10)  # who reads and writes now goes first
    try:
        result = train(read(folder / "lesson.json"), folder, report)
    except (MemoryError, torch.OutOfMemoryError) as full:
        sys.stderr.write(f"{type(full).__name__}: {full}\n")
        return OUT_OF_MEMORY
    except (RuntimeError, OSError) as failure:  # how the allocator, mmap and threads say the same
        if not any(word in str(failure) for word in ("alloc", "memory", "start new thread")):
            raise
        sys.stderr.write(f"{failure}\n")
        return OUT_OF_MEMORY
    (folder / "result.json").write_text(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
