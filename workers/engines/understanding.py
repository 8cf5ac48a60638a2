"""What a customer wants: a sentence encoder fine-tuned on a workspace's own examples.

    text → encoder (MiniLM) → mean over tokens h (B, C) → linear → logits (B, K) → / T → softmax

Trained with cross-entropy (label smoothing). Where examples are few, a supervised contrastive loss
is added, which draws texts of one intent together and others apart (Khosla et al. 2020, equation
2), on batches that hold several texts of each of their intents: it is worth some two points with
ten examples an intent, nothing with a hundred. An average of the weights over time (EMA) is kept,
and a temperature T fitted on held-out examples, so that "0.8" is right four times in five. A text
is out of scope when it lies far from everything learned: the score is the mean cosine to the
nearest training examples in the tuned space times the calibrated confidence (deep nearest
neighbours, Sun et al. 2022; maximum softmax, Hendrycks and Gimpel 2017), and its threshold is where
a wanted share of held-out examples stays in scope.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from workers.engines import finetuning
from workers.engines.finetuning import Heard, Plan


@dataclass(frozen=True, slots=True)
class Recipe(Plan):
    """How to train a reader of intents."""

    smoothing: float = 0.1
    contrast: float = 0.0  # weight of the contrastive loss
    spread: float = 0.1  # its temperature
    each: int = 1  # texts of an intent that stand together in a batch
    in_scope: float = 0.96  # share of held-out in-scope texts that the threshold keeps
    neighbours: int = 5
    remembered: int = 50  # examples of an intent that a text's likeness is measured by


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text means: intents by falling probability, and how much it is in scope (0 to 1)."""

    ranking: tuple[tuple[str, float], ...]
    scope: float
    in_scope: bool


class Network(nn.Module):
    """Encoder, mean over tokens, linear head."""

    def __init__(self, encoder: Any, width: int, classes: int) -> None:
        super().__init__()
        self.encoder: Any = encoder
        self.drop, self.head = nn.Dropout(0.1), nn.Linear(width, classes)

    def pooled(self, tokens: dict[str, torch.Tensor]) -> torch.Tensor:
        hidden = self.encoder(**tokens).last_hidden_state  # (B, T, C)
        return finetuning.mean(hidden, tokens["attention_mask"])

    def forward(self, tokens: dict[str, torch.Tensor]) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.drop(self.pooled(tokens)))  # (B, K)
        return logits


def train(
    texts: Sequence[str], labels: Sequence[str], held: tuple[Sequence[str], Sequence[str]], *,
    recipe: Recipe | None = None, base: Path | None = None, outside: Sequence[str] = (),
    heard: Heard | None = None,
) -> Intents:  # fmt: skip
    """Learn intents from examples; `held` (texts, labels) fit temperature and threshold; texts
    `outside` belong to no intent and are learned as such. Deterministic for one recipe and machine.
    Raises ValueError for fewer than two labels."""
    recipe = recipe or Recipe()
    names = sorted(set(labels))
    if len(names) < 2:
        raise ValueError("At least two intents are needed.")
    torch.manual_seed(recipe.seed)
    encoder, tokenizer, width = finetuning.encoder(base)
    network = Network(encoder, width, len(names) + bool(outside))  # the last one: out of scope
    index = {name: n for n, name in enumerate(names)}
    rows = [(t, index[label]) for t, label in zip(texts, labels, strict=True)]
    rows += [(t, len(names)) for t in outside]
    named = nn.CrossEntropyLoss(label_smoothing=recipe.smoothing)

    def loss(batch: list[tuple[str, int]]) -> torch.Tensor:
        tokens = tokenizer([t for t, _ in batch], padding=True, truncation=True,
                           max_length=recipe.most_tokens, return_tensors="pt")  # fmt: skip
        target = torch.tensor([n for _, n in batch])  # (B,)
        pooled = network.pooled(dict(tokens))  # (B, C)
        found: torch.Tensor = named(network.head(network.drop(pooled)), target)
        if not recipe.contrast:
            return found
        known = target < len(names)  # what is out of scope has nothing in common
        return found + recipe.contrast * contrast(pooled, target, known, recipe.spread)

    finetuning.fit(network, lambda rng: _dealt(rows, recipe, rng), loss, recipe, heard)
    found = Intents(network, tokenizer, names, bool(outside), recipe)
    found.memory = found.embed(_remembered(texts, labels, recipe))
    found.calibrate(*held)
    return found


def contrast(
    pooled: torch.Tensor, target: torch.Tensor, known: torch.Tensor, spread: float
) -> torch.Tensor:
    """Mean over `known` texts of -log softmax of the cosines to the batch's other texts of the same
    label: `pooled` (B, C), `target` and `known` (B,). 0 where no label occurs twice."""
    unit = nn.functional.normalize(pooled, dim=1)
    itself = torch.eye(len(target), dtype=torch.bool)
    likeness = (unit @ unit.T / spread).masked_fill(itself, -1e9)  # (B, B)
    chance = likeness - likeness.logsumexp(1, keepdim=True)
    same = (target[:, None] == target[None]) & ~itself & known[:, None]
    n = same.sum(1)  # (B,)
    if not bool(n.any()):
        return pooled.sum() * 0
    return -((chance * same).sum(1)[n > 0] / n[n > 0]).mean()


def _dealt(
    rows: Sequence[tuple[str, int]], recipe: Recipe, rng: random.Random
) -> list[list[tuple[str, int]]]:
    """Every row once, in batches of `each` rows a label; labels by chance, but texts of like length
    together, so that little is padded."""
    by: dict[int, list[tuple[str, int]]] = {}
    for row in rows:
        by.setdefault(row[1], []).append(row)
    groups = []
    for label in sorted(by):
        mine = sorted(rng.sample(by[label], len(by[label])), key=lambda row: len(row[0]) // 32)
        groups += [mine[at : at + recipe.each] for at in range(0, len(mine), recipe.each)]
    size = max(2, recipe.batch // recipe.each)
    dealt = finetuning.batches(groups, size, rng, lambda group: max(len(t) for t, _ in group))
    return [[row for group in batch for row in group] for batch in dealt]


def _remembered(texts: Sequence[str], labels: Sequence[str], recipe: Recipe) -> list[str]:
    """Some examples of each label, by chance."""
    rng = random.Random(recipe.seed)  # noqa: S311
    by: dict[str, list[str]] = {}
    for text, label in zip(texts, labels, strict=True):
        by.setdefault(label, []).append(text)
    return [t for _, own in sorted(by.items())
            for t in rng.sample(own, min(len(own), recipe.remembered))]  # fmt: skip


class _Both(nn.Module):
    """The network as a graph: token arrays in, pooled and logits out."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, input_ids: torch.Tensor, token_type_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        pooled = self.network.pooled({"input_ids": input_ids, "token_type_ids": token_type_ids,
                                      "attention_mask": attention_mask})  # fmt: skip
        return pooled, self.network.head(pooled)


class Intents:
    """A trained reader. `read` takes milliseconds; `save` and `load` keep it as safetensors."""

    def __init__(
        self, network: Network, tokenizer: Any, names: list[str], outside: bool, recipe: Recipe
    ) -> None:
        self.network, self.tokenizer, self.names = network, tokenizer, names
        self.outside, self.recipe = outside, recipe
        self.temperature, self.threshold = 1.0, 0.0
        self.fast: Callable[[dict[str, np.ndarray]], list[np.ndarray]] | None = None
        self.memory = np.zeros((0, 1), dtype=np.float32)  # (N, C) of length 1

    def serve(self) -> None:
        """Read on OpenVINO from now on, where it can: a message takes a fourth of the time."""
        self.fast = finetuning.compiled(_Both(self.network), self.tokenizer)

    def _forward(self, tokens: Any) -> tuple[np.ndarray, np.ndarray]:
        """Pooled (B, C) and logits (B, K)."""
        if self.fast is not None:
            found = self.fast({k: v.numpy() for k, v in tokens.items()})
            return found[0], found[1]
        pooled = self.network.pooled(dict(tokens))
        return pooled.numpy(), self.network.head(pooled).numpy()

    @torch.inference_mode()
    def _run(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Logits (n, K) and tuned vectors (n, C) of length 1, in the order of the texts."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        logits: list[Any] = [None] * len(texts)
        vectors: list[Any] = [None] * len(texts)
        for at in range(0, len(order), 64):
            chosen = order[at : at + 64]
            tokens = self.tokenizer(
                [texts[i] or " " for i in chosen], padding=True, truncation=True,
                max_length=self.recipe.most_tokens, return_tensors="pt",
            )  # fmt: skip
            pooled, scores = self._forward(tokens)
            unit = pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
            for row, i in enumerate(chosen):
                logits[i], vectors[i] = scores[row], unit[row]
        return np.stack(logits), np.stack(vectors)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return self._run(texts)[1]

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """(n, K) calibrated; the last column is "out of scope" where that was learned."""
        z = logits / self.temperature
        z = np.exp(z - z.max(1, keepdims=True))
        found: np.ndarray = z / z.sum(1, keepdims=True)
        return found

    def scope(self, probabilities: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """(n,) how much each text is like what was learned: confidence times likeness."""
        known: np.ndarray = probabilities[:, : len(self.names)].max(1)
        if not len(self.memory):
            return known
        near = vectors @ self.memory.T  # (n, N)
        k = min(self.recipe.neighbours, near.shape[1])
        likeness = np.partition(near, -k, axis=1)[:, -k:].mean(1)
        found: np.ndarray = known * np.clip(likeness, 0, 1) ** 4
        return found

    def calibrate(self, texts: Sequence[str], labels: Sequence[str]) -> None:
        """Temperature by the likelihood of held-out labels; threshold by their share in scope."""
        logits, vectors = self._run(texts)
        index = {name: n for n, name in enumerate(self.names)}
        target = np.array([index[label] for label in labels])
        best = (math.inf, 1.0)
        for temperature in np.geomspace(0.2, 3.0, 60):
            self.temperature = float(temperature)
            chosen = self.probabilities(logits)[np.arange(len(target)), target]
            best = min(best, (float(-np.log(np.maximum(chosen, 1e-12)).mean()), self.temperature))
        self.temperature = best[1]
        scores = self.scope(self.probabilities(logits), vectors)
        self.threshold = float(np.quantile(scores, 1 - self.recipe.in_scope))

    def read_many(self, texts: Sequence[str], most: int = 5) -> list[Reading]:
        logits, vectors = self._run(texts)
        probabilities = self.probabilities(logits)
        scopes = self.scope(probabilities, vectors)
        found = []
        for row, scope in zip(probabilities, scopes, strict=True):
            known = row[: len(self.names)]
            order = np.argsort(-known)[:most]
            ranking = tuple((self.names[i], float(known[i])) for i in order)
            unknown = self.outside and row[-1] >= known.max()
            found.append(Reading(ranking, float(scope),
                                 bool(scope >= self.threshold and not unknown)))  # fmt: skip
        return found

    def read(self, text: str) -> Reading:
        return self.read_many([text])[0]

    def save(self, folder: Path) -> None:
        """Weights and memory in half precision as safetensors, the rest as JSON."""
        state = {**self.network.state_dict(), "memory": self.memory}
        finetuning.save(state, folder / "intents.safetensors")
        told = {"names": self.names, "outside": self.outside, "temperature": self.temperature,
                "threshold": self.threshold, "recipe": asdict(self.recipe)}  # fmt: skip
        (folder / "intents.json").write_text(json.dumps(told, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path, base: Path | None = None) -> Intents:
        told = json.loads((folder / "intents.json").read_text())
        state = finetuning.load(folder / "intents.safetensors")
        memory = state.pop("memory")
        encoder, tokenizer, width = finetuning.encoder(base)
        network = Network(encoder, width, len(told["names"]) + bool(told["outside"]))
        finetuning.restore(network, state)
        found = cls(network, tokenizer, told["names"], told["outside"], Recipe(**told["recipe"]))
        found.temperature, found.threshold = told["temperature"], told["threshold"]
        found.memory = memory
        return found


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error: mean |accuracy - confidence| over bins of equal width, weighted
    by their share (Guo et al. 2017, section 2)."""
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(sum(
        (which == b).mean() * abs(right[which == b].mean() - confidence[which == b].mean())
        for b in range(bins) if (which == b).any()
    ))  # fmt: skip
