"""The axis of the effect chart: it shows today's intervals, not the first look's."""

from __future__ import annotations

import pytest

from campaigns.experiments.charts import _limit


def line(low: list[float | None], high: list[float | None]) -> dict[str, list[float | None]]:
    middle = [
        None if a is None or b is None else (a + b) / 2 for a, b in zip(low, high, strict=True)
    ]
    return {"values": middle, "low": low, "high": high}


@pytest.mark.parametrize(
    ("series", "limit"),
    [
        ([line([-90.0, -2.0], [80.0, 11.2])], 50),
        ([line([-90.0, 3.2], [80.0, 11.2]), line([None, -6.0], [None, 9.0])], 50),
        ([line([-3.0, -0.02], [2.0, 0.049])], 0.1),
        ([line([-12.0, -2.0], [12.0, 11.2])], None),
        ([line([-90.0, None], [80.0, None])], None),
    ],
)
def test_the_axis_ends_above_twice_the_newest_interval(
    series: list[dict[str, list[float | None]]], limit: float | None
) -> None:
    assert _limit(series) == limit
