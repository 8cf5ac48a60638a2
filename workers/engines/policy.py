"""What the house does next: a policy trained on a workspace's conversations.

    events e_1 … e_n (customer, house, tool, result) → encoder (MiniLM) → mean over tokens (E, C)
    + kind + action of the event → causal transformer over the events → h_i
    → score of each action a: h_i · (W_a + projected words of a)

A dialogue is read once and every action of it is foretold from what came before it (dialogue
transformers, Vlasov et al. 2019); the words of an action let rare ones borrow from like ones.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from workers.engines import finetuning
from workers.engines.finetuning import Heard, Plan

KINDS = ("customer", "house", "tool", "result")
Ranking = list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Event:
    """One step of a dialogue. `action` names what the house did, where it is one to learn."""

    kind: str
    text: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class Recipe(Plan):
    """How to train a policy; `batch` counts dialogues."""

    epochs: int = 3
    batch: int = 6
    rate: float = 6e-5
    head_rate: float = 5e-4
    average: float = 0.995
    warm: int = 12  # epochs before, in which the encoder stays as it came
    most_tokens: int = 40
    width: int = 256
    layers: int = 2
    smoothing: float = 0.05
    longest: int = 64  # events of a dialogue that are read


class Network(nn.Module):
    def __init__(self, encoder: Any, width: int, actions: int, recipe: Recipe) -> None:
        super().__init__()
        self.encoder: Any = encoder
        inner = recipe.width
        self.enter = nn.Linear(width, inner)
        self.kind = nn.Embedding(len(KINDS) + 1, inner)  # the last one begins a dialogue
        self.action = nn.Embedding(actions + 1, inner, padding_idx=0)
        self.place = nn.Embedding(recipe.longest + 1, inner)
        layer = nn.TransformerEncoderLayer(inner, 4, 4 * inner, 0.1, "gelu", batch_first=True,
                                           norm_first=True)  # fmt: skip
        self.over = nn.TransformerEncoder(layer, recipe.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(inner)
        self.out = nn.Linear(inner, actions)
        self.words = nn.Linear(width, inner, bias=False)
        self.drop = nn.Dropout(0.2)

    def forward(
        self, pooled: torch.Tensor, kinds: torch.Tensor, actions: torch.Tensor, named: torch.Tensor
    ) -> torch.Tensor:  # fmt: skip
        """`pooled` (B, E, C), `kinds` and `actions` (B, E), `named` (A, C) the actions' words.
        Logits (B, E + 1, A): the i-th foretells event i from those before it."""
        events = self.enter(self.drop(pooled)) + self.kind(kinds) + self.action(actions)
        begin = self.kind.weight[-1].expand(len(events), 1, -1)
        x = torch.cat([begin, events], 1)  # (B, E + 1, D)
        x = x + self.place(torch.arange(x.shape[1]))
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        h = self.norm(self.over(x, mask=mask, is_causal=True))
        h = self.drop(h)
        scores: torch.Tensor = self.out(h) + h @ self.words(named).T / 16
        return scores


class Policy:
    """A trained policy. `choose` ranks the actions for a dialogue's next step."""

    def __init__(
        self, network: Network, tokenizer: Any, actions: list[str], named: torch.Tensor,
        recipe: Recipe,
    ) -> None:  # fmt: skip
        self.network, self.tokenizer, self.actions = network, tokenizer, actions
        self.named, self.recipe = named, recipe
        self.index = {a: n for n, a in enumerate(actions)}
        self.cache: tuple[torch.Tensor, dict[str, int]] | None = None  # while the encoder is still

    def logits(self, dialogues: Sequence[Sequence[Event]]) -> torch.Tensor:
        """(B, E + 1, A) of dialogues of at most `longest` events each."""
        order, place = _texts(dialogues)
        if self.cache is None:
            pooled = self._pooled_all(order)  # (texts, C)
        else:
            pooled = self.cache[0][[self.cache[1][t] for t in order]]
        longest = max(1, max(len(d) for d in dialogues))
        at = torch.zeros(len(dialogues), longest, dtype=torch.long)
        kinds, actions = torch.zeros_like(at), torch.zeros_like(at)
        for n, dialogue in enumerate(dialogues):
            for i, e in enumerate(dialogue):
                at[n, i] = place[e.text or "-"]
                kinds[n, i] = KINDS.index(e.kind)
                actions[n, i] = self.index.get(e.action, -1) + 1
        found: torch.Tensor = self.network(pooled[at], kinds, actions, self.named)
        return found

    def _pooled_all(self, order: list[str]) -> torch.Tensor:
        parts = [order[at : at + 48] for at in range(0, len(order), 48)]
        return torch.cat([self._pooled(part) for part in parts])

    def _pooled(self, texts: list[str]) -> torch.Tensor:
        most = self.recipe.most_tokens
        tokens = self.tokenizer(
            texts, padding=True, truncation=True, max_length=most, return_tensors="pt"
        )
        hidden = self.network.encoder(**tokens).last_hidden_state
        return finetuning.mean(hidden, tokens["attention_mask"])

    @torch.inference_mode()
    def choose(self, dialogue: Sequence[Event], most: int = 5) -> Ranking:
        """The likeliest next actions after these events, with their probabilities."""
        read = list(dialogue)[-self.recipe.longest :]
        scores = self.logits([read])[0, len(read)]
        return self._ranked(scores, most)

    @torch.inference_mode()
    def choose_each(self, dialogues: Sequence[Sequence[Event]]) -> list[list[Ranking]]:
        """For each dialogue, a ranking in the place of each of its actions."""
        found = []
        for dialogue in dialogues:
            rankings = []
            read = list(dialogue)[: self.recipe.longest]
            scores = self.logits([read])[0]
            for i, e in enumerate(dialogue):
                if e.action:
                    rankings.append(self._ranked(scores[i], 5) if i < len(read)
                                    else self.choose(list(dialogue)[:i]))  # fmt: skip
            found.append(rankings)
        return found

    def _ranked(self, scores: torch.Tensor, most: int) -> Ranking:
        share = torch.softmax(scores, 0)
        top = torch.topk(share, min(most, len(self.actions)))
        return [(self.actions[int(n)], float(p)) for p, n in
                zip(top.values, top.indices, strict=True)]  # fmt: skip

    def save(self, folder: Path) -> None:
        state = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        finetuning.save({**state, "named": self.named}, folder / "policy.safetensors")
        told = {"actions": self.actions, "recipe": asdict(self.recipe)}
        (folder / "policy.json").write_text(json.dumps(told, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path, base: Path | None = None) -> Policy:
        told = json.loads((folder / "policy.json").read_text())
        recipe = Recipe(**told["recipe"])
        state = finetuning.load(folder / "policy.safetensors")
        encoder, tokenizer, width = finetuning.encoder(base)
        network = Network(encoder, width, len(told["actions"]), recipe)
        finetuning.restore(network, {k.removeprefix("network."): v for k, v in state.items()
                                     if k != "named"})  # fmt: skip
        return cls(network, tokenizer, told["actions"], torch.from_numpy(state["named"]), recipe)


def train(
    dialogues: Sequence[Sequence[Event]], *, recipe: Recipe | None = None,
    base: Path | None = None, heard: Heard | None = None,
) -> Policy:  # fmt: skip
    """Learn which action follows what. Raises ValueError for fewer than two actions."""
    recipe = recipe or Recipe()
    counts = Counter(e.action for d in dialogues for e in d if e.action)
    actions = sorted(counts)
    if len(actions) < 2:
        raise ValueError("A policy needs at least two actions.")
    torch.manual_seed(recipe.seed)
    encoder, tokenizer, width = finetuning.encoder(base)
    network = Network(encoder, width, len(actions), recipe)
    policy = Policy(network, tokenizer, actions, torch.zeros(len(actions), width), recipe)
    encoder.eval()
    with torch.no_grad():
        policy.named = policy._pooled([_words(a, dialogues) for a in actions])
    lossy = nn.CrossEntropyLoss(label_smoothing=recipe.smoothing, ignore_index=-1)

    def loss(batch: list[list[Event]]) -> torch.Tensor:
        scores = policy.logits(batch)[:, :-1]  # (B, E, A)
        target = torch.full(scores.shape[:2], -1)
        for n, dialogue in enumerate(batch):
            for i, e in enumerate(dialogue):
                if e.action:
                    target[n, i] = policy.index[e.action]
        found: torch.Tensor = lossy(scores.flatten(0, 1), target.flatten())
        return found

    rows = [list(d)[: recipe.longest] for d in dialogues if any(e.action for e in d)]

    def epoch(rng: random.Random) -> list[list[list[Event]]]:
        return _dealt(rows, recipe.batch, rng)

    if recipe.warm:
        _warm(policy, rows, epoch, loss)
    finetuning.fit(network, epoch, loss, recipe, heard)
    return policy


def _warm(
    policy: Policy, rows: list[list[Event]], epoch: Callable[[random.Random], Any],
    loss: Callable[[list[list[Event]]], torch.Tensor],
) -> None:  # fmt: skip
    """Train what stands on the encoder while that stays still: each text is encoded once."""
    network, recipe = policy.network, policy.recipe
    moving = [p for p in network.encoder.parameters() if p.requires_grad]
    for parameter in moving:
        parameter.requires_grad_(False)
    order, place = _texts(rows)
    network.encoder.eval()
    with torch.no_grad():
        policy.cache = (policy._pooled_all(order), place)
    finetuning.fit(network, epoch, loss, replace(recipe, epochs=recipe.warm))
    policy.cache = None
    for parameter in moving:
        parameter.requires_grad_(True)


def _texts(dialogues: Sequence[Sequence[Event]]) -> tuple[list[str], dict[str, int]]:
    """The texts of all events, each once, the shortest first, and the place of each."""
    texts = dict.fromkeys(e.text or "-" for d in dialogues for e in d) or {"-": None}
    order = sorted(texts, key=len)
    return order, {t: n for n, t in enumerate(order)}


def _dealt(rows: list[list[Event]], size: int, rng: random.Random) -> list[list[list[Event]]]:
    return finetuning.batches(rows, size, rng, len)


def _words(action: str, dialogues: Sequence[Sequence[Event]]) -> str:
    """An action as words: its name, and what the house said when it did it first."""
    said = next((e.text for d in dialogues for e in d if e.action == action and e.kind == "house"),
                "")  # fmt: skip
    return f"{action.replace('_', ' ')}. {said}".strip()
