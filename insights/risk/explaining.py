"""A risk in words and tables: what moved it, who stands where, which way foretold best."""

from __future__ import annotations

import math
from typing import Any

from attune.kernel.phrases import Phrase, say
from campaigns.predictions import features
from insights.risk.campaigns import Question
from insights.risk.models import RiskScore
from insights.risk.returns import Outlook

LEVELS = {"low": say("low"), "middle": say("middle"), "high": say("high")}
ORDERS = {"stake": say("At stake"), "risk": say("Risk"), "worth": say("Worth in a year")}
WAYS = {
    "buying": say("By rhythm of buying alone (BG/NBD)"),
    "behaviour": say("By all that they did (logistic regression and boosted trees)"),
    "both": say("Both together"),
}  # fmt: skip


def reasons(score: RiskScore) -> list[dict[str, Any]]:
    """What moved the risk most, against the same customer being typical in that; `factor` is by how
    much the odds of losing them are multiplied."""
    return [{"name": features.title(name), "value": value, "factor": math.exp(by)}
            for name, value, by in score.reasons]  # fmt: skip


def matrix(cells: dict[tuple[int, int], dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of risk, the highest first, each with its columns of worth, the least first; `share` is
    of all that is at stake."""
    whole = sum(cell["stake"] for cell in cells.values()) or 1.0
    names = list(LEVELS)
    return [
        {"level": names[r], "name": LEVELS[names[r]], "cells": [
            {"level": names[w], "n": cell["n"], "stake": cell["stake"],
             "share": cell["stake"] / whole, "shade": min(4, math.ceil(10 * cell["stake"] / whole))}
            for w in range(3)
            for cell in [cells.get((r, w), {"n": 0, "stake": 0.0, "worth": 0.0})]
        ]}
        for r in (2, 1, 0)
    ]  # fmt: skip


def ways(card: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**way, "name": WAYS[way["way"]], "used": way["way"] == card["way"],
             "wide": 1.96 * way["auc_error"]} for way in card.get("ways", [])]  # fmt: skip


def initial(of: Question) -> dict[str, Any]:
    return {"people": of.people, "fixed": round(of.fixed, 2), "message": round(of.message, 6),
            "margin": round(of.margin * 100, 2)}  # fmt: skip


def outlook(of: Outlook, question: Question) -> dict[str, Any]:
    low, middle, high = of.between()
    return {"low": low, "middle": middle, "high": high, "roi": of.roi(), "loss": of.loss,
            "at_risk": of.at_risk, "shortfall": of.shortfall, "cost": question.plan.cost,
            "sentence": _sentence(of, question)}  # fmt: skip


def _sentence(of: Outlook, question: Question) -> Phrase:
    if not question.people:
        return say("Nobody is written to: only what it costs once is lost.")
    share = f"{of.loss:.0%}"
    if of.loss < 0.05:
        return say("It loses money in about %(share)s of the cases: little is risked.", share=share)
    if of.loss < 0.5:
        return say("It loses money in about %(share)s of the cases. A control group will tell "
                   "whether it was one of them.", share=share)  # fmt: skip
    each = float(of.gain.mean()) * question.margin - question.message
    if each > 0:
        return say("It is more likely to lose money than to gain (%(share)s): it takes about "
                   "%(n)s people to earn back what it costs once.", share=share,
                   n=f"{question.fixed / each:,.0f}")  # fmt: skip
    return say("It is more likely to lose money than to gain (%(share)s): a message costs more "
               "than it brings on average, to however many it goes.", share=share)  # fmt: skip
