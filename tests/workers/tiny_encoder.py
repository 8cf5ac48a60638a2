"""A BERT of two layers with random weights, made on the fly, with the packaged encoder's words."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoTokenizer, BertConfig, BertModel

from workers.engines.embedding import packaged


def make(folder: Path, seed: int = 0) -> Path:
    """Write the encoder to a folder; the same seed makes the same weights."""
    tokenizer = AutoTokenizer.from_pretrained(packaged())
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=96, max_position_embeddings=128, initializer_range=0.2,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder
