"""A Llama of two layers with random weights, made on the fly, with SmolLM2's commonest words."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from django.conf import settings
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from workers.engines.transformers_runtime import packaged_weights

WORDS = 4096  # of SmolLM2's 49,152: an output layer that does not outweigh the rest a hundred times


def make(folder: Path, seed: int = 0) -> Path:
    """Write the model to a folder; the same seed makes the same weights."""
    tokenizer = shortened(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, initializer_range=0.3, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=2048,
        tie_word_embeddings=True, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return folder


def shortened(folder: Path) -> AutoTokenizer:
    """SmolLM2's tokenizer with its first WORDS tokens, written to a folder. Byte-pair tokens are
    numbered in the order in which they were merged, so what is left can still be built."""
    AutoTokenizer.from_pretrained(packaged_weights(settings.VAR / "models")).save_pretrained(folder)
    path = folder / "tokenizer.json"
    known = json.loads(path.read_text())
    model = known["model"]
    model["vocab"] = {token: n for token, n in model["vocab"].items() if n < WORDS}
    model["merges"] = [pair for pair in model["merges"] if "".join(pair) in model["vocab"]]
    path.write_text(json.dumps(known))
    return AutoTokenizer.from_pretrained(folder)
