"""What somebody may do about a risk. Pure: a rule that people can read, and nothing does by itself.

             spent little       middle        much
    risk high    leave         win back     personally
    middle      nothing         remind        remind
    low         nothing        nothing       nothing

Whoever has an open complaint is answered first; whoever may not be written to is asked for consent
at the next visit. A risk says who may go, not whom a message keeps: a control group tells that.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

THIRDS = (1 / 3, 2 / 3)
_BY_RISK_AND_WORTH = (
    ("nothing", "nothing", "nothing"),
    ("nothing", "remind", "remind"),
    ("leave", "win_back", "personal"),
)
_NEEDS_CONSENT = {"win_back", "remind"}


def third(share: float) -> int:
    """0 low, 1 middle, 2 high."""
    return int(share >= THIRDS[0]) + int(share >= THIRDS[1])


def advised(p: float, worth_rank: float, *, complains: bool, permitted: bool) -> str:
    """The action for a customer with this risk, who spent more than this share of the customers."""
    found = _BY_RISK_AND_WORTH[third(p)][third(worth_rank)]
    if found in {"nothing", "leave"}:
        return "answer" if complains else found
    if complains:
        return "answer"
    return "ask" if found in _NEEDS_CONSENT and not permitted else found


def ranked(values: np.ndarray) -> np.ndarray:
    """The share of the others that each exceeds (n,): who is alike ranks alike."""
    found: np.ndarray = (rankdata(values, method="min") - 1) / max(1, len(values) - 1)
    return found
