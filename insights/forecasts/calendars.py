"""Public holidays by country, as days known before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cache

import holidays
from holidays.registry import COUNTRIES

BACK, AHEAD = 3, 2  # years


@cache
def countries() -> list[tuple[str, str]]:
    """Codes of ISO 3166 with names, by name."""
    spoken = re.compile(r"(?<=[a-z])(?=[A-Z])")
    found = [(code, f"{spoken.sub(' ', name)} ({code})") for name, code, *_ in COUNTRIES.values()]
    return sorted(found, key=lambda pair: pair[1])


def days(country: str, today: date) -> dict[date, str]:
    """The holidays of the years around today, each with the name it has in the country itself.
    Raises ValueError where the country is not known."""
    if country not in dict(countries()):
        raise ValueError(country)
    years = range(today.year - BACK, today.year + AHEAD + 1)
    own = getattr(holidays, country).default_language
    found: Mapping[date, str] = holidays.country_holidays(country, years=years, language=own)
    return {day: name[:80] for day, name in found.items()}
