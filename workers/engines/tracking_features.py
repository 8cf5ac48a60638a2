"""Where a value stands in a turn: features that do not hang on having seen the value. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from workers.engines.tracking import Turn

FEATURES = ("customer_says", "customer_nearly", "house_says", "house_offers", "only_one",
            "after_not")  # fmt: skip
GATES = ("any_said", "asked_for", "any_offered", "free_words", "house_names")
WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
FREE_WORDS = (
    " any ", " anything ", " doesn t matter ", " don t care ", " do not care ", " dont care ",
    " no preference ", " not matter ", " anywhere ", " whatever ", " either ", " doesnt matter ",
    "都可以", "随便", "无所谓",
)  # fmt: skip
NOT_WORDS = (" not ", " no ", " isn t ", " don t want ", " other than ", " instead of ", "不要")
NEAR = 0.5
MOST_READ = 600  # letters of a turn: what the encoder reads of it, about


@lru_cache(maxsize=5_000)
def fold(text: str) -> str:
    """Lower case words with one space on each side: " the east part "."""
    return f" {' '.join(WORD.findall(text.lower()))} "


FREE, NOT = tuple(map(fold, FREE_WORDS)), tuple(map(fold, NOT_WORDS))


@lru_cache(maxsize=20_000)
def _grams(word: str) -> frozenset[str]:
    padded = f"#{word}#"
    return frozenset(padded[i : i + 3] for i in range(len(padded) - 2))


@lru_cache(maxsize=300_000)
def near(value: str, folded: str) -> float:
    """0 to 1: the best likeness (Dice of letter trigrams) of the value to as many words."""
    words = folded.split()
    n = max(1, len(value.split()))
    wanted = _grams(value)
    best = 0.0
    for at in range(len(words) - n + 1):
        other = _grams(" ".join(words[at : at + n]))
        best = max(best, 2 * len(wanted & other) / (len(wanted) + len(other)))
    return best


def features(
    turn: Turn, slot: str, values: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(V, F) of each value and (G,) of the slot; names in FEATURES and GATES."""
    heard, said = fold(turn.heard[:MOST_READ]), fold(turn.said[:MOST_READ])
    offered = dict(turn.offered).get(slot)
    found = np.zeros((len(values), len(FEATURES)), dtype=np.float32)
    for n, value in enumerate(values):
        plain = fold(value)
        there = plain in heard
        likeness = 1.0 if there else near(plain.strip(), heard)
        found[n, 0] = there
        found[n, 1] = likeness if likeness >= NEAR else 0.0
        found[n, 2] = plain in said
        found[n, 3] = value == offered
        if there:
            before = heard[: heard.index(plain) + 1][-24:]
            found[n, 5] = any(w in before for w in NOT)
    if found[:, 0].sum() == 1:
        found[:, 4] = found[:, 0]
    gates = np.array(
        [found[:, 0].max(initial=0), slot in turn.asked, offered is not None,
         any(w in heard for w in FREE), f" {fold(slot).strip()} " in said],
        dtype=np.float32,
    )  # fmt: skip
    return found, gates
