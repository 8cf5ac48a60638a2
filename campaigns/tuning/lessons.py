"""What a version may learn from, judged before it does, and the version after it did. Pure.

Two gates. Before training: enough approved texts, enough pairs, and pairs that do not contradict
each other. After training: of the pairs that were held out, the share that the adapter ranks right
must exceed 0.5 by its whole Wilson interval, and approved copy that it never saw must have become
more likely. A refusal says which of these failed and what would change it.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from uuid import UUID

from attune.kernel.phrases import Phrase, known_words, say, say_many

LEAST_TEXTS, LEAST_PAIRS, LEAST_HELD_OUT = 12, 40, 8
MOST_CONTRADICTED = 0.2
HELD_OUT = 0.25
Z = 1.96
known_words("approval", "verdict", "edit", "experiment")
known_words("email", "phone", "iban", "id", "card", "ip", "name")  # what is masked


Parts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Text:
    """An approved message of a brief."""

    revision: UUID
    brief: UUID
    components: Parts


@dataclass(frozen=True, slots=True)
class Preference:
    """Two messages for one brief, of which evidence prefers the first. `weight` in (0, 1]."""

    source: str
    chosen: UUID
    rejected: UUID
    brief: UUID
    better: Parts
    worse: Parts
    weight: float = 1.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a training would see: texts and pairs, split by brief so that none is on both sides."""

    texts: list[Text]
    pairs: list[Preference]
    held_out_texts: list[Text]
    held_out_pairs: list[Preference]
    contradicted: list[tuple[Preference, Preference]]
    by_source: dict[str, int]

    @property
    def all_pairs(self) -> int:
        return len(self.pairs) + len(self.held_out_pairs)

    @property
    def all_texts(self) -> int:
        return len(self.texts) + len(self.held_out_texts)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a gate lets through, and why in a sentence."""

    passed: bool
    why: Phrase


def weigh(chance: float) -> float:
    """The weight of a pair from an experiment: 2 |P(better) - 1/2|, P shrunken already."""
    return min(1.0, 2 * abs(chance - 0.5))


def gather(texts: Sequence[Text], preferences: Sequence[Preference]) -> Evidence:
    """Distinct texts and pairs; of pairs that stand against each other neither is kept."""
    kept, against = _settle(preferences)
    distinct = list({t.components: t for t in texts}.values())
    held = _held_out([p.brief for p in kept] or [t.brief for t in distinct])
    counts: dict[str, int] = defaultdict(int)
    for pair in kept:
        counts[pair.source] += 1
    return Evidence(
        [t for t in distinct if t.brief not in held],
        [p for p in kept if p.brief not in held],
        [t for t in distinct if t.brief in held],
        [p for p in kept if p.brief in held],
        against,
        dict(counts),
    )


def _settle(
    preferences: Sequence[Preference],
) -> tuple[list[Preference], list[tuple[Preference, Preference]]]:
    """One pair for each two texts and direction, the heaviest; and those that contradict."""
    best: dict[tuple[Parts, Parts], Preference] = {}
    for pair in preferences:
        if pair.better == pair.worse:
            continue
        key = (pair.better, pair.worse)
        if key not in best or pair.weight > best[key].weight:
            best[key] = pair
    against, dropped = [], set()
    for (better, worse), pair in best.items():
        other = best.get((worse, better))
        if other is not None and (worse, better) not in dropped:
            against.append((pair, other))
            dropped |= {(better, worse), (worse, better)}
    return [pair for key, pair in best.items() if key not in dropped], against


def _held_out(briefs: Sequence[UUID]) -> set[UUID]:
    """Briefs that training does not see: whole briefs, in an order that hangs on their ids alone,
    until a quarter of the pairs is among them. The last brief is always left to learn from."""
    counts: dict[UUID, int] = defaultdict(int)
    for brief in briefs:
        counts[brief] += 1
    order = sorted(counts, key=lambda b: hashlib.sha256(b.bytes).digest())
    wanted, held, n = HELD_OUT * len(briefs), set(), 0
    for brief in order[:-1]:
        if n >= wanted:
            break
        held.add(brief)
        n += counts[brief]
    return held


def before(evidence: Evidence) -> Verdict:
    """May a version be trained on this?"""
    contradicted = len(evidence.contradicted)
    judged = evidence.all_pairs + 2 * contradicted
    missing = []
    if evidence.all_texts < LEAST_TEXTS:
        missing.append(
            say("%(n)s approved texts of the %(least)s needed", n=evidence.all_texts,
                least=LEAST_TEXTS)
        )  # fmt: skip
    if evidence.all_pairs < LEAST_PAIRS:
        missing.append(
            say("%(n)s pairs of the %(least)s needed", n=evidence.all_pairs, least=LEAST_PAIRS)
        )
    if judged and 2 * contradicted > MOST_CONTRADICTED * judged:
        return Verdict(
            False,
            say_many(
                "%(n)s pair of texts is judged both ways: people or experiments contradict each "
                "other. Decide which is right, then train.",
                "%(n)s pairs of texts are judged both ways: people or experiments contradict each "
                "other. Decide which is right, then train.",
                n=contradicted,
            ),
        )
    if missing:
        return Verdict(
            False,
            say(
                "Too little to learn from: %(missing)s. Each approval beside a rejection, each "
                "edit and each finished experiment adds pairs.",
                missing=missing,
            ),
        )
    if len(evidence.held_out_pairs) < LEAST_HELD_OUT:
        return Verdict(
            False,
            say(
                "The pairs come from too few briefs to hold %(least)s of them out for the test.",
                least=LEAST_HELD_OUT,
            ),
        )
    return Verdict(True, say("There is enough to learn from, and it agrees."))


@dataclass(frozen=True, slots=True)
class Measured:
    """Held-out pairs ranked right, with Wilson's 95 % interval; nats a token before and after."""

    right: int
    pairs: int
    low: float
    high: float
    base_right: int
    nats_before: float | None
    nats_after: float | None

    @property
    def accuracy(self) -> float:
        return self.right / self.pairs if self.pairs else 0.0


def measure(
    groups: Sequence[Hashable], base: Sequence[float], tuned: Sequence[float],
    nats_before: float | None, nats_after: float | None,
) -> Measured:  # fmt: skip
    """From the margins of the parts of each pair (log p of better minus worse) to pairs ranked
    right: the adapter by what it changed, the base by its own likelihoods."""
    gain: dict[Hashable, float] = defaultdict(float)
    own: dict[Hashable, float] = defaultdict(float)
    for group, b, t in zip(groups, base, tuned, strict=True):
        gain[group] += t - b
        own[group] += b
    right = sum(g > 0 for g in gain.values())
    low, high = wilson(right, len(gain))
    return Measured(
        right, len(gain), low, high, sum(o > 0 for o in own.values()), nats_before, nats_after
    )


def wilson(right: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = right / n, Z * Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return middle - half, middle + half


def after(measured: Measured) -> Verdict:
    """May a trained version write for people?"""
    told = say(
        "In %(right)s of %(n)s held-out pairs it leans more to the preferred text than the base "
        "does (95 %% interval of the share %(low)s to %(high)s); the base alone prefers it in "
        "%(base)s.",
        right=measured.right, n=measured.pairs, low=f"{measured.low:.2f}",
        high=f"{measured.high:.2f}", base=measured.base_right,
    )  # fmt: skip
    if measured.low <= 0.5:
        return Verdict(
            False,
            say("%(told)s That may be chance: more pairs, or pairs that agree more, would show it.",
                told=told),
        )  # fmt: skip
    if (
        measured.nats_before is not None
        and measured.nats_after is not None
        and measured.nats_after >= measured.nats_before
    ):
        return Verdict(
            False,
            say("%(told)s But approved copy that it never saw became less likely.", told=told),
        )
    return Verdict(True, told)
