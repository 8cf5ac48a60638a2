"""Placeholders filled in: a tiny language without attribute access, calls or loops. Pure."""

from __future__ import annotations

from campaigns.content.checks import PLACEHOLDER, VARIABLES

FALLBACK = {"first_name": "there", "name": "there"}


def render(text: str, values: dict[str, str]) -> str:
    """Fill `{{ name }}` and `{{ name|default:"x" }}`. An unknown name raises KeyError."""

    def fill(match: object) -> str:
        name, default = match.group(1), match.group(2)  # type: ignore[attr-defined]
        if name not in VARIABLES:
            raise KeyError(name)
        return values.get(name) or default or FALLBACK.get(name, "")

    return PLACEHOLDER.sub(fill, text)


def contact_values(name: str, email: str, workspace: str, unsubscribe_url: str) -> dict[str, str]:
    return {
        "first_name": name.split(" ")[0] if name else "",
        "name": name,
        "email": email,
        "workspace": workspace,
        "unsubscribe_url": unsubscribe_url,
    }
