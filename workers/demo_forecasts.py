"""What the demo's shop may expect: eight months of daily revenue, simulated, and how it goes on."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta

from campaigns.decisions import selectors as log
from insights.forecasts import services
from insights.forecasts.models import Series

NAME, DAYS, SEED = "Revenue by day", 240, 11
WEEK = (0.9, 0.9, 0.95, 1.0, 1.2, 1.5, 1.3)  # from Monday
LEVELS = {"tea": 520.0, "coffee": 390.0, "cups": 110.0}
GROWTH, NOISE = 0.0012, 0.09


def foretell(today: date) -> None:
    """The question with its history; it is answered when a worker comes to it."""
    metric = log.metrics().filter(key="revenue").first()
    if metric is None or Series.objects.filter(name=NAME).exists():
        return
    rng = random.Random(SEED)  # noqa: S311 - the demo is the same each time
    rows: list[tuple[str, date, float]] = []
    for back in range(DAYS, 0, -1):
        day, total = today - timedelta(days=back), 0.0
        for key, level in LEVELS.items():
            grown = level * (1 + GROWTH * (DAYS - back)) * WEEK[day.weekday()]
            value = round(grown * math.exp(rng.gauss(0, NOISE)), 2)
            rows.append((key, day, value))
            total += value
        rows.append(("", day, round(total, 2)))
    row = services.create(name=NAME, metric=metric, grain="day", by="category", horizon=28)
    services.take(row, rows)
