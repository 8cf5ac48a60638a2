"""How a Chinese sentence feels, and what it speaks of.

Two readers of characters agree on the feeling, the mean of their scores:
- linear: TF-IDF over hashed runs of one to five characters, a support vector machine;
- a network: characters and pairs of characters → gated convolutions (Dauphin et al. 2017) →
  attention and maximum over the text → one score.

The linear score is a sum over runs, so each character has its part (`leaning`). Nobody labelled
Chinese aspects for us: terms are the nouns that jieba finds, their polarity is that of their clause
(Chinese reviews put one opinion in a clause), and the opinion is the word there that leans most.
"""

from __future__ import annotations

import json
import logging
import math
import random
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jieba
import jieba.posseg
import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix
from sklearn.svm import LinearSVC
from torch import nn

from workers.engines import finetuning
from workers.engines.finetuning import Heard, Plan
from workers.engines.opinion_terms import Term
from workers.engines.opinions import Opinion, packed, unpacked

jieba.setLogLevel(logging.ERROR)
BUCKETS, LONGEST, LEAST = 1 << 22, 5, 2  # runs in fewer texts than LEAST say nothing
CLAUSE = re.compile(r"[^，。！？；、,.!?;\s~～…]+")
NOUNS = frozenset({"n", "vn", "nz", "ng"})
SAYS = frozenset({"a", "ad", "an", "v", "vd", "z", "i", "l", "d"})
EMPTY_NOUNS = frozenset(
    "东西 时候 感觉 问题 情况 事情 地方 时间 样子 方面 结果 朋友 老婆 老公 孩子 大家 家里 评价 "
    "商家 卖家 店家 京东 淘宝 当当 第一次 总体 整体 图片 效果图".split()
)


@dataclass(frozen=True, slots=True)
class Recipe(Plan):
    """How the network is trained; `letters` of a text are read, from both ends."""

    epochs: int = 4
    batch: int = 64
    head_rate: float = 2e-3
    average: float = 0.999
    width: int = 96
    letters: int = 120
    smoothing: float = 0.02
    blank: float = 0.05  # of the characters are hidden while training


# -- the linear reader -------------------------------------------------------------------------


def runs(text: str) -> list[tuple[int, int, int]]:
    """Every run of one to five characters as (bucket, start, end)."""
    low = "".join(c if len(c.lower()) != 1 else c.lower() for c in text)  # "İ" has two when small
    return [
        (zlib.crc32(low[i : i + n].encode()) & (BUCKETS - 1), i, i + n)
        for n in range(1, LONGEST + 1) for i in range(len(low) - n + 1)
    ]  # fmt: skip


@dataclass(slots=True)
class Linear:
    """Weights of the buckets, their inverse document frequency folded in: score = w·tf / |idf·tf|,
    tf = 1 + ln(count)."""

    idf: np.ndarray  # (BUCKETS,)
    weights: np.ndarray  # (BUCKETS,)
    bias: float

    def score(self, text: str) -> tuple[float, np.ndarray]:
        """The score, and each character's part in it (len(text),)."""
        found = runs(text)
        if not found:
            return self.bias, np.zeros(len(text))
        buckets = np.array([b for b, _, _ in found])
        kinds, which, counts = np.unique(buckets, return_inverse=True, return_counts=True)
        worth = (1 + np.log(counts)) * self.idf[kinds]
        worth /= max(1e-9, float(np.sqrt((worth**2).sum())))
        each = (worth * self.weights[kinds] / counts)[which]  # (runs,)
        part = np.zeros(len(text) + 1)
        for (_, start, end), value in zip(found, each, strict=True):
            part[start] += value / (end - start)
            part[end] -= value / (end - start)
        return float(each.sum()) + self.bias, part.cumsum()[:-1]

    @classmethod
    def fit(cls, texts: Sequence[str], labels: np.ndarray, strength: float = 0.5) -> Linear:
        """A support vector machine over the runs that occur in at least two texts."""
        rows = [Counter(b for b, _, _ in runs(text)) for text in texts]
        pointers = np.cumsum([0, *(len(r) for r in rows)])
        indices = np.concatenate([np.fromiter(r, dtype=np.int32, count=len(r)) for r in rows])
        counts = np.concatenate(
            [np.fromiter(r.values(), dtype=np.float32, count=len(r)) for r in rows]
        )
        matrix = csr_matrix((1 + np.log(counts), indices, pointers), shape=(len(texts), BUCKETS))
        documents = np.bincount(matrix.indices, minlength=BUCKETS)
        idf = np.where(documents >= LEAST, np.log((1 + len(texts)) / (1 + documents)) + 1, 0)
        matrix = matrix.multiply(idf[None]).tocsr()
        lengths = np.sqrt(matrix.multiply(matrix).sum(1)).A1
        matrix.data /= np.repeat(np.maximum(lengths, 1e-9), np.diff(matrix.indptr))
        machine = LinearSVC(C=strength).fit(matrix, labels)
        return cls(idf.astype(np.float32), machine.coef_[0].astype(np.float32),
                   float(machine.intercept_[0]))  # fmt: skip


# -- the network -------------------------------------------------------------------------------


class _Block(nn.Module):
    """A gated convolution of three characters, a distance apart, added to what came in."""

    def __init__(self, width: int, distance: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.turn = nn.Conv1d(width, 2 * width, 3, padding=distance, dilation=distance)
        self.drop = nn.Dropout(0.15)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.turn(self.norm(x).transpose(1, 2)).transpose(1, 2).chunk(2, -1)
        found: torch.Tensor = x + self.drop(value * torch.sigmoid(gate))  # (B, T, C)
        return found


class Network(nn.Module):
    """Characters and pairs in, one score a text out."""

    def __init__(self, letters: int, pairs: int, width: int) -> None:
        super().__init__()
        self.letter = nn.Embedding(letters, width, padding_idx=0)
        self.pair = nn.Embedding(pairs, width, padding_idx=0)
        self.drop = nn.Dropout(0.35)
        self.blocks = nn.ModuleList([_Block(width, d) for d in (1, 2, 4)])
        self.norm, self.look = nn.LayerNorm(width), nn.Linear(width, 1)
        self.out = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * width, 1))

    def forward(self, letters: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
        there = (letters > 0).unsqueeze(-1)  # (B, T, 1)
        x = self.drop(self.letter(letters) + self.pair(pairs)) * there
        for block in self.blocks:
            x = block(x) * there
        x = self.norm(x)
        share = self.look(x).masked_fill(~there, -1e4).softmax(1)
        top = x.masked_fill(~there, -1e4).max(1).values
        found: torch.Tensor = self.out(torch.cat([top, (share * x).sum(1)], -1)).squeeze(-1)
        return found  # (B,)


@dataclass(frozen=True, slots=True)
class Words:
    """The characters and pairs that the network knows; 0 is nothing, 1 is any other."""

    letters: dict[str, int]
    pairs: dict[str, int]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Words:
        letters = Counter(c for t in texts for c in t.lower())
        pairs = Counter(t[i : i + 2].lower() for t in texts for i in range(len(t) - 1))
        return cls(
            {c: n + 2 for n, (c, k) in enumerate(letters.most_common(6_000)) if k >= 3},
            {c: n + 2 for n, (c, k) in enumerate(pairs.most_common(40_000)) if k >= 5},
        )

    def numbers(self, texts: Sequence[str], most: int) -> tuple[torch.Tensor, torch.Tensor]:
        cut = [t.lower() if len(t) <= most else (t[: most // 2] + t[-most // 2 :]).lower()
               for t in texts]  # fmt: skip
        length = max(1, *(len(t) for t in cut))
        letters = torch.zeros(len(texts), length, dtype=torch.long)
        pairs = torch.zeros_like(letters)
        for row, text in enumerate(cut):
            text = text or " "
            letters[row, : len(text)] = torch.tensor([self.letters.get(c, 1) for c in text])
            pairs[row, : len(text)] = torch.tensor(
                [self.pairs.get(text[i : i + 2], 1) for i in range(len(text))]
            )
        return letters, pairs


def train(
    texts: Sequence[str], labels: np.ndarray, *, recipe: Recipe | None = None,
    heard: Heard | None = None,
) -> ChineseOpinions:  # fmt: skip
    """Learn from reviews with their label (1 = positive)."""
    recipe = recipe or Recipe()
    torch.manual_seed(recipe.seed)
    words = Words.of(texts)
    network = Network(len(words.letters) + 2, len(words.pairs) + 2, recipe.width)
    rows = list(zip(texts, labels.tolist(), strict=True))

    def loss(batch: list[tuple[str, int]]) -> torch.Tensor:
        letters, pairs = words.numbers([t for t, _ in batch], recipe.letters)
        hidden = (torch.rand(letters.shape) < recipe.blank) & (letters > 0)
        wanted = torch.tensor([float(y) for _, y in batch])
        wanted = wanted * (1 - 2 * recipe.smoothing) + recipe.smoothing
        return nn.functional.binary_cross_entropy_with_logits(
            network(letters.masked_fill(hidden, 1), pairs), wanted
        )

    def deal(rng: random.Random) -> list[list[tuple[str, int]]]:
        return finetuning.batches(rows, recipe.batch, rng,
                                  lambda row: min(len(row[0]), recipe.letters))  # fmt: skip

    finetuning.fit(network, deal, loss, recipe, heard)
    return ChineseOpinions(Linear.fit(texts, labels), network, words, recipe)


class ChineseOpinions:
    """A trained reader of Chinese. `mix` is what the linear score counts beside the network's."""

    def __init__(self, linear: Linear, network: Network, words: Words, recipe: Recipe) -> None:
        self.linear, self.network, self.words, self.recipe = linear, network.eval(), words, recipe
        self.mix, self.temperature = 2.0, 1.0

    @torch.inference_mode()
    def network_scores(self, texts: Sequence[str], batch: int = 64) -> np.ndarray:
        """(N,) of the network alone."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        found = np.zeros(len(texts))
        for at in range(0, len(order), batch):
            chosen = order[at : at + batch]
            numbers = self.words.numbers([texts[i] for i in chosen], self.recipe.letters)
            found[chosen] = self.network(*numbers).numpy()
        return found

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """(N,) above 0 where positive."""
        linear = np.array([self.linear.score(t)[0] for t in texts])
        found: np.ndarray = self.network_scores(texts) + self.mix * linear
        return found

    def read(self, texts: Sequence[str]) -> list[Opinion]:
        """Every sentence, in order."""
        network = self.network_scores(texts)
        return [
            self._opinion(text, float(score)) for text, score in zip(texts, network, strict=True)
        ]

    def _opinion(self, text: str, network: float) -> Opinion:
        score, parts = self.linear.score(text)
        good = 1 / (1 + math.exp(-(network + self.mix * score) / self.temperature))
        feeling = _three(good)
        terms = tuple(self._terms(text, parts))
        return Opinion(feeling, 4 * (feeling[2] - feeling[0]), terms, np.zeros(0))

    def _terms(self, text: str, parts: np.ndarray) -> list[Term]:
        """Nouns that stand beside an opinion, clause by clause."""
        found = []
        for clause in CLAUSE.finditer(text):
            words = _cut(clause.group(), clause.start())
            nouns = [w for w in words if w[2] in NOUNS and w[1] - w[0] > 1
                     and text[w[0] : w[1]] not in EMPTY_NOUNS]  # fmt: skip
            says = [w for w in words if w[2] in SAYS]
            if not nouns or not says:
                continue
            chances = _three(1 / (1 + math.exp(-self._clause(clause.group()))))
            best = int(np.argmax(chances))
            sign = {0: -1.0, 1: 0.0, 2: 1.0}[best]
            word = max(says, key=lambda w: sign * float(parts[w[0] : w[1]].sum())) if sign else None
            polarity = ("negative", "neutral", "positive")[best]
            where = (word[0], word[1]) if word is not None else (0, 0)
            found += [Term(a, b, polarity, chances[best], *where) for a, b in _whole(nouns)]
        return found

    def _clause(self, clause: str) -> float:
        linear = self.linear.score(clause)[0]
        return (float(self.network_scores([clause])[0]) + self.mix * linear) / self.temperature

    def save(self, folder: Path) -> None:
        """Half precision; of the buckets those that were seen."""
        folder.mkdir(parents=True, exist_ok=True)
        used = np.flatnonzero(self.linear.idf)
        state: dict[str, np.ndarray] = {}
        for name, value in self.network.state_dict().items():
            if value.ndim == 2 and len(value) > 1_000:  # tables of characters and pairs
                state |= packed(f"network.{name}", value.numpy())
            else:
                state[f"network.{name}"] = value.numpy().astype(np.float16)
        state |= {"buckets": used.astype(np.int32),
                  "weights": self.linear.weights[used].astype(np.float16),
                  "idf": np.rint(self.linear.idf[used] * 16).astype(np.uint8)}  # fmt: skip
        save_file(state, str(folder / "opinions.safetensors"))
        told = {"recipe": asdict(self.recipe), "mix": self.mix, "temperature": self.temperature,
                "bias": self.linear.bias, "letters": "".join(self.words.letters),
                "pairs": list(self.words.pairs)}  # fmt: skip
        (folder / "opinions.json").write_text(json.dumps(told, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, folder: Path) -> ChineseOpinions:
        told: dict[str, Any] = json.loads((folder / "opinions.json").read_text())
        state = load_file(str(folder / "opinions.safetensors"))
        weights = np.zeros(BUCKETS, dtype=np.float32)
        weights[state["buckets"]] = state["weights"].astype(np.float32)
        idf = np.zeros(BUCKETS, dtype=np.float32)
        idf[state["buckets"]] = state["idf"].astype(np.float32) / 16
        linear = Linear(idf, weights, told["bias"])
        words = Words({c: n + 2 for n, c in enumerate(told["letters"])},
                      {c: n + 2 for n, c in enumerate(told["pairs"])})  # fmt: skip
        recipe = Recipe(**told["recipe"])
        network = Network(len(words.letters) + 2, len(words.pairs) + 2, recipe.width)
        own = {k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")}
        tables = {k[:-2] for k in own if k.endswith(":8")}
        values = {k: unpacked(own[f"{k}:8"], own[f"{k}:s"]) for k in tables}
        values |= {k: v.astype(np.float32) for k, v in own.items() if k[-2:] not in {":8", ":s"}}
        network.load_state_dict({k: torch.from_numpy(v) for k, v in values.items()})
        found = cls(linear, network, words, recipe)
        found.mix, found.temperature = told["mix"], told["temperature"]
        return found


def _three(good: float) -> tuple[float, float, float]:
    """Probabilities of negative, neutral, positive from that of "positive rather than negative".
    Nobody labelled plain sentences: what neither side claims is plain, more so the nearer to even
    (the square of the distance is kept)."""
    plain = (1 - abs(2 * good - 1)) ** 2
    return (1 - plain) * (1 - good), plain, (1 - plain) * good


def _cut(clause: str, start: int) -> list[tuple[int, int, str]]:
    """(start, end, part of speech) of the words of a clause, places in the whole text."""
    found = []
    at = start
    for word in jieba.posseg.cut(clause):
        found.append((at, at + len(word.word), word.flag))
        at += len(word.word)
    return found


def _whole(nouns: Sequence[tuple[int, int, str]]) -> list[tuple[int, int]]:
    """Nouns that stand side by side are one: 物流 速度."""
    found: list[tuple[int, int]] = []
    for start, end, _ in nouns:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found
