"""Business hours: whether it is open, when it opens next, how much open time lies between. Pure.

`hours` maps a weekday ("0" is Monday, as datetime.weekday) to intervals [from, to) in minutes since
midnight of the inbox's time zone. No interval at all means: always open. Instants are aware.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

Hours = Mapping[str, Sequence[Sequence[int]]]
DAY = 24 * 60
LOOK_AHEAD = 15  # days


def wrong(hours: object) -> str:
    """What is wrong with hours that somebody gave; empty when nothing is."""
    if not isinstance(hours, dict):
        return "Give the hours by weekday."
    for day, intervals in hours.items():
        if day not in set("0123456") or not isinstance(intervals, list):
            return "A weekday is 0 (Monday) to 6, with a list of intervals."
        last = -1
        for one in intervals:
            if not (isinstance(one, list) and len(one) == 2 and all(type(m) is int for m in one)):
                return "An interval is [from, to] in minutes since midnight."
            if not last <= one[0] < one[1] <= DAY:
                return "Intervals of a day come one after another, between 0:00 and 24:00."
            last = one[1]
    return ""


def spans(
    hours: Hours, zone: str, since: datetime, days: int
) -> Iterator[tuple[datetime, datetime]]:
    """The open spans from the day of `since` on, in order, as instants."""
    tz = ZoneInfo(zone)
    midnight = since.astimezone(tz).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    for n in range(days + 1):
        day = midnight + timedelta(days=n)
        for start, end in hours.get(str(day.weekday()), ()):
            yield (
                (day + timedelta(minutes=start)).replace(tzinfo=tz),
                (day + timedelta(minutes=end)).replace(tzinfo=tz),
            )


def always(hours: Hours) -> bool:
    return not any(hours.values())


def is_open(hours: Hours, zone: str, at: datetime) -> bool:
    return always(hours) or any(a <= at < b for a, b in spans(hours, zone, at, 0))


def opens_next(hours: Hours, zone: str, at: datetime) -> datetime | None:
    """When it opens after `at`; None while it is open."""
    if is_open(hours, zone, at):
        return None
    return next((a for a, _ in spans(hours, zone, at, LOOK_AHEAD) if a > at), None)


def open_seconds(hours: Hours, zone: str, start: datetime, end: datetime) -> float:
    """Seconds of open time between two instants; all of them when it is always open."""
    if end <= start:
        return 0.0
    if always(hours):
        return (end - start).total_seconds()
    days = (end - start).days + 2
    return sum(
        max(0.0, (min(b, end) - max(a, start)).total_seconds())
        for a, b in spans(hours, zone, start, days)
    )


def due_at(hours: Hours, zone: str, start: datetime, minutes: int) -> datetime:
    """When `minutes` of open time are over since `start`."""
    left = timedelta(minutes=minutes)
    if always(hours):
        return start + left
    for a, b in spans(hours, zone, start, 400):
        begin = max(a, start)
        if begin >= b:
            continue
        if b - begin >= left:
            return begin + left
        left -= b - begin
    return start + timedelta(days=400)
