"""Questions that nothing answered, gathered by what they ask: each group is a question and answer
that the knowledge base lacks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ALIKE = 0.62  # cosine to a group's middle, from which a question belongs to it


@dataclass(frozen=True, slots=True)
class Gap:
    """A group of questions: the most typical of them, and all of their indices."""

    question: int
    members: tuple[int, ...]


def gather(vectors: np.ndarray, *, alike: float = ALIKE) -> list[Gap]:
    """Groups of vectors (n, width) of length 1, the largest first: each goes to the nearest group
    whose middle is alike enough, else begins one (leader clustering); then once more, so that the
    order of arrival matters less."""
    if not len(vectors):
        return []
    middles: list[np.ndarray] = []
    for _ in range(2):
        members: list[list[int]] = [[] for _ in middles]
        for n, vector in enumerate(vectors):
            scores = np.array([m @ vector for m in middles]) if middles else np.array([])
            if len(scores) and scores.max() >= alike:
                members[int(scores.argmax())].append(n)
            else:
                middles.append(vector)
                members.append([n])
        kept = [m for m in members if m]
        middles = [_unit(vectors[m].mean(0)) for m in kept]
    gaps = [
        Gap(max(m, key=lambda i, at=k: float(vectors[i] @ middles[at])), tuple(m))
        for k, m in enumerate(kept)
    ]
    return sorted(gaps, key=lambda g: (-len(g.members), g.question))


def _unit(vector: np.ndarray) -> np.ndarray:
    found: np.ndarray = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return found


def worth(gaps: Sequence[Gap], least: int = 2) -> list[Gap]:
    """Groups that more than one customer asked."""
    return [g for g in gaps if len(g.members) >= least]
