"""Experiments as GrowthBook's SDKs read them, and the hash by which those assign people. Pure.

The SDK assigns by itself: bucket n = hash(seed, value) in [0, 1), variation i where n lies in its
range. Version 1 is FNV-1a 32 of value + seed modulo 1000, version 2 that of the decimal hash of
seed + value modulo 10000 (GrowthBook, "Building your own SDK", spec 0.7.1).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

OFFSET, PRIME, WORD = 0x811C9DC5, 0x01000193, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Assigned:
    """An experiment as an SDK gets it: the arms in their order with their texts and shares. `kept`
    is the arm that everybody gets since it ended; "" while it runs or where nothing was kept."""

    key: str
    seed: str
    hash_version: int
    arms: Sequence[str]
    names: Sequence[str]
    weights: Sequence[float]
    values: Sequence[dict[str, str] | None]
    control: str
    running: bool
    kept: str = ""
    phase: int = 1


def fnv1a(text: str) -> int:
    """32-bit FNV-1a over the text's UTF-16 code units, as the JavaScript SDK counts letters."""
    found = OFFSET
    for (unit,) in struct.iter_unpack("<H", text.encode("utf-16-le", "surrogatepass")):
        found = ((found ^ unit) * PRIME) & WORD
    return found


def bucket(seed: str, value: str, version: int) -> float:
    """Where somebody stands in [0, 1). Raises ValueError for an unknown version."""
    if version == 1:
        return (fnv1a(value + seed) % 1000) / 1000
    if version == 2:
        return (fnv1a(str(fnv1a(seed + value))) % 10_000) / 10_000
    raise ValueError(f"Hash version {version} is not known.")


def ranges(weights: Sequence[float]) -> list[tuple[float, float]]:
    """The slice of [0, 1) of each variation, in their order."""
    found, edge = [], 0.0
    for weight in weights:
        found.append((edge, edge + weight))
        edge += weight
    return found


def variation(of: Assigned, value: str) -> str | None:
    """The arm that an SDK gives to somebody; None where rounding leaves them out."""
    n = bucket(of.seed, value, of.hash_version)
    for arm, (low, high) in zip(of.arms, ranges(of.weights), strict=True):
        if low <= n < high:
            return arm
    return None


def features(experiments: Sequence[Assigned]) -> dict[str, Any]:
    """`features` of the payload: one for each experiment, under its key."""
    return {one.key: _feature(one) for one in experiments}


def _feature(one: Assigned) -> dict[str, Any]:
    values = dict(zip(one.arms, one.values, strict=True))
    default = values[one.kept] if one.kept else values[one.control]
    if not one.running:
        return {"defaultValue": default}
    rule = {
        "key": one.key, "seed": one.seed, "hashAttribute": "id", "hashVersion": one.hash_version,
        "variations": list(one.values), "weights": list(one.weights), "coverage": 1,
        "phase": str(one.phase), "name": one.key,
        "meta": [{"key": arm, "name": name}
                 for arm, name in zip(one.arms, one.names, strict=True)],
    }  # fmt: skip
    return {"defaultValue": default, "rules": [rule]}
