"""A Llama of two layers with random weights, made on the fly, with SmolLM2's tokenizer."""

from __future__ import annotations

from pathlib import Path

import torch
from django.conf import settings
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from workers.engines.transformers_runtime import packaged_weights


def make(folder: Path, seed: int = 0) -> Path:
    """Write the model to a folder; the same seed makes the same weights."""
    tokenizer = AutoTokenizer.from_pretrained(packaged_weights(settings.VAR / "models"))
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, initializer_range=0.3, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=2048,
        tie_word_embeddings=True, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return folder
