"""Days, weeks and months: where they begin, which are over, and how long their season is. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

SEASONS = {"day": 7, "week": 52, "month": 12}


def start(day: date, grain: str) -> date:
    """The first day of the period that a day lies in; weeks begin on Monday."""
    if grain == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if grain == "month" else day


def after(first: date, grain: str, n: int = 1) -> date:
    """The first day of the n-th period after the one that begins so."""
    if grain == "month":
        months = first.year * 12 + first.month - 1 + n
        return date(months // 12, months % 12 + 1, 1)
    return first + timedelta(days=n * (7 if grain == "week" else 1))


def marked(
    first: date, n: int, grain: str, occasions: Iterable[tuple[str, date, date]]
) -> dict[str, list[int]]:
    """Of n periods from the one that begins with `first`, which each occasion (name, first day,
    last day) falls into, by its name."""
    begins = [after(first, grain, k) for k in range(n)]
    place = {day: k for k, day in enumerate(begins)}
    found: dict[str, set[int]] = {}
    for name, start_day, end_day in occasions:
        for k in range((end_day - start_day).days + 1):
            at = place.get(start(start_day + timedelta(days=k), grain))
            if at is not None:
                found.setdefault(name, set()).add(at)
    return {name: sorted(places) for name, places in found.items()}


def between(first: date, last: date, grain: str) -> list[date]:
    """The beginnings of all periods from one to another, both among them."""
    found, at = [], start(first, grain)
    while at <= last:
        found.append(at)
        at = after(at, grain)
    return found
