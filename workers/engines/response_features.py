"""Texts as the features of the response model: an encoder's layers and the wording, scaled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.engines.wording import wording

Matrix = NDArray[np.float64]

WORDING_WEIGHT = 0.7  # of the wording beside the encoder; chosen on training tests
MOST_SPREAD = 4.0  # standard deviations: a rare word is not worth more than this


def worded(texts: list[str]) -> Matrix:
    """The wording of each text, (n, w)."""
    return np.stack([wording(text) for text in texts])


@dataclass(frozen=True, slots=True)
class Scales:
    """What makes features comparable, learned from the texts that train."""

    centre: Matrix  # (c,), of the encoder's columns
    size: float
    mean: Matrix  # (w,), of the wording's columns
    spread: Matrix  # (w,)

    @classmethod
    def of(cls, encoded: Matrix, wordings: Matrix) -> Scales:
        """From the training texts: encoder (n, c), wording (n, w)."""
        centre = encoded.mean(axis=0)
        size = float(np.sqrt(((encoded - centre) ** 2).sum(axis=1).mean())) or 1.0
        spread = wordings.std(axis=0)
        return cls(centre, size, wordings.mean(axis=0), np.where(spread > 0, spread, np.inf))

    def features(self, encoded: Matrix, wordings: Matrix) -> Matrix:
        """(n, c + w): the encoder's rows have a mean square of one, the wording's of its weight."""
        spoken = np.clip((wordings - self.mean) / self.spread, -MOST_SPREAD, MOST_SPREAD)
        weight = WORDING_WEIGHT / np.sqrt(wordings.shape[1])
        return np.hstack([(encoded - self.centre) / self.size, weight * spoken])
