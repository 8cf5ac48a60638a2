"""When a message may leave, by the clock of who gets it. Pure; every moment has its zone."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


def zone_of(*names: str) -> ZoneInfo:
    """The first of these time zones that is one; UTC where none is."""
    for name in names:
        try:
            if name:
                return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def next_at(now: datetime, zone: ZoneInfo, at: time, weekday: int | None = None) -> datetime:
    """The first moment from `now` on at which it is `at` in the zone, on that weekday (0 is Monday)
    where one is named. A time that the change of clocks leaves out is an hour later that day."""
    local = now.astimezone(zone)
    day = local.date()
    for _ in range(9):
        moment = datetime.combine(day, at, zone)
        fits = weekday is None or day.weekday() == weekday
        if fits and moment.timestamp() >= now.timestamp():
            return moment.astimezone(now.tzinfo)
        day += DAY
    raise ValueError(f"No weekday {weekday}.")


def quiet_until(now: datetime, zone: ZoneInfo, start: int, end: int) -> datetime | None:
    """When the quiet hours [start, end) of the zone end, which may run over midnight; None where it
    is not quiet now. Hours 0 to 23; equal ones are no quiet hours."""
    if start == end:
        return None
    hour = now.astimezone(zone).hour
    quiet = start <= hour < end if start < end else hour >= start or hour < end
    return next_at(now, zone, time(end)) if quiet else None
