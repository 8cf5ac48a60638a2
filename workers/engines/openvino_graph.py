"""A Llama in OpenVINO's own graph, from a Hugging Face folder: int8 weights, one scale a row.

Built by hand because OpenVINO's GGUF reader names no layer, so that adapters silently do nothing,
and reads Q4_1 with integer zero points, so that it is another model. Every linear layer carries
the name that peft gives its LoRA tensors. The graph is stateful: its cache of keys and values is
what OpenVINO GenAI replaces by paged attention.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import PartialShape, Type
from openvino import opset13 as op
from openvino.op import Parameter, assign, read_value
from openvino.op.util import Variable, VariableInfo
from openvino_tokenizers import convert_tokenizer
from safetensors.torch import load_file
from transformers import AutoTokenizer

TOKENIZER = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
             "chat_template.jinja")  # fmt: skip


class UnknownModel(ValueError):
    """The folder holds no Llama that this graph can express."""


def convert(source: Path, target: Path) -> None:
    """Write graph, tokenizer and detokenizer of the model in `source` to `target`."""
    config = json.loads((source / "config.json").read_text())
    if config.get("model_type") != "llama" or not config.get("tie_word_embeddings", True):
        raise UnknownModel(f"{source.name}: only Llama models with tied embeddings are built.")
    target.mkdir(parents=True, exist_ok=True)
    model = _Builder(config, load_file(source / "model.safetensors")).build()
    ov.save_model(model, target / "openvino_model.xml", compress_to_fp16=False)
    tokenizer = AutoTokenizer.from_pretrained(source)
    reads, writes = convert_tokenizer(tokenizer, with_detokenizer=True, skip_special_tokens=True)
    ov.save_model(reads, target / "openvino_tokenizer.xml")
    ov.save_model(writes, target / "openvino_detokenizer.xml")
    for name in TOKENIZER:
        if (source / name).exists():
            shutil.copy(source / name, target / name)


def _ints(*values: int) -> Any:
    return op.constant(np.array(values, np.int64))


def _scalar(value: float, kind: Any = np.int64) -> Any:
    return op.constant(np.array(value, kind))


def _parameter(name: str, kind: Any, shape: Iterable[int]) -> Parameter:
    made = Parameter(kind, PartialShape(list(shape)))
    made.set_friendly_name(name)
    made.output(0).get_tensor().set_names({name})
    return made


class _Builder:
    """One model: H heads, of which KV hold keys, of width D; E wide, L layers deep."""

    def __init__(self, config: dict[str, Any], weights: dict[str, Any]) -> None:
        self.heads, self.kv = config["num_attention_heads"], config["num_key_value_heads"]
        self.wide, self.layers = config["hidden_size"], config["num_hidden_layers"]
        self.width = config.get("head_dim") or self.wide // self.heads
        rope = config.get("rope_parameters") or {}
        if rope.get("rope_type", "default") != "default":
            raise UnknownModel(f"rotary embeddings of type {rope['rope_type']} are not built.")
        self.theta = rope.get("rope_theta") or config["rope_theta"]
        self.epsilon = config["rms_norm_eps"]
        self.weights = weights
        self.sinks: list[Any] = []

    def build(self) -> ov.Model:
        ids = _parameter("input_ids", Type.i64, [-1, -1])  # (B, T)
        mask = _parameter("attention_mask", Type.i64, [-1, -1])  # (B, S)
        place = _parameter("position_ids", Type.i64, [-1, -1])  # (B, T)
        beam = _parameter("beam_idx", Type.i32, [-1])  # (B,)
        embedding = self._int8("model.embed_tokens.weight")
        x = op.gather(embedding, op.convert(ids, "i32"), _scalar(0, np.int32))  # (B, T, E)
        self.batch = op.gather(op.shape_of(ids, "i64"), _ints(0), _ints(0))
        self.beam = beam
        self._rotary(place)
        causal = None
        for layer in range(self.layers):
            name = f"model.layers.{layer}."
            h = self._norm(x, name + "input_layernorm.weight")
            q, k, v = (self._linear(h, f"{name}self_attn.{n}_proj") for n in "qkv")
            q = self._rotated(self._split(q, self.heads))  # (B, H, T, D)
            past, k = self._cached(self._rotated(self._split(k, self.kv)), layer, "key")
            _, v = self._cached(self._split(v, self.kv), layer, "value")  # (B, KV, S, D)
            if causal is None:
                causal = self._mask(ids, past, mask)
            a = op.scaled_dot_product_attention(q, self._repeated(k), self._repeated(v), causal)
            a = op.reshape(
                op.transpose(a, _ints(0, 2, 1, 3)), _ints(0, 0, self.heads * self.width), True
            )  # (B, T, H D)
            x = op.add(x, self._linear(a, name + "self_attn.o_proj"))
            h = self._norm(x, name + "post_attention_layernorm.weight")
            gate = op.swish(self._linear(h, name + "mlp.gate_proj"))
            up = self._linear(h, name + "mlp.up_proj")
            x = op.add(x, self._linear(op.multiply(gate, up), name + "mlp.down_proj"))
        x = self._norm(x, "model.norm.weight")
        head = op.matmul(x, embedding, False, True)  # (B, T, V)
        head.set_friendly_name("__module.lm_head/ov_ext::linear/MatMul")
        head.output(0).get_tensor().set_names({"logits"})
        result = op.result(head)
        result.set_friendly_name("logits")
        return ov.Model([result], self.sinks, [ids, mask, place, beam], "llama")

    def _int8(self, name: str) -> Any:
        """(out, in) as int8 with a scale a row; the plugin multiplies in int8."""
        w = self.weights[name].float()
        scale = (w.abs().amax(1, keepdim=True) / 127).clamp(min=1e-12)
        whole = (w / scale).round().clamp(-128, 127).to(dtype=w.new_empty(0).char().dtype)
        wide = op.multiply(
            op.convert(op.constant(whole.numpy()), "f16"), op.constant(scale.half().numpy())
        )
        return op.convert(wide, "f32")

    def _linear(self, x: Any, name: str) -> Any:
        made = op.matmul(x, self._int8(name + ".weight"), False, True)
        made.set_friendly_name(f"__module.{name}/ov_ext::linear/MatMul")
        return made

    def _norm(self, x: Any, name: str) -> Any:
        one, two = (op.constant(np.full((1, 1, 1), v, np.float32)) for v in (1, 2))
        small = op.constant(np.full((1, 1, 1), self.epsilon, np.float32))
        mean = op.reduce_mean(op.power(x, two), _ints(-1), True)
        scaled = op.multiply(x, op.divide(one, op.sqrt(op.add(mean, small))))
        weight = self.weights[name].float().numpy().reshape(1, 1, -1)
        return op.multiply(scaled, op.constant(weight))

    def _split(self, x: Any, heads: int) -> Any:
        """(B, T, heads D) to (B, heads, T, D)."""
        return op.transpose(op.reshape(x, _ints(0, 0, heads, self.width), True), _ints(0, 2, 1, 3))

    def _rotary(self, place: Any) -> None:
        """Cosines and sines of every position, (B, 1, T, D)."""
        rate = 1.0 / self.theta ** (np.arange(0, self.width, 2, dtype=np.float64) / self.width)
        rates = op.broadcast(
            op.constant(rate.astype(np.float32).reshape(1, -1, 1)),
            op.concat([self.batch, _ints(1), _ints(1)], 0), broadcast_spec="BIDIRECTIONAL",
        )  # fmt: skip
        angle = op.matmul(rates, op.convert(op.unsqueeze(place, _scalar(1)), "f32"), False, False)
        angle = op.transpose(angle, _ints(0, 2, 1))
        angle = op.concat([angle, angle], -1)
        self.cosine = op.unsqueeze(op.cos(angle), _scalar(1))
        self.sine = op.unsqueeze(op.sin(angle), _scalar(1))

    def _rotated(self, x: Any) -> Any:
        half, end = _ints(self.width // 2), _ints(2**31)
        second = op.slice(x, half, end, _ints(1), _ints(3))
        first = op.slice(x, _ints(0), half, _ints(1), _ints(3))
        turned = op.concat([op.multiply(second, _scalar(-1.0, np.float32)), first], -1)
        return op.add(op.multiply(x, self.cosine), op.multiply(turned, self.sine))

    def _cached(self, x: Any, layer: int, kind: str) -> tuple[Any, Any]:
        """(what was there, that with `x` behind it); the state is replaced by the latter."""
        info = VariableInfo()
        info.data_shape = PartialShape([-1, self.kv, -1, self.width])
        info.data_type = Type.f32
        info.variable_id = f"past_key_values.{layer}.{kind}present.{layer}.{kind}"
        variable = Variable(info)
        empty = op.concat([self.batch, _ints(self.kv), _ints(0), _ints(self.width)], 0)
        start = op.broadcast(_scalar(0.0, np.float32), empty)
        past = op.gather(read_value(start, variable), self.beam, _scalar(0))
        new = op.concat([past, x], 2)
        self.sinks.append(assign(new, variable))
        return past, new

    def _repeated(self, x: Any) -> Any:
        """(B, KV, S, D) to (B, H, S, D): each key head serves H / KV query heads."""
        shape = op.concat(
            [self.batch, _ints(1), _ints(self.heads // self.kv), _ints(1), _ints(1)], 0
        )
        wide = op.broadcast(op.unsqueeze(x, _scalar(2)), shape, broadcast_spec="BIDIRECTIONAL")
        return op.reshape(wide, _ints(0, self.heads, -1, self.width), True)

    def _mask(self, ids: Any, past: Any, mask: Any) -> Any:
        """(B, 1, T, S): 0 where a token may look, a large negative number elsewhere."""
        t = op.gather(op.shape_of(ids, "i64"), _scalar(1), _scalar(0))
        before = op.gather(op.shape_of(past, "i64"), _scalar(2), _scalar(0))
        s = op.add(before, t)
        key = op.unsqueeze(op.range(_scalar(0), s, _scalar(1), "i64"), _ints(0))
        query = op.unsqueeze(op.range(before, s, _scalar(1), "i64"), _ints(1))
        earlier = op.unsqueeze(op.less_equal(key, query), _ints(0, 1))
        real = op.unsqueeze(op.not_equal(mask, _scalar(0)), _ints(1, 2))
        return op.select(
            op.logical_and(earlier, real), _scalar(0.0, np.float32),
            _scalar(-65504.0, np.float32),
        )  # fmt: skip
