"""What a message means before anything is trained: the examples whose sense is nearest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEAR, SHARP = 0.62, 0.06


def read(
    vector: NDArray[np.float32], examples: NDArray[np.float32], labels: Sequence[str | None],
    most: int = 5,
) -> dict[str, Any]:  # fmt: skip
    """Intents by the cosine of their nearest example: `vector` (C,), `examples` (N, C), all of
    length 1; a label None is out of scope. A message is in scope when the nearest example is near
    and belongs to an intent. Shares are a softmax of the cosines, not calibrated."""
    found: dict[str, Any] = {"intents": [], "in_scope": False, "filled": {}, "requested": [],
                             "actions": []}  # fmt: skip
    if not len(examples):
        return found
    likeness = examples @ vector  # (N,)
    best: dict[str | None, float] = {}
    for label, value in zip(labels, likeness.tolist(), strict=True):
        best[label] = max(best.get(label, -1.0), value)
    ranked = sorted(best.items(), key=lambda pair: -pair[1])
    top, value = ranked[0]
    weights = np.exp((np.array([v for _, v in ranked]) - value) / SHARP)
    shares = weights / weights.sum()
    found["intents"] = [
        [name, float(share)] for (name, _), share in zip(ranked, shares, strict=True) if name
    ][:most]
    found["in_scope"] = top is not None and value >= NEAR
    return found
