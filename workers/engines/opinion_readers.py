"""Documents read sentence by sentence, each in its language, as plain values that travel."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workers.engines import senses, sentences
from workers.engines.opinion_terms import POLARITIES
from workers.engines.opinions import Opinion, Opinions
from workers.engines.opinions_zh import ChineseOpinions

WEIGHTS = Path(__file__).parent / "weights"
MOST_SENTENCES = 400  # of a document; a longer one is read so far
SIGNS = dict(zip(POLARITIES, (-1, 0, 1), strict=True))


class OpinionReaders:
    """The readers of one process; one thread reads at a time. Each is loaded when it is first
    needed."""

    def __init__(self, weights: Path = WEIGHTS, base: Path | None = None) -> None:
        self.weights, self.base, self.turn = weights, base, threading.Lock()
        self.readers: dict[str, Any] = {}

    def _reader(self, language: str) -> Any:
        if language not in self.readers:
            if language == "en":
                reader = Opinions.load(self.weights / "opinions-en", self.base)
                reader.serve()
                self.readers[language] = reader
            else:
                self.readers[language] = ChineseOpinions.load(self.weights / "opinions-zh")
        return self.readers[language]

    def read(self, texts: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        """Of every (text, "en" or "zh"): {model, sentences [[start, end, negative, neutral,
        positive]], terms [[start, end, polarity, confidence, opinion start, opinion end]], vector
        (base64 of float16, or "")}. Places count characters of the text."""
        found: list[dict[str, Any]] = [{} for _ in texts]
        with self.turn:
            for language in sorted({language for _, language in texts}):
                mine = [i for i, (_, spoken) in enumerate(texts) if spoken == language]
                read = self._read([texts[i][0] for i in mine], language)
                for i, one in zip(mine, read, strict=True):
                    found[i] = one
        return found

    def _read(self, texts: Sequence[str], language: str) -> list[dict[str, Any]]:
        places = [sentences.spans(text)[:MOST_SENTENCES] for text in texts]
        flat = [text[s:e] for text, own in zip(texts, places, strict=True) for s, e in own]
        opinions = iter(self._reader(language).read(flat))
        return [
            _told([(s, e, next(opinions)) for s, e in own], f"opinions-{language}")
            for own in places
        ]  # fmt: skip


def _told(read: Sequence[tuple[int, int, Opinion]], model: str) -> dict[str, Any]:
    terms = []
    for start, _, opinion in read:
        for term in opinion.terms:
            words = (term.opinion_start, term.opinion_end)
            shift = start if words[1] else 0
            terms.append([
                start + term.start, start + term.end, SIGNS[term.polarity],
                round(term.confidence, 4), words[0] + shift, words[1] + shift,
            ])  # fmt: skip
    return {
        "model": model,
        "sentences": [[s, e, *(round(p, 4) for p in o.feeling)] for s, e, o in read],
        "terms": terms, "vector": _sense(read),
    }  # fmt: skip


def _sense(read: Sequence[tuple[int, int, Opinion]]) -> str:
    """The document's sense: the mean of its sentences by their length, of length 1."""
    rows = [(e - s, o.sense) for s, e, o in read if o.sense.size]
    if not rows:
        return ""
    total = sum(n * sense for n, sense in rows)
    unit = total / max(1e-12, float(np.linalg.norm(total)))
    return senses.packed(np.asarray(unit))
