"""May a policy go live, by the log of another? The verdict is promote, hold or refuse, with its
reason in words. Pure.

Refused is what the log cannot tell about: too few rounds that count (effective sample size, Kish),
one round that outweighs all others, choices that the log never tried, probabilities that do not fit
what was chosen. Held is what the log can tell about, and does not show to be better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attune.kernel.phrases import Phrase, known_words, say
from campaigns.strategy import offpolicy
from campaigns.strategy.offpolicy import Estimate, Log

LEAST_EFFECTIVE, LEAST_REWARDED = 100.0, 20
SOON_FEW = 0.1  # share of the rounds that count, below which the number is to be read with care
HEAVIEST_REFUSED, HEAVIEST_WARNED = 0.2, 0.05
UNTRIED_REFUSED, UNTRIED_WARNED = 0.05, 0.005
known_words("promote", "hold", "refuse")
MISFIT = 4.0  # standard errors by which the mean weight may miss 1


@dataclass(frozen=True, slots=True)
class Health:
    """How much a log tells of a target: rounds, the effective number of them (those of a person
    count as one), the largest weight, the share that one person has of all, the mean weight (1
    where the probabilities fit) with its standard error, the share of the target's choices that the
    log never tried (None: unknown), rounds with a reward, and how many people they are of."""

    n: int
    effective: float
    largest: float
    heaviest: float
    mean: float
    error: float
    untried: float | None
    rewarded: int
    people: int

    @property
    def share(self) -> float:
        return self.effective / self.people if self.people else 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`kind` is promote, hold or refuse. `gain` is what the target earns more than the log did."""

    kind: str
    reason: Phrase
    warnings: tuple[Phrase, ...]
    health: Health
    chosen: Estimate
    why: Phrase
    logged: Estimate
    gain: Estimate
    others: dict[str, Estimate]

    @property
    def thin(self) -> bool:
        """Whether too few rewards came for any comparison."""
        return self.health.rewarded < LEAST_REWARDED

    @property
    def usable(self) -> bool:
        """Whether the log can tell what the target is worth, for better or worse."""
        return self.kind != "refuse"


def health(log: Log, logged: np.ndarray | None = None) -> Health:
    """Of a log; `logged` (n, K) are the probabilities of all choices where they were kept."""
    untried = None
    if logged is not None and len(log.actions):
        untried = float((log.target * (logged <= 0)).sum(1).mean())
    return weighed(log.weights, log.units, untried, int((log.rewards != 0).sum()))


def weighed(
    w: np.ndarray, units: np.ndarray | None, untried: float | None, rewarded: int
) -> Health:  # fmt: skip
    """Of weights (n,) and whose they are (n,)."""
    n, total = len(w), float(w.sum())
    own = w
    if units is not None and n:  # who came 10,000 times is one person still
        own = np.bincount(np.unique(units, return_inverse=True)[1], weights=w).astype(float)
    squares = float((own**2).sum())
    largest, heaviest = float(w.max(initial=0.0)), float(own.max(initial=0.0))
    return Health(
        n, total**2 / squares if squares else 0.0, largest, heaviest / total if total else 0.0,
        total / n if n else 0.0, _misfit(w, units), untried, rewarded,
        len(own),
    )  # fmt: skip


def _misfit(w: np.ndarray, units: np.ndarray | None) -> float:
    """The standard error of the mean weight; the rounds of a person belong together."""
    n = len(w)
    if not n:
        return 0.0
    apart = w - w.mean()
    if units is not None:
        apart = np.bincount(np.unique(units, return_inverse=True)[1], weights=apart)
    return float(np.sqrt((apart**2).sum())) / n


def judged(log: Log, logged: np.ndarray | None = None) -> Verdict:
    """Estimate the target by every estimator, choose one, and judge it against what the log's own
    policy earned."""
    found = health(log, logged)
    if not found.n:
        raise ValueError("The log holds no rounds.")
    others = offpolicy.estimates(log)
    chosen = min((others[name] for name in ("dros", "dr", "snips")), key=lambda e: e.error)
    value, low, high = offpolicy.interval(log.rewards, log.units)
    own = Estimate("logged", value, low, high, (high - low) / (2 * offpolicy.Z))
    gain = _gain(log, chosen)
    refused = refusal(found)
    warnings = tuple(warned(found))
    told = Verdict("refuse", refused or say(""), warnings, found, chosen, _why(chosen, found), own,
                   gain, others)  # fmt: skip
    if refused is not None:
        return told
    kind, reason = _compared(found, gain)
    return Verdict(kind, reason, warnings, found, chosen, told.why, own, gain, others)


def _gain(log: Log, chosen: Estimate) -> Estimate:
    """The difference round by round: what both share cancels out."""
    scores, bias, _ = offpolicy.scored(log, chosen.name)
    value, low, high = offpolicy.interval(scores - log.rewards, log.units)
    error = float(np.hypot((high - low) / (2 * offpolicy.Z), bias))
    return Estimate("gain", value, low - bias, high + bias, error)


def refusal(found: Health) -> Phrase | None:
    if found.untried is not None and found.untried > UNTRIED_REFUSED:
        return say("In %(share)s of its choices it does what was never tried: nothing is known of "
                   "that. Let it explore in a small canary, or take those choices from it.",
                   share=f"{found.untried:.0%}")  # fmt: skip
    if found.n and abs(found.mean - 1) > MISFIT * found.error + 0.05:
        return say("The logged probabilities do not fit what was chosen: the mean weight is "
                   "%(mean)s and should be 1.", mean=f"{found.mean:.2f}")  # fmt: skip
    if found.effective < LEAST_EFFECTIVE:
        return say("Of %(people)s people in %(n)s rounds only %(ess)s count as if it had decided "
                   "for them; at least %(least)s are needed. The two policies choose too "
                   "differently, or too few people were decided for.", n=found.n,
                   people=found.people, ess=f"{found.effective:.1f}",
                   least=round(LEAST_EFFECTIVE))  # fmt: skip
    if found.heaviest > HEAVIEST_REFUSED:
        return say("One single person carries %(share)s of all weight: the figure would be "
                   "theirs.", share=f"{found.heaviest:.0%}")  # fmt: skip
    return None


def warned(found: Health) -> Sequence[Phrase]:
    told = []
    if found.share < SOON_FEW:
        told.append(say("Only %(ess)s of %(n)s rounds count: read the figure with its interval.",
                        ess=f"{found.effective:.0f}", n=found.n))  # fmt: skip
    if found.heaviest > HEAVIEST_WARNED:
        told.append(say("One person carries %(share)s of all weight.",
                        share=f"{found.heaviest:.0%}"))  # fmt: skip
    if found.untried is None:
        told.append(say("The log holds only the probability of what was chosen, so what it never "
                        "tried cannot be seen."))  # fmt: skip
    elif found.untried > UNTRIED_WARNED:
        told.append(say("%(share)s of its choices were never tried.",
                        share=f"{found.untried:.1%}"))  # fmt: skip
    if found.rewarded < LEAST_REWARDED:
        told.append(say("Only %(n)s rounds had a reward.", n=found.rewarded))
    return told


def _why(chosen: Estimate, found: Health) -> Phrase:
    if chosen.name == "dros":
        return say("Doubly robust with shrunk weights: its own error is the least, since large "
                   "weights (up to %(most)s) would make the others jump.",
                   most=f"{found.largest:.1f}")  # fmt: skip
    if chosen.name == "dr":
        return say("Doubly robust: it is right where either the probabilities or the model of the "
                   "reward are, and no weight is so large that it had to be shrunk.")  # fmt: skip
    return say("Weighted by the probabilities, scaled to sum to 1: the model of the reward adds "
               "more noise here than it takes away.")  # fmt: skip


def _compared(found: Health, gain: Estimate) -> tuple[str, Phrase]:
    values = {"gain": f"{gain.value:+.4g}", "low": f"{gain.low:+.4g}", "high": f"{gain.high:+.4g}"}
    if gain.high < 0:
        return "hold", say("It would earn less than what runs now: %(gain)s a decision, 95 %% "
                             "interval %(low)s to %(high)s.", **values)  # fmt: skip
    if found.rewarded < LEAST_REWARDED:
        return "hold", say("Too few rewards to tell the two apart: wait for %(least)s.",
                           least=LEAST_REWARDED)  # fmt: skip
    if gain.low > 0:
        return "promote", say("It would earn more than what runs now: %(gain)s a decision, 95 %% "
                              "interval %(low)s to %(high)s.", **values)  # fmt: skip
    return "hold", say("Not shown to be better than what runs now: %(gain)s a decision, 95 %% "
                       "interval %(low)s to %(high)s.", **values)  # fmt: skip
