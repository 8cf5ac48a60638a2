"""May a mix be believed? Checks before any advice, each in words. Pure.

refuse   nothing is advised
hold     this channel keeps its money: the data cannot tell what more or less would do
warn     told beside the advice
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attune.kernel.phrases import Phrase, known_words, say, say_many

LEAST_WEEKS, FEW_WEEKS = 26, 52
LEAST_SPENT = 8  # weeks in which a channel spent anything
LEAST_SPREAD = 0.1  # of its mean
ALIKE = 0.9  # correlation from which two channels are one
AGREED = 1.1  # split R-hat
LEAST_DRAWS = 200  # effective
LEARNED = 0.85  # width of the interval of a return after the data, of that before them
NO_FIT, POOR_FIT = 0.1, 0.3  # share of the variance
known_words("refuse", "hold", "warn")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `channel` is empty where it is about the whole."""

    level: str
    what: Phrase
    channel: str = ""

    def stored(self) -> dict[str, Any]:
        return {"level": self.level, "what": self.what.stored(), "channel": self.channel}


def of_data(channels: Sequence[str], spend: np.ndarray, outcome: np.ndarray) -> list[Finding]:
    """Before anything is fitted: spend (T, C), outcome (T,)."""
    weeks = len(outcome)
    found: list[Finding] = []
    if weeks < LEAST_WEEKS:
        found.append(Finding("refuse", say(
            "Only %(n)s weeks: it takes %(least)s, better two years.", n=weeks, least=LEAST_WEEKS
        )))  # fmt: skip
    elif weeks < FEW_WEEKS:
        found.append(Finding("warn", say(
            "Only %(n)s weeks, less than a year: a season can pass for an effect.", n=weeks
        )))  # fmt: skip
    if weeks and float(np.std(outcome)) < 1e-9:
        found.append(Finding("refuse", say("The outcome is the same every week.")))
    found += [f for c, name in enumerate(channels) for f in _of_channel(name, spend[:, c])]
    return found + _alike(channels, spend)


def _of_channel(name: str, spend: np.ndarray) -> list[Finding]:
    spent = int((spend > 0).sum())
    if spent < LEAST_SPENT:
        told = say_many("It spent in only %(n)s week; it takes %(least)s.",
                        "It spent in only %(n)s weeks; it takes %(least)s.", n=spent,
                        least=LEAST_SPENT)  # fmt: skip
        return [Finding("hold", told, name)]
    if float(spend.std()) < LEAST_SPREAD * float(spend.mean()):
        return [Finding("hold", say(
            "It spends nearly the same every week, so nothing shows what it does. Pause it in some "
            "weeks or places, or run an experiment."), name)]  # fmt: skip
    return []


def _alike(channels: Sequence[str], spend: np.ndarray) -> list[Finding]:
    found = []
    for one in range(len(channels)):
        for other in range(one + 1, len(channels)):
            pair = spend[:, [one, other]]
            if (pair.std(0) < 1e-9).any():
                continue
            alike = float(np.corrcoef(pair.T)[0, 1])
            if alike > ALIKE:
                told = say("It moves with “%(other)s” (correlation %(r)s): which of the two works "
                           "cannot be told. Vary one of them alone.", other=channels[other],
                           r=f"{alike:.2f}")  # fmt: skip
                found += [Finding("hold", told, channels[one]), Finding("hold", say(
                    "It moves with “%(other)s” (correlation %(r)s): which of the two works cannot "
                    "be told. Vary one of them alone.", other=channels[one], r=f"{alike:.2f}"),
                    channels[other])]  # fmt: skip
    return found


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a fit is judged by: split R-hat and effective draws (C,), the returns after the data and
    before them (S, C), R2, the share of weeks inside their 90 % interval, the Durbin-Watson number
    of what is left, and the share of the outcome that no channel brought (S,)."""

    split: np.ndarray
    effective: np.ndarray
    returns: np.ndarray
    before: np.ndarray
    r2: float
    inside: float
    watson: float
    base: np.ndarray


def of_fit(channels: Sequence[str], fitted: Fitted) -> list[Finding]:
    """After it was fitted."""
    found: list[Finding] = []
    worst = float(fitted.split.max())
    if worst > AGREED or float(fitted.effective.min()) < LEAST_DRAWS:
        found.append(Finding("refuse", say(
            "The sampling did not settle (R-hat %(r)s): the figures would be chance.",
            r=f"{worst:.2f}")))  # fmt: skip
    if float((fitted.base < 0).mean()) > 0.5:
        found.append(Finding("refuse", say(
            "The channels are said to bring more than there was: something that moves with them is "
            "missing.")))  # fmt: skip
    if fitted.r2 < NO_FIT:
        found.append(Finding("refuse", say(
            "It explains %(share)s of the ups and downs: something else moves the outcome.",
            share=f"{fitted.r2:.0%}")))  # fmt: skip
    elif fitted.r2 < POOR_FIT:
        found.append(Finding("warn", say(
            "It explains only %(share)s of the ups and downs.", share=f"{fitted.r2:.0%}"
        )))  # fmt: skip
    if not 0.8 <= fitted.inside <= 0.99:
        found.append(Finding("warn", say(
            "Of the weeks %(share)s lie in their 90 %% interval: it is surer, or less sure, than "
            "it should be.", share=f"{fitted.inside:.0%}")))  # fmt: skip
    if not 1.2 <= fitted.watson <= 2.8:
        found.append(Finding("warn", say(
            "What is left over moves slowly (Durbin-Watson %(d)s): something that lasts for weeks "
            "is missing.", d=f"{fitted.watson:.2f}")))  # fmt: skip
    for c, name in enumerate(channels):
        wide = [float(np.subtract(*np.quantile(v[:, c], [0.95, 0.05])))
                for v in (fitted.returns, fitted.before)]  # fmt: skip
        if wide[0] > LEARNED * wide[1]:
            found.append(Finding("hold", say(
                "The data hardly say anything about it: the figure is what was assumed before. An "
                "experiment would tell."), name))  # fmt: skip
    return found


def held(channels: Sequence[str], found: Sequence[Finding]) -> set[str]:
    """The channels that must keep their money."""
    return {f.channel for f in found if f.level == "hold" and f.channel in channels}


def refused(found: Sequence[Finding]) -> Finding | None:
    return next((f for f in found if f.level == "refuse"), None)
