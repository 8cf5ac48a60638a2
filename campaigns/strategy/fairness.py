"""Whether groups that people declared are treated alike. Pure.

Exposure is the share of a person's decisions that did an option; benefit what a decision brought
them; both as a mean over the people of a group. A rule is broken where the group that has least
gets less than (1 - tolerance) of what the group that has most gets, and chance does not explain it
(95 % over all pairs of groups, Bonferroni). Of a loss, which is below zero, the group that loses
most is compared with the one that loses least. Groups smaller than the rule asks for are not
compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy import stats

from attune.kernel.phrases import Phrase, say

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Group:
    """n people, the mean of what is measured, its standard error."""

    n: int
    mean: float
    error: float


@dataclass(frozen=True, slots=True)
class Judged:
    """`state` is fair, broken, unsure or unknown, with its sentence."""

    state: str
    sentence: Phrase


def judged(groups: Mapping[str, Group], unknown: int, *, tolerance: float, least: int) -> Judged:
    """Of groups {value of the trait: Group}; `unknown` people have no value."""
    large = {name: g for name, g in groups.items() if g.n >= least}
    if not groups:
        told = say("We hold no group data: none of %(n)s people has this trait, so nobody can say "
                   "whether it is fair.", n=unknown)  # fmt: skip
        return Judged("unknown", told)
    if len(large) < 2:
        return Judged("unknown", say("Fewer than two groups have %(least)s people; nothing can be "
                                     "said yet.", least=least))  # fmt: skip
    low = min(large, key=lambda name: large[name].mean)
    high = max(large, key=lambda name: large[name].mean)
    worst, best = large[low], large[high]
    if best.mean == 0 and worst.mean == 0:
        return Judged("fair", say("No group got anything yet."))
    ratio = _ratio(worst.mean, best.mean)
    error = (worst.error**2 + best.error**2) ** 0.5
    values = {"low": low, "high": high, "ratio": f"{ratio:.0%}", "least": f"{1 - tolerance:.0%}"}
    if ratio >= 1 - tolerance:
        return Judged("fair", say("“%(low)s” has %(ratio)s of what “%(high)s” has; %(least)s are "
                                  "asked for.", **values))  # fmt: skip
    pairs = len(large) * (len(large) - 1) / 2
    if error and (best.mean - worst.mean) / error < stats.norm.isf(ALPHA / pairs / 2):
        return Judged("unsure", say("“%(low)s” has %(ratio)s of what “%(high)s” has, less than "
                                    "%(least)s; it may be chance.", **values))  # fmt: skip
    return Judged("broken", say("“%(low)s” has %(ratio)s of what “%(high)s” has, less than "
                                "%(least)s.", **values))  # fmt: skip


def _ratio(worst: float, best: float) -> float:
    """What the worst-off group has of what the best-off has; of losses, the other way round."""
    if best > 0:
        return worst / best
    return best / worst if worst < 0 else 1.0
