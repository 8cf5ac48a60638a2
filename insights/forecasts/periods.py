"""Days, weeks and months: where they begin, which are over, and how long their season is. Pure."""

from __future__ import annotations

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


def between(first: date, last: date, grain: str) -> list[date]:
    """The beginnings of all periods from one to another, both among them."""
    found, at = [], start(first, grain)
    while at <= last:
        found.append(at)
        at = after(at, grain)
    return found
