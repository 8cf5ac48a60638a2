"""A risk refreshed: learned from customers at earlier moments, tried on what came, told of all who
buy now, with what each is worth and what may be done about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.utils import timezone

from attune.kernel.phrases import Phrase, say
from campaigns.delivery import reach
from campaigns.predictions import features, measures
from chat.assistant import complaints
from insights.forecasts.values import zone
from insights.risk import actions, buying, selectors, services
from insights.risk.buying import Bought
from insights.risk.jobs import REFRESH_RISK, RefreshRisk
from insights.risk.models import Risk
from workers.engines import lapsing
from workers.engines.btyd import History
from workers.engines.conversion import TooLittle
from workers.engines.lapsing import Learned, Moment
from workers.model_tasks.predictions import moments, plain
from workers.runner import Run, handles

REASONS, BATCH, YEAR, LEAST = 3, 10_000, 365, 30
CHANNEL = "email"  # by which somebody can be won back


@dataclass(frozen=True, slots=True)
class Here:
    """Customers at a moment, with the contacts behind the rows."""

    contacts: list[Any]
    moment: Moment
    bought: Bought


@handles(REFRESH_RISK)
def refresh(payload: RefreshRisk, run: Run) -> None:
    now = timezone.now()
    with run.unit():
        row = selectors.risk(payload.risk_id)
        if row.state != Risk.State.ACTIVE:
            return
        names, parts, where = features.names_of(now), features.parts(), zone()
    times = moments(now, row.days)
    past: list[Here] = []
    for done, at in enumerate(times):
        run.progress(done, len(times) + 3, say("Looks at %(day)s.", day=f"{at:%Y-%m-%d}"))
        with run.unit():
            past.append(customers(row, names, at, row.days, parts[0], where))
    past = [one for one in past if len(one.contacts) >= LEAST]
    run.progress(len(times), len(times) + 3, say("Learns and tries itself on what is known."))
    try:
        found = lapsing.learn([one.moment for one in past], row.days)
    except TooLittle:
        with run.unit():
            services.refuse(selectors.risk(row.pk), now, missing(past))
        return
    found_of: list[Here] = []
    for n, part in enumerate(parts):
        with run.unit():
            found_of.append(customers(row, names, now, 0, part, where))
        told_of = say("Looks at everybody: %(share)s.", share=f"{(n + 1) / len(parts):.0%}")
        run.progress(len(times) + 1, len(times) + 3, told_of)
    lapsing.now(found, found_of[0].moment.history)
    told, facts = tell_of(found, row, found_of)
    with run.unit():
        advise(told)
    card = card_of(row, past, found, told, facts, where)
    for start in range(0, len(told.contacts), BATCH):  # no statement of a million people
        with run.unit():
            services.write(row, now, told.part(start, start + BATCH))
    with run.unit():
        why = sentence(card)
        services.keep(selectors.risk(row.pk), now, card, len(told.contacts), why)
        run.progress(len(times) + 3, len(times) + 3, why)


def customers(
    row: Risk, names: list[str], at: datetime, days: int, part: tuple[float, float], where: ZoneInfo
) -> Here:  # fmt: skip
    """Everybody of a part who bought before `at`, and whether they bought in the days after."""
    goal = row.goal.event_name
    seen = features.at_moment(goal, names, at, days, part)
    bought = buying.until(at, goal, seen.contacts, where.key)
    columns = {name: column[bought.place] for name, column in seen.columns.items()}
    history = History(bought.x, bought.t, bought.seen)
    moment = Moment(at.timestamp(), columns, history, seen.hits[bought.place])
    return Here([seen.contacts[i] for i in bought.place], moment, bought)


def missing(past: list[Here]) -> Phrase:
    """What is missing, in words that say what helps."""
    people = len(past[-1].contacts) if past else 0
    again = int((past[-1].moment.history.x > 0).sum()) if past else 0
    return say(
        "Too little to learn from yet: %(people)s customers, %(again)s of whom bought again, at "
        "%(moments)s earlier moments. Look fewer days ahead, take a goal that is reached more "
        "often, or import older events.",
        people=people, again=again, moments=len(past),
    )  # fmt: skip


def tell_of(
    found: Learned, row: Risk, parts: list[Here]
) -> tuple[services.Told, dict[str, Any]]:  # fmt: skip
    """What is told of everybody, but for the advice; and what their worth was told by."""
    told = services.Told([], [], [], [], [], [], [], [], [])
    history = History(*(np.concatenate([getattr(one.moment.history, k) for one in parts])
                        for k in ("x", "t", "seen")))  # fmt: skip
    mean, spent = (np.concatenate([getattr(one.bought, k) for one in parts])
                   for k in ("mean", "spent"))  # fmt: skip
    worth, facts = lapsing.worth(found.buying, history, mean, YEAR)
    for one in parts:
        told.contacts.extend(one.contacts)
        for start in range(0, len(one.contacts), BATCH):
            cut = slice(start, start + BATCH)
            columns = {name: column[cut] for name, column in one.moment.columns.items()}
            own = one.moment.history
            some = History(own.x[cut], own.t[cut], own.seen[cut])
            told.p.extend(float(p) for p in found.risk(columns, some))
            wide = lapsing.told(columns, some, found.buying, row.days)
            for i, why in enumerate(found.reasons(columns, some, REASONS)):
                known = [[name, plain(_value(wide, some, name, i)), round(by, 3)]
                         for name, by in why if by]  # fmt: skip
                told.reasons.append(json.dumps(known))
    alive = [None] * len(history.x) if found.buying is None else found.buying.alive(history)
    told.alive.extend(None if v is None else float(v) for v in alive)
    told.worth.extend(round(float(v), 2) for v in worth)
    usual = spent * row.days / np.maximum(history.t, row.days)  # while they were buying
    told.usual.extend(round(float(v), 2) for v in usual)
    told.p_rank.extend(float(v) for v in actions.ranked(np.array(told.p)))
    told.worth_rank.extend(float(v) for v in actions.ranked(usual))
    return told, facts


def _value(columns: dict[str, np.ndarray], history: History, name: str, i: int) -> Any:
    if name in columns:
        return columns[name][i]
    since = history.seen[i] - history.t[i]
    return {"goals": history.x[i] + 1, "since_goal": since}[name]


def advise(told: services.Told) -> None:
    upset = complaints.complaining()
    may = reach.permitted(told.contacts, CHANNEL)
    told.action.extend(
        actions.advised(p, rank, complains=contact in upset, permitted=contact in may)
        for contact, p, rank in zip(told.contacts, told.p, told.worth_rank, strict=True)
    )


def card_of(
    row: Risk,
    past: list[Here],
    found: Learned,
    told: services.Told,
    facts: dict[str, Any],
    where: ZoneInfo,
) -> dict[str, Any]:
    """What it is, what it learned from, what each way is worth, what is at stake."""
    p, usual = np.array(told.p), np.array(told.usual)
    used = next(one for one in found.trials if one.way == found.way)
    ways = []
    for one in found.trials:
        quality = measures.quality(one.risk, one.gone)
        ways.append({"way": one.way, "auc": quality.auc, "auc_error": quality.auc_error,
                     "loss": quality.loss, "calibration": quality.calibration})  # fmt: skip
    own = next(way for way in ways if way["way"] == found.way)
    drivers: dict[str, float] = {}
    for why in told.reasons[:2_000]:
        for name, _, by in json.loads(why):
            drivers[name] = drivers.get(name, 0.0) + abs(by)
    whole = sum(drivers.values()) or 1.0
    largest = sorted(drivers.items(), key=lambda pair: -pair[1])[:8]
    return {
        "goal": row.goal.event_name, "days": row.days, "way": found.way, "ways": ways,
        "moments": [f"{datetime.fromtimestamp(m.moment.at, tz=where):%Y-%m-%d}" for m in past],
        "tried_at": [f"{datetime.fromtimestamp(at, tz=where):%Y-%m-%d}" for at in found.at],
        "rows": int(sum(len(one.contacts) for one in past)),
        "tried_on": len(used.gone), "gone": int(used.gone.sum()), "auc": own["auc"],
        "auc_error": own["auc_error"], "loss": own["loss"], "calibration": own["calibration"],
        "base_loss": found.base, "bins": measures.bins(used.risk, used.gone),
        "lift": measures.lift(used.risk, used.gone), "lost": float(p.sum()),
        "stake": float((p * usual).sum()), "worth": float(sum(told.worth)), "worth_by": facts,
        "drivers": [[name, round(by / whole, 4)] for name, by in largest],
    }  # fmt: skip


def sentence(card: dict[str, Any]) -> Phrase:
    """What the refresh found."""
    values = {"auc": f"{card['auc']:.3f}", "error": f"{1.96 * card['auc_error']:.3f}",
              "off": f"{card['calibration'] * 100:.1f}", "n": card["tried_on"]}  # fmt: skip
    if card["auc"] - 1.96 * card["auc_error"] <= 0.5:
        return say("It does not tell customers apart better than chance yet (AUC %(auc)s ± "
                   "%(error)s on %(n)s rows): do not choose by it.", **values)  # fmt: skip
    if card["loss"] >= card["base_loss"]:
        return say("It orders customers (AUC %(auc)s ± %(error)s on %(n)s rows), but its chances "
                   "are no better than the share of before, or worse: choose by rank, not by "
                   "chance.", **values)  # fmt: skip
    return say("Tried on %(n)s rows whose outcome came later: AUC %(auc)s ± %(error)s, chances off "
               "by %(off)s points on average.", **values)  # fmt: skip
