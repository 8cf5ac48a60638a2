"""What a customer has asked for so far: a tracker of slots, trained on a workspace's conversations.

    system turn, customer turn → encoder (MiniLM) → tokens h (B, T, C)
    each slot s attends to the tokens → c_s (B, C) → a score for "not said", for "no preference" and
    for each value v of s: c_s · e_v (a frozen encoding of the value's words) + w · features(s, v)

The features say where a value stands word for word or nearly so, and whether the house asked for
the slot or offered the value, so that a value never seen in training can be filled
(delexicalisation, Henderson et al. 2014; slot-utterance matching, Lee et al. 2019). Values of a
turn replace those of turns before; what a turn asks for is one sigmoid a slot.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from workers.engines import finetuning
from workers.engines.finetuning import Heard, Plan
from workers.engines.tracking_features import FEATURES, GATES, features, fold

NOT_SAID, NO_PREFERENCE = "", "dontcare"
State = dict[str, str]


@dataclass(frozen=True, slots=True)
class Ontology:
    """The slots that customers fill with one of these values, and what they may ask for."""

    values: Mapping[str, tuple[str, ...]]
    requests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """What the house said, with what it asked for and offered, and what the customer said then;
    `filled` and `requested` are the labels of that turn alone."""

    said: str
    heard: str
    asked: tuple[str, ...] = ()
    offered: tuple[tuple[str, str], ...] = ()
    filled: tuple[tuple[str, str], ...] = ()
    requested: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipe(Plan):
    """How to train a tracker. `swap`: share of examples whose values are replaced by others."""

    epochs: int = 16
    batch: int = 32
    rate: float = 8e-5
    average: float = 0.998
    swap: float = 0.3
    most_tokens: int = 96
    enough: float = 0.003


@dataclass(frozen=True, slots=True)
class Filled:
    """What a turn said of one slot, with the probability of it."""

    slot: str
    value: str
    probability: float


@dataclass(frozen=True, slots=True)
class Understood:
    """A turn as read: what it fills, what it asks for."""

    filled: tuple[Filled, ...] = ()
    requested: tuple[str, ...] = field(default_factory=tuple)


class Network(nn.Module):
    """Encoder, one query a slot, gates, and the weights of the features."""

    def __init__(self, encoder: Any, width: int, slots: int, requests: int) -> None:
        super().__init__()
        self.encoder: Any = encoder
        self.queries = nn.Parameter(torch.randn(slots + requests, width) * 0.05)
        self.attention = nn.MultiheadAttention(width, 4, dropout=0.1, batch_first=True)
        self.norm, self.drop = nn.LayerNorm(width), nn.Dropout(0.1)
        self.project = nn.Linear(width, width)
        self.gates = nn.Linear(width, 2)  # not said, no preference
        self.asked = nn.Linear(width, 1)
        self.said = nn.Parameter(torch.full((slots, len(FEATURES)), 0.5))
        self.gated = nn.Parameter(torch.zeros(slots, 2, len(GATES)))
        self.slots = slots

    def forward(
        self, tokens: dict[str, torch.Tensor], values: Sequence[torch.Tensor],
        seen: Sequence[torch.Tensor], gate: torch.Tensor,
    ) -> tuple[list[torch.Tensor], torch.Tensor]:  # fmt: skip
        """`values[s]` (V_s, C); `seen[s]` (B, V_s, F); `gate` (B, S, G). Logits: of each slot
        (B, 2 + V_s) and of the requests (B, R)."""
        hidden = self.encoder(**tokens).last_hidden_state  # (B, T, C)
        query = self.queries.unsqueeze(0).expand(len(hidden), -1, -1)  # (B, S + R, C)
        context, _ = self.attention(
            query, hidden, hidden, key_padding_mask=tokens["attention_mask"] == 0
        )
        context = self.drop(self.norm(context + query))  # (B, S + R, C)
        found = []
        for s in range(self.slots):
            mine = context[:, s]  # (B, C)
            gates = self.gates(mine) + gate[:, s] @ self.gated[s].T  # (B, 2)
            like = self.project(mine) @ values[s].T / mine.shape[1] ** 0.25  # (B, V_s)
            found.append(torch.cat([gates, like + seen[s] @ self.said[s]], 1))
        requests: torch.Tensor = self.asked(context[:, self.slots :]).squeeze(-1)  # (B, R)
        return found, requests


class Tracker:
    """A trained tracker. `read` understands one turn; `follow` carries the state along."""

    def __init__(
        self, network: Network, tokenizer: Any, ontology: Ontology, recipe: Recipe,
        values: list[torch.Tensor],
    ) -> None:  # fmt: skip
        self.network, self.tokenizer = network, tokenizer
        self.ontology, self.recipe, self.values = ontology, recipe, values
        self.slots = list(ontology.values)

    def inputs(self, turns: Sequence[Turn]) -> tuple[Any, ...]:
        tokens = self.tokenizer(
            [t.said or "-" for t in turns], [t.heard or "-" for t in turns], padding=True,
            truncation=True, max_length=self.recipe.most_tokens, return_tensors="pt",
        )  # fmt: skip
        rows = [[features(t, slot, self.ontology.values[slot]) for slot in self.slots]
                for t in turns]  # fmt: skip
        seen = [torch.from_numpy(np.stack([row[s][0] for row in rows])) for s in
                range(len(self.slots))]  # fmt: skip
        gate = torch.from_numpy(np.stack([np.stack([g for _, g in row]) for row in rows]))
        return dict(tokens), self.values, seen, gate

    @torch.inference_mode()
    def read_many(self, turns: Sequence[Turn]) -> list[Understood]:
        found: list[Understood] = []
        for at in range(0, len(turns), 64):
            part = turns[at : at + 64]
            slots, requests = self.network(*self.inputs(part))
            shares = [torch.softmax(logits, 1) for logits in slots]
            asked = torch.sigmoid(requests)
            for n in range(len(part)):
                filled = []
                for slot, share in zip(self.slots, shares, strict=True):
                    best = int(share[n].argmax())
                    if best:
                        value = (NO_PREFERENCE, *self.ontology.values[slot])[best - 1]
                        filled.append(Filled(slot, value, float(share[n, best])))
                wanted = tuple(r for r, p in zip(self.ontology.requests, asked[n], strict=True)
                               if p > 0.5)  # fmt: skip
                found.append(Understood(tuple(filled), wanted))
        return found

    def read(self, turn: Turn) -> Understood:
        return self.read_many([turn])[0]

    def save(self, folder: Path) -> None:
        state = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        state |= {f"values.{n}": v for n, v in enumerate(self.values)}
        finetuning.save(state, folder / "tracker.safetensors")
        told = {"values": self.ontology.values, "requests": self.ontology.requests,
                "recipe": asdict(self.recipe)}  # fmt: skip
        (folder / "tracker.json").write_text(json.dumps(told, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path, base: Path | None = None) -> Tracker:
        told = json.loads((folder / "tracker.json").read_text())
        ontology = Ontology({k: tuple(v) for k, v in told["values"].items()},
                            tuple(told["requests"]))  # fmt: skip
        state = finetuning.load(folder / "tracker.safetensors")
        encoder, tokenizer, width = finetuning.encoder(base)
        network = Network(encoder, width, len(ontology.values), len(ontology.requests))
        finetuning.restore(network, {k.removeprefix("network."): v for k, v in state.items()
                                     if k.startswith("network.")})  # fmt: skip
        values = [torch.from_numpy(state[f"values.{n}"]) for n in range(len(ontology.values))]
        return cls(network, tokenizer, ontology, Recipe(**told["recipe"]), values)


def follow(state: Mapping[str, str], understood: Understood) -> State:
    """The state after a turn: what it fills replaces what was there."""
    return {**state, **{f.slot: f.value for f in understood.filled}}


def train(
    turns: Sequence[Turn], ontology: Ontology, *, recipe: Recipe | None = None,
    base: Path | None = None, heard: Heard | None = None,
) -> Tracker:  # fmt: skip
    """Learn from labelled turns. Raises ValueError where there is no turn or no value."""
    recipe = recipe or Recipe()
    if not turns or not any(ontology.values.values()):
        raise ValueError("A tracker needs turns, and slots with values.")
    torch.manual_seed(recipe.seed)
    encoder, tokenizer, width = finetuning.encoder(base)
    network = Network(encoder, width, len(ontology.values), len(ontology.requests))
    words = [*(s for s in ontology.values), *ontology.requests]
    with torch.no_grad():
        network.queries.copy_(_encoded(encoder, tokenizer, words))
        values = [_encoded(encoder, tokenizer, v) for v in ontology.values.values()]
    tracker = Tracker(network, tokenizer, ontology, recipe, values)
    rng = random.Random(recipe.seed + 1)  # noqa: S311
    kinds, requests = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss()

    def loss(batch: list[Turn]) -> torch.Tensor:
        batch = [swapped(t, ontology, rng) if rng.random() < recipe.swap else t for t in batch]
        slots, asked = network(*tracker.inputs(batch))
        total = torch.zeros(())
        for slot, logits in zip(tracker.slots, slots, strict=True):
            target = torch.tensor([_label(t, slot, ontology) for t in batch])
            total = total + kinds(logits, target)
        if ontology.requests:
            wanted = [[float(r in t.requested) for r in ontology.requests] for t in batch]
            total = total + 3 * requests(asked, torch.tensor(wanted))
        return total

    finetuning.fit(
        network,
        lambda r: finetuning.batches(turns, recipe.batch, r, lambda t: len(t.said) + len(t.heard)),
        loss, recipe, heard,
    )  # fmt: skip
    return tracker


@torch.no_grad()
def _encoded(encoder: Any, tokenizer: Any, words: Sequence[str]) -> torch.Tensor:
    """(n, C) of length 1, as the encoder came."""
    encoder.eval()
    tokens = tokenizer(list(words), padding=True, truncation=True, max_length=16,
                       return_tensors="pt")  # fmt: skip
    pooled = finetuning.mean(encoder(**tokens).last_hidden_state, tokens["attention_mask"])
    return nn.functional.normalize(pooled, dim=-1)


def _label(turn: Turn, slot: str, ontology: Ontology) -> int:
    """0 not said, 1 no preference, 2 + n the n-th value. A value that the ontology lacks is not
    said."""
    value = dict(turn.filled).get(slot, NOT_SAID)
    if value == NOT_SAID:
        return 0
    if value == NO_PREFERENCE:
        return 1
    index = _positions(ontology.values[slot])
    return 2 + index[value] if value in index else 0


@lru_cache(maxsize=64)
def _positions(values: tuple[str, ...]) -> dict[str, int]:
    return {v: n for n, v in enumerate(values)}


def swapped(turn: Turn, ontology: Ontology, rng: random.Random) -> Turn:
    """The turn with a value that it holds word for word replaced by another of its slot."""
    said, heard = fold(turn.said), fold(turn.heard)
    filled, offered = list(turn.filled), list(turn.offered)
    for slot, values in ontology.values.items():
        if len(values) < 10:
            continue  # few values are all seen in training
        present = [v for v in values if fold(v) in heard or fold(v) in said]
        for old in present:
            new = rng.choice(values)
            shared = any(old in other for s, other in ontology.values.items() if s != slot)
            if shared or SequenceMatcher(None, old, new).ratio() > 0.6:
                continue
            said = said.replace(fold(old), fold(new))
            heard = heard.replace(fold(old), fold(new))
            filled = [(s, new if (s, v) == (slot, old) else v) for s, v in filled]
            offered = [(s, new if (s, v) == (slot, old) else v) for s, v in offered]
    return Turn(said.strip(), heard.strip(), turn.asked, tuple(offered), tuple(filled),
                turn.requested)  # fmt: skip
