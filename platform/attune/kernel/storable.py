"""What PostgreSQL can hold of a JSON value: no NUL, not deeper than anybody reads."""

from __future__ import annotations

import uuid
from typing import Any

from attune.kernel import limits
from attune.kernel.phrases import say


def as_uuid(text: str) -> uuid.UUID | None:
    """An id as somebody sent it, or None where it is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def unstorable(value: Any, *, deepest: int = limits.JSON_DEPTH + 2, depth: int = 0) -> str:
    """Why PostgreSQL could not hold this JSON value, or an empty string."""
    if depth > deepest:
        return say(
            "The JSON is nested deeper than %(levels)s levels; flatten it.",
            levels=limits.JSON_DEPTH,
        )
    if isinstance(value, str):
        return say("Text must not contain the NUL character.") if "\x00" in value else ""
    if isinstance(value, dict):
        parts: Any = (*value.keys(), *value.values())
    elif isinstance(value, list):
        parts = value
    else:
        return ""
    found = (unstorable(part, deepest=deepest, depth=depth + 1) for part in parts)
    return next((problem for problem in found if problem), "")
