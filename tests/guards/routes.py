"""Every address that the product answers at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass
class Route:
    name: str
    parameters: list[str]
    workspace: bool


def routes() -> list[Route]:
    found: list[Route] = []

    def walk(patterns: list[Any], namespace: str, text: str) -> None:
        for entry in patterns:
            path = text + str(entry.pattern)
            if isinstance(entry, URLResolver):
                if entry.urlconf_name and "allauth" in str(entry.urlconf_name):
                    continue
                inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
                walk(entry.url_patterns, inner, path)
            elif isinstance(entry, URLPattern):
                names = list(entry.pattern.converters) or list(entry.pattern.regex.groupindex)
                found.append(Route(f"{namespace}{entry.name}", names, path.startswith("w/")))

    walk(get_resolver().url_patterns, "", "")
    return [r for r in found if not r.name.startswith(("account_", "mfa_", "None"))]
