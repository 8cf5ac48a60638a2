"""Sentences that wish for something. Pure: patterns of English and Chinese, no model; what is
wished for is the feature that the sentence names."""

from __future__ import annotations

import re
from collections.abc import Sequence

ENGLISH = (
    r"\bi(?:'d| would)? wish\b",
    r"\bwish (?:it|there|they|you)\b",
    r"\bwould (?:be|have been) (?:nice|great|good|better|lovely)\b",
    r"\bwould (?:love|like|prefer) (?:to|a|an|it|if|more|some)\b",
    r"\bcould (?:use|do with) (?:a|an|some|more|better)\b",
    r"\bshould (?:have|be|come|offer|include)\b",
    r"\bneeds? (?:a|an|to|more|some|better)\b",
    r"\bplease (?:add|make|bring|offer)\b",
    r"\bif only\b",
    r"\b(?:is|are|was|were) missing\b",
    r"\black(?:s|ing)?\b",
    r"\bexpected (?:a|an|more|better)\b",
)
CHINESE = ("希望", "要是", "如果能", "建议", "缺少", "最好能", "最好有", "应该有", "能不能", "期待")
PATTERN = re.compile("|".join((*ENGLISH, *CHINESE)), re.IGNORECASE)
# the same as PostgreSQL reads it: word ends are \y there
SQL_PATTERN = "|".join((*(p.replace(r"\b", r"\y") for p in ENGLISH), *CHINESE))


def wished(
    text: str, sentences: Sequence[Sequence[float]], named: Sequence[tuple[int, int, str]]
) -> set[str]:
    """Features of `named` (start, end, feature) that a wishing sentence of the text names."""
    found = set()
    for start, end, *_ in sentences or [(0, len(text))]:
        if PATTERN.search(text[int(start) : int(end)]):
            found |= {f for a, b, f in named if start <= a and b <= end}
    return found
