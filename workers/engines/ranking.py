"""Which candidate to show first: P(y|x) = softmax f(x, y). Pure.

f is a weighted sum of parts, each brought to mean 0 and standard deviation 1 over the candidates:
how likely the tenant's model finds the text for the brief (nats a token), what the response model
expects of it (log rate), and how near it is to the brand's voice. The order is then made diverse by
maximal marginal relevance (Carbonell & Goldstein 1998): each next text is the one with the highest
lambda f - (1 - lambda) max similarity to those chosen already.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WEIGHTS = {"likelihood": 1.0, "response": 1.0, "voice": 0.5}
LAMBDA = 0.7


@dataclass(frozen=True, slots=True)
class Ranked:
    """One candidate: its raw parts, f, P(y|x), how unlike the earlier ones it is (0 to 1), and its
    place from 1."""

    parts: dict[str, float]
    f: float
    p: float
    diversity: float
    place: int


def rank(parts: dict[str, list[float]], vectors: np.ndarray | None = None) -> list[Ranked]:
    """Rank n candidates. `parts[name]` has n raw values, higher is better; `vectors` (n, d) have
    length 1. A part that is the same for all says nothing. Answers in the order given."""
    n = len(next(iter(parts.values()), []))
    if n == 0:
        return []
    f = np.zeros(n)
    for name, values in parts.items():
        raw = np.asarray(values, dtype=float)
        spread = raw.std()
        if spread > 1e-9:
            f += WEIGHTS.get(name, 1.0) * (raw - raw.mean()) / spread
    p = np.exp(f - f.max())
    p /= p.sum()
    order, unlike = _diverse(f, vectors)
    places = {index: place for place, index in enumerate(order, start=1)}
    return [
        Ranked(
            {name: round(float(values[i]), 4) for name, values in parts.items()},
            round(float(f[i]), 4), round(float(p[i]), 4), round(unlike[i], 4), places[i],
        )
        for i in range(n)
    ]  # fmt: skip


def _diverse(f: np.ndarray, vectors: np.ndarray | None) -> tuple[list[int], list[float]]:
    """The order by marginal relevance, and of each how unlike the ones before it was."""
    n = len(f)
    if vectors is None:
        return [int(i) for i in np.argsort(-f, kind="stable")], [1.0] * n
    similar = np.clip(vectors @ vectors.T, 0.0, 1.0)  # (n, n)
    spread = f.std() or 1.0
    order: list[int] = []
    unlike = [1.0] * n
    left = list(range(n))
    while left:
        near = similar[left][:, order].max(1) if order else np.zeros(len(left))  # (left,)
        value = LAMBDA * f[left] / spread - (1 - LAMBDA) * 2 * near
        best = int(np.argmax(value))
        unlike[left[best]] = float(1 - near[best])
        order.append(left.pop(best))
    return order, unlike
