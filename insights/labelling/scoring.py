"""The model against the gold labels. Pure. Intervals are Wilson's, 95 %."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.tuning.lessons import wilson


@dataclass(frozen=True, slots=True)
class Share:
    """part of whole, with its interval; None where there is no whole."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @property
    def low(self) -> float:
        return max(0.0, wilson(self.part, max(1, self.whole))[0])

    @property
    def high(self) -> float:
        return min(1.0, wilson(self.part, max(1, self.whole))[1])


@dataclass(frozen=True, slots=True)
class Score:
    """Of one label: precision, recall and F1 (None where it is undefined)."""

    label: str
    precision: Share
    recall: Share

    @property
    def f1(self) -> float | None:
        p, r = self.precision.value, self.recall.value
        if p is None or r is None or p + r == 0:
            return None
        return 2 * p * r / (p + r)


@dataclass(frozen=True, slots=True)
class Sheet:
    """accuracy, scores by label, and counts of (said by the model, said by people)."""

    accuracy: Share
    scores: list[Score]
    confusion: Counter[tuple[str, str]]

    @property
    def macro_f1(self) -> float | None:
        known = [s.f1 for s in self.scores if s.f1 is not None]
        return sum(known) / len(known) if known else None


def sheet(pairs: Sequence[tuple[str, str]], labels: Sequence[str]) -> Sheet:
    """(what the model said, what people say) of each text."""
    counts = Counter(pairs)
    scores = []
    for label in labels:
        right = counts[label, label]
        said = sum(n for (model, _), n in counts.items() if model == label)
        true = sum(n for (_, gold), n in counts.items() if gold == label)
        scores.append(Score(label, Share(right, said), Share(right, true)))
    right = sum(n for (model, gold), n in counts.items() if model == gold)
    return Sheet(Share(right, len(pairs)), scores, counts)
