"""Small networks that a published version decides by. Pure: numpy alone, so a web process needs no
torch.

M networks of the same shape, each learned from other people: x (n, d) → hidden layers with ReLU →
the discounted return of every action (n, K). Their mean is what is believed, how far they lie apart
is how uncertain that is.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

PATH = 32  # points of the integral that reasons are worked out by


@dataclass(frozen=True, slots=True)
class Networks:
    """`weights` [(M, in, out)] and `starts` [(M, out)] of each layer, float32."""

    weights: tuple[np.ndarray, ...]
    starts: tuple[np.ndarray, ...]

    def __post_init__(self) -> None:
        for w, b in zip(self.weights, self.starts, strict=True):
            if w.shape[::2] != b.shape:
                raise ValueError(f"A layer of {w.shape} cannot start at {b.shape}.")

    @property
    def actions(self) -> int:
        return int(self.starts[-1].shape[1])

    def each(self, x: np.ndarray) -> np.ndarray:
        """What every network says (M, n, K)."""
        found = np.broadcast_to(x.astype(np.float32), (len(self.starts[0]), *x.shape))
        for w, b in zip(self.weights[:-1], self.starts[:-1], strict=True):
            found = np.maximum(found @ w + b[:, None], 0.0)
        last: np.ndarray = found @ self.weights[-1] + self.starts[-1][:, None]
        return last

    def scores(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the return, (n, K) each."""
        found = self.each(x)
        return found.mean(0), found.std(0)

    def parts(self, x: np.ndarray, toward: np.ndarray) -> np.ndarray:
        """What each column adds (n, d) to the sum of the returns weighed by `toward` (n, K), on the
        way from the typical person (all columns 0 but the constant) to this one: integrated
        gradients (Sundararajan et al. 2017). The parts add up to the difference of the two."""
        start = np.zeros_like(x)
        start[:, 0] = x[:, 0]
        away = x - start
        found = np.zeros_like(x, dtype=np.float64)
        for step in (np.arange(PATH) + 0.5) / PATH:
            found += away * self._slopes(start + step * away, toward)
        return found / PATH

    def _slopes(self, x: np.ndarray, toward: np.ndarray) -> np.ndarray:
        """The gradient of the weighed return by the columns (n, d), mean of the networks."""
        at = np.broadcast_to(x.astype(np.float32), (len(self.starts[0]), *x.shape))
        alive = []
        for w, b in zip(self.weights[:-1], self.starts[:-1], strict=True):
            at = at @ w + b[:, None]
            alive.append(at > 0)
            at = np.maximum(at, 0.0)
        back = np.broadcast_to(toward.astype(np.float32), (len(self.starts[0]), *toward.shape))
        back = back @ self.weights[-1].swapaxes(1, 2)
        for w, on in zip(self.weights[-2::-1], alive[::-1], strict=True):
            back = (back * on) @ w.swapaxes(1, 2)
        found: np.ndarray = back.mean(0)
        return found

    def stored(self) -> list[dict[str, Any]]:
        return [
            {"weights": packed(w), "starts": packed(b)}
            for w, b in zip(self.weights, self.starts, strict=True)
        ]

    @classmethod
    def of(cls, stored: Sequence[Mapping[str, Any]]) -> Networks:
        return cls(tuple(unpacked(layer["weights"]) for layer in stored),
                   tuple(unpacked(layer["starts"]) for layer in stored))  # fmt: skip


def packed(array: np.ndarray) -> dict[str, Any]:
    """An array as JSON: its shape, and float32 in base64."""
    flat = np.ascontiguousarray(array, dtype="<f4")
    return {"shape": list(flat.shape), "data": base64.b64encode(flat.tobytes()).decode()}


def unpacked(stored: Mapping[str, Any]) -> np.ndarray:
    flat = np.frombuffer(base64.b64decode(stored["data"]), dtype="<f4")
    found: np.ndarray = flat.reshape(stored["shape"])
    return found
