"""The health list of an experiment, sentence by sentence."""

from __future__ import annotations

import pytest
from django.utils import timezone

from campaigns.experiments import health
from campaigns.experiments.health import Check
from campaigns.experiments.models import Experiment, Snapshot

INTERVALS = (
    ". An effect compares people who were decided at the same time; the plain rates beside it mix "
    "all times, so the two may differ."
)


pytestmark = pytest.mark.usefixtures("tenant")


def told(latest: Snapshot) -> list[Check]:
    return health.checks(Experiment(target_lift=0.1), latest, timezone.now())


def looked(*, verdict: str = "not_yet", srm_p: float | None = 0.24, **results: object) -> Snapshot:
    return Snapshot(verdict=verdict, srm_p=srm_p, results=results)


def test_a_young_experiment_says_what_is_missing() -> None:
    latest = looked(srm_p=None, power=None, open=0, comparisons=1)
    assert told(latest) == [
        Check(
            "warn", "The arms' sizes are not compared with their shares yet; that takes 100 people."
        ),
        Check("warn", "How many people it takes is not known before somebody converts."),
        Check("pass", f"Intervals hold at every look (95 %){INTERVALS}"),
    ]


@pytest.mark.parametrize(
    ("power", "missing", "line"),
    [
        (
            0.8,
            0,
            Check("pass", "The chance to show an effect of 10 % with today's people is 80 %."),
        ),
        (
            0.31,
            1250,
            Check(
                "warn",
                "The chance to show an effect of 10 % with today's people is 31 %; the smallest arm "
                "lacks about 1,250.",
            ),
        ),
    ],
)
def test_power_is_told_while_the_verdict_is_open(power: float, missing: int, line: Check) -> None:
    latest = looked(power=power, people_missing=missing, open=40, comparisons=3)
    assert told(latest) == [
        Check("pass", "The arms' sizes are as their shares planned (p = 0.24)."),
        line,
        Check("warn", "For 40 people the time to convert is not over: rates still rise."),
        Check(
            "pass",
            f"Intervals hold at every look (95 %, shared by the 3 arms of a metric){INTERVALS}",
        ),
    ]


def test_power_is_no_news_once_a_verdict_is_in() -> None:
    latest = looked(verdict="ship", power=0.0, open=0, comparisons=1)
    assert [c.verdict for c in told(latest)] == ["pass", "pass"]


def test_sizes_that_differ_block() -> None:
    first = told(looked(srm_p=0.0004, verdict="invalid", power=0.9))[0]
    assert first == Check(
        "block",
        "The arms' sizes differ from their shares (p = 0.00040): people were lost or doubled on "
        "the way.",
        "sizes",
    )
