"""What the demo's shop spent by channel in the last two years, simulated, with one channel that
spends the same every week, so that nothing tells what it does."""

from __future__ import annotations

import math
import random
from datetime import date, datetime, timedelta

from campaigns.budget import services
from campaigns.budget.models import Mix
from campaigns.budget.tables import Spent
from campaigns.decisions import selectors as log
from campaigns.decisions import services as decisions

NAME, WEEKS, SEED = "The shop's marketing", 104, 11
CHANNELS = {  # money of a usual week, carry-over, money of half the effect, most it brings
    "Search": (900.0, 0.2, 700.0, 3_400.0), "Social": (600.0, 0.4, 900.0, 1_500.0),
    "Local radio": (450.0, 0.6, 300.0, 1_300.0),
}  # fmt: skip
SAME = ("Flyers", 150.0, 120.0)


def spend(now: datetime) -> Mix | None:
    """The budget with its spend; it is fitted when a worker comes to it. None where it is there."""
    if Mix.objects.filter(name=NAME).exists():
        return None
    metric = log.metrics().filter(key="revenue").first() or decisions.save_metric(
        key="revenue", name="Revenue", event_name="Order Completed", kind="value"
    )
    row = services.create(name=NAME, outcome=metric)
    services.take(row, list(_weeks(now.date())))
    return row


def _weeks(today: date) -> list[Spent]:
    rng = random.Random(SEED)  # noqa: S311 - the demo is the same each time
    first = today - timedelta(days=today.weekday() + 7 * WEEKS)
    carried = dict.fromkeys(CHANNELS, 0.0)
    told = []
    for week in range(WEEKS):
        day = first + timedelta(days=7 * week)
        came = 9_000 + 900 * math.sin(2 * math.pi * week / 52.18) + rng.gauss(0, 350)
        for name, (usual, carry, half, most) in CHANNELS.items():
            amount = 0.0 if rng.random() < 0.08 else usual * math.exp(rng.gauss(0, 0.5))
            carried[name] = carry * carried[name] + (1 - carry) * amount
            came += most * carried[name] / (half + carried[name])
            told.append(Spent(week, day, name, round(amount, 2)))
        told += [Spent(week, day, SAME[0], SAME[1]), Spent(week, day, "", round(came + SAME[2], 2))]
    return told
