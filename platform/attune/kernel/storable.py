"""What PostgreSQL can hold of a JSON value: no NUL, not deeper than anybody reads."""

from __future__ import annotations

from typing import Any

from attune.kernel import limits


def unstorable(value: Any, *, deepest: int = limits.JSON_DEPTH + 2, depth: int = 0) -> str:
    """Why PostgreSQL could not hold this JSON value, or an empty string."""
    if depth > deepest:
        return f"The JSON is nested deeper than {limits.JSON_DEPTH} levels; flatten it."
    if isinstance(value, str):
        return "Text must not contain the NUL character." if "\x00" in value else ""
    if isinstance(value, dict):
        parts: Any = (*value.keys(), *value.values())
    elif isinstance(value, list):
        parts = value
    else:
        return ""
    found = (unstorable(part, deepest=deepest, depth=depth + 1) for part in parts)
    return next((problem for problem in found if problem), "")
