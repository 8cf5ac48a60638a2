"""What a policy knows of a person at a decision, and how that becomes numbers. Pure.

The raw features are kept in the decision as they were, so that a version learns from what was known
then and never from what came later. An encoder is fitted on a log and kept in the snapshot.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from attune.kernel.phrases import Phrase, say

Raw = Mapping[str, Any]
KNOWN: dict[str, Phrase] = {
    "lifecycle": say("Stage"),
    "top_category": say("Favourite category"),
    "orders": say("Orders"),
    "revenue": say("Revenue"),
    "messages": say("Messages got"),
    "clicks": say("Clicks"),
    "days_known": say("Days known"),
    "days_since_seen": say("Days since seen"),
    "days_since_order": say("Days since the last order"),
    "hour": say("Hour of the day"),
    "weekday": say("Day of the week"),
    "locale": say("Language"),
    "since_action": say("Days since it last did something"),
    "actions_lately": say("What it did in the last 30 days"),
}
OWN = frozenset({"since_action", "actions_lately"})  # what the policy itself did with a person
LATELY_DAYS = 30
KINDS = frozenset({"lifecycle", "top_category", "hour", "weekday", "locale"})
TRAIT, CONTEXT, SCORE = "trait:", "context:", "score:"
MOST_LEVELS, LEAST_ROWS, WIDEST = 12, 10, 64
LARGEST = 1e12  # a number beyond it says no more
SKEWED = 30.0  # a greatest value from which counts are taken by their logarithm
FARTHEST = 4.0  # standard deviations


def name_of(feature: str) -> Phrase:
    """What people call a feature."""
    if feature in KNOWN:
        return KNOWN[feature]
    kind, _, key = feature.partition(":")
    if kind == "trait":
        return say("Trait “%(name)s”", name=key)
    if kind == "score":
        return say("Score “%(name)s”", name=key)
    return say("“%(name)s” of the request", name=key)


def raw_of(
    *,
    profile: Raw,
    traits: Raw,
    context: Raw,
    locale: str,
    now: datetime,
    names: Sequence[str],
    scores: Raw | None = None,
) -> dict[str, Any]:
    """The features `names` of one person at `now` (in their own time zone); what is not known is
    left out."""
    found: dict[str, Any] = {
        "lifecycle": profile.get("lifecycle", "visitor"),
        "top_category": profile.get("top_category", ""),
        "orders": profile.get("orders", 0),
        "revenue": profile.get("revenue_cents", 0) / 100,
        "messages": profile.get("messages", 0),
        "clicks": profile.get("clicks", 0),
        "days_known": _days(profile.get("first_seen_at"), now),
        "days_since_seen": _days(profile.get("last_seen_at"), now),
        "days_since_order": _days(profile.get("last_order_at"), now),
        "hour": str(now.hour),
        "weekday": str(now.isoweekday()),
        "locale": locale[:2],
        "since_action": profile.get("since_action"),
        "actions_lately": profile.get("actions_lately"),
    }
    found |= {TRAIT + key: value for key, value in traits.items()}
    found |= {CONTEXT + key: value for key, value in context.items()}
    found |= {SCORE + key: value for key, value in (scores or {}).items()}
    return {name: _plain(found[name]) for name in names if _known(found.get(name))}


def _days(then: datetime | None, now: datetime) -> float | None:
    return None if then is None else round(max(0.0, (now - then).total_seconds() / 86400), 2)


def _known(value: Any) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, bool | int | float) or (isinstance(value, str) and value != "")


def _plain(value: Any) -> Any:
    return value[:80] if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Part:
    """One feature: a number (`mean`, `spread`, `log`), or kinds told apart (`levels`)."""

    name: str
    levels: tuple[str, ...] = ()
    mean: float = 0.0
    spread: float = 1.0
    log: bool = False

    @property
    def width(self) -> int:
        return len(self.levels) or 1


@dataclass(frozen=True, slots=True)
class Encoder:
    """Raw features to vectors (d,): a constant first, then each part."""

    parts: tuple[Part, ...] = ()

    @classmethod
    def fitted(cls, rows: Sequence[Raw], names: Sequence[str]) -> Encoder:
        """On raw features; at most WIDEST columns, the first names first."""
        parts: list[Part] = []
        wide = 1
        for name in names:
            part = _part(name, [row[name] for row in rows if name in row])
            if part is not None and wide + part.width <= WIDEST:
                parts.append(part)
                wide += part.width
        return cls(tuple(parts))

    @property
    def width(self) -> int:
        return 1 + sum(part.width for part in self.parts)

    @property
    def columns(self) -> list[tuple[str, str]]:
        """(feature, level) of every column but the first."""
        return [(p.name, level) for p in self.parts for level in (p.levels or ("",))]

    def matrix(self, rows: Sequence[Raw]) -> np.ndarray:
        """(n, d) float32; what is not known is 0, the mean or no level."""
        found = np.zeros((len(rows), self.width), dtype=np.float32)
        found[:, 0] = 1.0
        for i, row in enumerate(rows):
            at = 1
            for part in self.parts:
                if part.name in row:
                    _fill(found[i, at : at + part.width], part, row[part.name])
                at += part.width
        return found

    def stored(self) -> list[dict[str, Any]]:
        return [asdict(part) for part in self.parts]

    @classmethod
    def of(cls, stored: Sequence[Mapping[str, Any]]) -> Encoder:
        return cls(tuple(Part(**{**row, "levels": tuple(row["levels"])}) for row in stored))


def _part(name: str, values: Sequence[Any]) -> Part | None:
    """How the values of one feature are told apart; None where they do not differ."""
    numbers = [float(v) for v in values if isinstance(v, bool | int | float)]
    if name not in KINDS and len(numbers) >= 0.95 * len(values) and numbers:
        seen = np.array(numbers).clip(-LARGEST, LARGEST)
        log = bool(seen.min() >= 0 and seen.max() > SKEWED)
        seen = np.log1p(seen) if log else seen
        spread = float(seen.std())
        if spread < 1e-9:
            return None
        return Part(name, mean=float(seen.mean()), spread=spread, log=log)
    often = Counter(str(v) for v in values).most_common(MOST_LEVELS)
    levels = tuple(level for level, n in often if n >= LEAST_ROWS)
    return Part(name, levels=levels) if len(often) > 1 and levels else None


def _fill(out: np.ndarray, part: Part, value: Any) -> None:
    if part.levels:
        if str(value) in part.levels:
            out[part.levels.index(str(value))] = 1.0
        return
    try:
        number = float(value)
    except (TypeError, ValueError):
        return
    number = min(LARGEST, max(-LARGEST, number))
    if part.log:
        number = math.log1p(max(0.0, number))
    out[0] = min(FARTHEST, max(-FARTHEST, (number - part.mean) / part.spread))
