"""The sense of a text as plain text that travels in JSON. Pure."""

from __future__ import annotations

import base64

import numpy as np


def packed(sense: np.ndarray) -> str:
    """A vector (C,) as base64 of its float16 values; "" for none."""
    return base64.b64encode(np.asarray(sense, dtype=np.float16).tobytes()).decode()


def unpacked(told: str) -> np.ndarray | None:
    """The vector (C,) in single precision that was packed; None for ""."""
    if not told:
        return None
    return np.frombuffer(base64.b64decode(told), dtype=np.float16).astype(np.float32)
