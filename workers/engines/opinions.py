"""How an English sentence feels, and what it speaks of: one encoder whose upper layers are tuned.

    tokens → lower layers (as they are)
      → upper layers (as they are) → mean over tokens → sense (B, C)
      → upper layers (tuned) h (B, T, C)
          → mean over tokens → feeling (B, 3), intensity (B,)
          → terms (B, T, 3): outside, begin, inside
          → a term's tokens and the sentence, means of both → polarity (N, 3)

The lower layers run once for both branches; with five of six tuned, reading costs eleven layers
where the encoder alone costs six. Because the feeling is linear in the mean of h, it is a sum over
the tokens: each token's part says which words speak for or against (`leaning`), and the words of
opinion beside a term are found without anybody having marked them.

Trained on all tasks together with cross-entropy (soft labels where people rated), squared error of
the intensity, and the loop of `finetuning`. Only the tuned layers' difference from the base is
kept, in eight bits a weight with one scale a row.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import nn
from transformers import AutoModel

from workers.engines import finetuning
from workers.engines.embedding import packaged
from workers.engines.finetuning import Heard, Plan
from workers.engines.opinion_terms import (
    BEGIN,
    INSIDE,
    OUTSIDE,
    POLARITIES,
    Term,
    covered,
    decode,
    term_of,
)

SKIP = -100


@dataclass(frozen=True, slots=True)
class Recipe(Plan):
    """How to train: `tuned` upper layers, and what each task weighs."""

    tuned: int = 3
    smoothing: float = 0.05
    intensity: float = 0.3
    terms: float = 3.0


@dataclass(frozen=True, slots=True)
class Lesson:
    """One sentence and what is known of it: probabilities of the three feelings, the intensity
    (-4 to 4 as people rated it), the terms as (start, end, polarity or "")."""

    text: str
    feeling: tuple[float, float, float] | None = None
    intensity: float | None = None
    terms: tuple[tuple[int, int, str], ...] | None = None


class Network(nn.Module):
    """The encoder with its heads. Layers below the tuned ones do not move."""

    def __init__(self, encoder: Any, width: int, tuned: int) -> None:
        super().__init__()
        self.encoder: Any = encoder
        layers = encoder.encoder.layer
        for part in (encoder.embeddings, *layers[: len(layers) - tuned]):
            for parameter in part.parameters():
                parameter.requires_grad_(False)
        self.drop = nn.Dropout(0.1)
        self.feeling, self.strength = nn.Linear(width, 3), nn.Linear(width, 1)
        self.term = nn.Linear(width, 3)
        self.polarity = nn.Sequential(
            nn.Linear(2 * width, width), nn.GELU(), nn.Dropout(0.1), nn.Linear(width, 3)
        )

    def hidden(self, tokens: dict[str, torch.Tensor]) -> torch.Tensor:
        found: torch.Tensor = self.encoder(**tokens).last_hidden_state  # (B, T, C)
        return found


def tokenized(tokenizer: Any, texts: Sequence[str], most: int) -> tuple[Any, Any]:
    """Tokens as tensors, and the place of each token in its text."""
    found = tokenizer([t or " " for t in texts], padding=True, truncation=True, max_length=most,
                      return_tensors="pt", return_offsets_mapping=True)  # fmt: skip
    places = found.pop("offset_mapping")
    return dict(found), places


def train(
    lessons: Sequence[Lesson], *, recipe: Recipe | None = None, base: Path | None = None,
    heard: Heard | None = None,
) -> Opinions:  # fmt: skip
    """Learn from lessons. Deterministic for one recipe and machine."""
    recipe = recipe or Recipe()
    torch.manual_seed(recipe.seed)
    encoder, tokenizer, width = finetuning.encoder(base)
    network = Network(encoder, width, recipe.tuned)

    def loss(batch: list[Lesson]) -> torch.Tensor:
        tokens, places = tokenized(tokenizer, [one.text for one in batch], recipe.most_tokens)
        hidden = network.hidden(tokens)
        seen = tokens["attention_mask"]
        pooled = network.drop(finetuning.mean(hidden, seen))
        total = _feelings(network, batch, pooled, recipe)
        return total + _terms(network, batch, hidden, pooled, seen, places.tolist(), recipe)

    def deal(rng: random.Random) -> list[list[Lesson]]:
        return finetuning.batches(lessons, recipe.batch, rng, lambda one: len(one.text))

    finetuning.fit(network, deal, loss, recipe, heard)
    return Opinions(network, tokenizer, recipe, base)


def _feelings(
    network: Network, batch: Sequence[Lesson], pooled: torch.Tensor, recipe: Recipe
) -> torch.Tensor:
    total = pooled.sum() * 0
    rows = [i for i, one in enumerate(batch) if one.feeling is not None]
    if rows:
        wanted = torch.tensor([batch[i].feeling for i in rows])
        wanted = (1 - recipe.smoothing) * wanted + recipe.smoothing / 3
        total = total - (wanted * network.feeling(pooled[rows]).log_softmax(1)).sum() / len(batch)
    rows = [i for i, one in enumerate(batch) if one.intensity is not None]
    if rows:
        wanted = torch.tensor([batch[i].intensity for i in rows])
        error = (network.strength(pooled[rows]).squeeze(1) - wanted) ** 2
        total = total + recipe.intensity * error.sum() / len(batch)
    return total


def _terms(
    network: Network, batch: Sequence[Lesson], hidden: torch.Tensor, pooled: torch.Tensor,
    seen: torch.Tensor, places: Any, recipe: Recipe,
) -> torch.Tensor:  # fmt: skip
    rows = [i for i, one in enumerate(batch) if one.terms is not None]
    if not rows:
        return pooled.sum() * 0
    tags = torch.full(seen.shape, SKIP)
    features, polarities = [], []
    for i in rows:
        tags[i][seen[i] == 1] = OUTSIDE
        for start, end, polarity in batch[i].terms or ():
            inside = covered(places[i], start, end)
            if inside is None:
                continue
            tags[i][inside[0]], tags[i][inside[0] + 1 : inside[1]] = BEGIN, INSIDE
            if polarity:
                features.append(torch.cat([hidden[i, inside[0] : inside[1]].mean(0), pooled[i]]))
                polarities.append(POLARITIES.index(polarity))
    scores = network.term(network.drop(hidden[rows]))  # (R, T, 3)
    total = recipe.terms * nn.functional.cross_entropy(
        scores.reshape(-1, 3), tags[rows].reshape(-1), ignore_index=SKIP
    ) * (len(rows) / len(batch))  # fmt: skip
    if features:
        wanted = torch.tensor(polarities)
        found = network.polarity(network.drop(torch.stack(features)))
        error = nn.functional.cross_entropy(found, wanted, label_smoothing=recipe.smoothing)
        total = total + error * (len(features) / len(batch))
    return total


class _Graph(nn.Module):
    """Both branches as one graph over the shared lower layers."""

    def __init__(self, network: Network, base: Any, tuned: int) -> None:
        super().__init__()
        layers = base.encoder.layer
        cut = len(layers) - tuned
        self.embeddings, self.lower = base.embeddings, layers[:cut]
        self.upper, self.tuned = layers[cut:], network.encoder.encoder.layer[cut:]
        self.heads = network

    def forward(
        self, input_ids: torch.Tensor, token_type_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        hidden = self.embeddings(input_ids=input_ids, token_type_ids=token_type_ids)
        blocked = (1.0 - attention_mask[:, None, None, :].to(hidden.dtype)) * -1e9  # (B, 1, 1, T)
        for layer in self.lower:
            hidden = layer(hidden, blocked)
        sense = tuned = hidden
        for layer in self.upper:
            sense = layer(sense, blocked)
        for layer in self.tuned:
            tuned = layer(tuned, blocked)
        pooled = finetuning.mean(tuned, attention_mask)
        leaning = tuned @ (self.heads.feeling.weight[2] - self.heads.feeling.weight[0])  # (B, T)
        return (
            finetuning.mean(sense, attention_mask), tuned, pooled, self.heads.feeling(pooled),
            self.heads.strength(pooled).squeeze(1), self.heads.term(tuned), leaning,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opinion:
    """A sentence read: calibrated probabilities (negative, neutral, positive), intensity as people
    would rate it (-4 to 4), terms, and its sense (C,) of length 1."""

    feeling: tuple[float, float, float]
    intensity: float
    terms: tuple[Term, ...]
    sense: np.ndarray


class Opinions:
    """A trained reader of English sentences. `read` takes many at once."""

    def __init__(
        self, network: Network, tokenizer: Any, recipe: Recipe, base: Path | None = None
    ) -> None:
        self.network, self.tokenizer, self.recipe = network.eval(), tokenizer, recipe
        self.temperature, self.polarity_temperature = 1.0, 1.0
        plain = AutoModel.from_pretrained(base or packaged()).eval()
        self.graph = _Graph(network, plain, recipe.tuned).eval()
        self.fast: Any = None

    def serve(self) -> None:
        """Read on OpenVINO from now on, where it can."""
        self.fast = finetuning.compiled(self.graph, self.tokenizer, brief=True)

    def _run(self, tokens: dict[str, torch.Tensor]) -> list[np.ndarray]:
        names = ("input_ids", "token_type_ids", "attention_mask")
        if self.fast is not None:
            found: list[np.ndarray] = self.fast({name: tokens[name].numpy() for name in names})
            return found
        with torch.inference_mode():
            return [value.numpy() for value in self.graph(*(tokens[name] for name in names))]

    def read(self, texts: Sequence[str], batch: int = 64) -> list[Opinion]:
        """Every sentence, in order; those of like length run together."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        found: list[Any] = [None] * len(texts)
        for at in range(0, len(order), batch):
            chosen = order[at : at + batch]
            tokens, places = tokenized(
                self.tokenizer, [texts[i] for i in chosen], self.recipe.most_tokens
            )
            for i, opinion in zip(chosen, self._opinions(
                [texts[i] for i in chosen], tokens, places.tolist()), strict=True):  # fmt: skip
                found[i] = opinion
        return found

    def _opinions(
        self, texts: Sequence[str], tokens: dict[str, torch.Tensor], places: Any
    ) -> list[Opinion]:
        sense, hidden, pooled, feeling, strength, tags, leaning = self._run(tokens)
        sense = sense / np.maximum(np.linalg.norm(sense, axis=1, keepdims=True), 1e-12)
        feelings = softmax(feeling / self.temperature)
        spans = [decode(tags[i], places[i], text) for i, text in enumerate(texts)]
        polarities = self.polarities(hidden, pooled, spans)
        found = []
        at = 0
        for i, text in enumerate(texts):
            terms = []
            for first, last in spans[i]:
                chances = polarities[at]
                at += 1
                terms.append(term_of(text, places[i], leaning[i], (first, last), chances))
            told = tuple(float(p) for p in feelings[i])
            found.append(Opinion(told, float(strength[i]), tuple(terms), sense[i]))  # type: ignore[arg-type]
        return found

    @torch.inference_mode()
    def polarities(
        self, hidden: np.ndarray, pooled: np.ndarray, spans: Sequence[Sequence[tuple[int, int]]]
    ) -> np.ndarray:
        """(N, 3) calibrated, of every span of tokens in order: `hidden` (B, T, C)."""
        rows = [
            np.concatenate([hidden[i, first:last].mean(0), pooled[i]])
            for i, own in enumerate(spans) for first, last in own
        ]  # fmt: skip
        if not rows:
            return np.zeros((0, 3), dtype=np.float32)
        scores = self.network.polarity(torch.from_numpy(np.stack(rows)).float()).numpy()
        return softmax(scores / self.polarity_temperature)

    def polarity_of(self, rows: Sequence[tuple[str, int, int]]) -> np.ndarray:
        """(N, 3) logits over the polarity of given terms: (sentence, start, end) each; a term that
        no token covers is neutral."""
        found = np.tile(np.array([0.0, 1.0, 0.0], dtype=np.float32), (len(rows), 1))
        for at in range(0, len(rows), 64):
            part = rows[at : at + 64]
            tokens, places = tokenized(
                self.tokenizer, [r[0] for r in part], self.recipe.most_tokens
            )
            _, hidden, pooled, *_ = self._run(tokens)
            listed = places.tolist()
            for i, (_, start, end) in enumerate(part):
                inside = covered(listed[i], start, end)
                if inside is not None:
                    row = np.concatenate([hidden[i, inside[0] : inside[1]].mean(0), pooled[i]])
                    with torch.inference_mode():
                        scores = self.network.polarity(torch.from_numpy(row[None]).float())
                    found[at + i] = scores.numpy()[0]
        return found

    def save(self, folder: Path) -> None:
        """The heads in half precision, the tuned layers as eight-bit differences from the base."""
        folder.mkdir(parents=True, exist_ok=True)
        cut = len(self.graph.lower)
        state: dict[str, np.ndarray] = {}
        for n, (mine, plain) in enumerate(zip(self.graph.tuned, self.graph.upper, strict=True)):
            old = dict(plain.named_parameters())
            for name, parameter in mine.named_parameters():
                change = (parameter.detach() - old[name].detach()).numpy()
                state |= packed(f"layer.{cut + n}.{name}", change)
        for name, parameter in self.network.named_parameters():
            if not name.startswith("encoder."):
                state[name] = parameter.detach().numpy().astype(np.float16)
        save_file(state, str(folder / "opinions.safetensors"))
        told = {"recipe": asdict(self.recipe), "temperature": self.temperature,
                "polarity_temperature": self.polarity_temperature}  # fmt: skip
        (folder / "opinions.json").write_text(json.dumps(told, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path, base: Path | None = None) -> Opinions:
        """What `save` kept, over the base. Raises ValueError where the base is another."""
        told = json.loads((folder / "opinions.json").read_text())
        recipe = Recipe(**told["recipe"])
        encoder, tokenizer, width = finetuning.encoder(base)
        network = Network(encoder, width, recipe.tuned)
        state = load_file(str(folder / "opinions.safetensors"))
        heads = {k: torch.from_numpy(v.astype(np.float32)) for k, v in state.items()
                 if not k.startswith("layer.")}  # fmt: skip
        layers = dict(encoder.encoder.named_parameters())
        with torch.no_grad():
            for name, parameter in layers.items():
                if f"{name}:8" in state:
                    change = unpacked(state[f"{name}:8"], state[f"{name}:s"])
                    if change.shape != tuple(parameter.shape):
                        raise ValueError("These weights belong to another encoder.")
                    parameter.add_(torch.from_numpy(change))
        missing = network.load_state_dict(heads, strict=False)
        if missing.unexpected_keys or any(
            not k.startswith("encoder.") for k in missing.missing_keys
        ):
            raise ValueError("These weights belong to another model.")
        found = cls(network, tokenizer, recipe, base)
        found.temperature = told["temperature"]
        found.polarity_temperature = told["polarity_temperature"]
        return found


def packed(name: str, change: np.ndarray) -> dict[str, np.ndarray]:
    """An array in eight bits a value, with one scale a row."""
    rows = change.reshape(change.shape[0], -1) if change.ndim > 1 else change[None]
    scale = np.maximum(np.abs(rows).max(1, keepdims=True), 1e-12) / 127
    eight = np.rint(rows / scale).astype(np.int8).reshape(change.shape)
    return {f"{name}:8": eight, f"{name}:s": scale.astype(np.float32)}


def unpacked(eight: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """What `packed` packed, in single precision."""
    rows = eight.reshape(scale.shape[0], -1).astype(np.float32) * scale
    found: np.ndarray = rows.reshape(eight.shape).astype(np.float32)
    return found


def softmax(scores: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    raised = np.exp(scores - scores.max(-1, keepdims=True))
    found: np.ndarray = raised / raised.sum(-1, keepdims=True)
    return found


def fit_temperature(scores: np.ndarray, target: np.ndarray) -> float:
    """The temperature under which held-out labels (N,) are likeliest (Guo et al. 2017)."""
    best = (math.inf, 1.0)
    for temperature in np.geomspace(0.3, 5.0, 80):
        chance = softmax(scores / temperature)[np.arange(len(target)), target]
        best = min(best, (float(-np.log(np.maximum(chance, 1e-12)).mean()), float(temperature)))
    return best[1]
