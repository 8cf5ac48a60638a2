"""A prediction in words: what moved a person's chance, what drives it, how far the world moved."""

from __future__ import annotations

from typing import Any

from campaigns.contacts.models import Score
from campaigns.predictions import features, measures

HIDDEN = "•••"


def reasons(score: Score, *, personal: bool) -> list[dict[str, Any]]:
    """What moved it most, against the same person being typical in that; `factor` is by how much
    the odds are multiplied. Traits are shown to those alone who may see them."""
    return [
        {"name": features.title(name), "value": shown(name, value, personal=personal),
         "up": by > 0, "factor": 2.718281828**by}
        for name, value, by in score.reasons
    ]  # fmt: skip


def shown(name: str, value: Any, *, personal: bool) -> Any:
    return HIDDEN if name.startswith(features.TRAIT) and not personal else value


def drivers(card: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": features.title(name), "share": share}
            for name, share in card.get("drivers", [])]  # fmt: skip


def drift(card: dict[str, Any]) -> list[dict[str, Any]]:
    """Features by how far today's people differ from those it learned from."""
    return [{"name": features.title(name), "value": value, "state": state(value)}
            for name, value in card.get("drift", [])]  # fmt: skip


def state(index: float) -> str:
    """settled, moving or moved, as a population stability index is usually read."""
    if index < measures.SETTLED:
        return "settled"
    return "moving" if index < measures.MOVED else "moved"
