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
from workers.engines.lapsing import Learned, Moment, Trial, Worth
from workers.model_tasks.predictions import moments, plain
from workers.runner import Run, handles

REASONS, BATCH, YEAR, LEAST = 3, 10_000, 365, 30
HOW = ((0.8, say("well")), (0.65, say("fairly")), (0.0, say("only a little")))
CHANNEL = "email"  # by which somebody can be won back


@dataclass(frozen=True, slots=True)
class Here:
    """Customers at a moment, with the contacts behind the rows."""

    contacts: list[Any]
    moment: Moment
    bought: Bought


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked, in which time zone, with the events that are counted by name."""

    risk: Risk
    names: list[str]
    where: ZoneInfo

    def customers(self, at: datetime, days: int, part: tuple[float, float]) -> Here:
        """Everybody of a part who bought before `at`, and whether they bought in the days after."""
        goal = self.risk.goal.event_name
        seen = features.at_moment(goal, self.names, at, days, part)
        bought = buying.until(at, goal, seen.contacts, self.where.key)
        columns = {name: column[bought.place] for name, column in seen.columns.items()}
        history = History(bought.x, bought.t, bought.seen)
        moment = Moment(at.timestamp(), columns, history, seen.hits[bought.place])
        return Here([seen.contacts[i] for i in bought.place], moment, bought)


@handles(REFRESH_RISK)
def refresh(payload: RefreshRisk, run: Run) -> None:
    now = timezone.now()
    with run.unit():
        row = selectors.risk(payload.risk_id)
        if row.state != Risk.State.ACTIVE:
            return
        asked, parts = Asked(row, features.names_of(now), zone()), features.parts()
    past = _past(asked, moments(now, row.days), parts[0], run)
    try:
        found = lapsing.learn([one.moment for one in past], row.days)
    except TooLittle:
        with run.unit():
            services.refuse(selectors.risk(row.pk), now, missing(past))
        return
    told, worth = _tell(asked, found, now, parts, run)
    card = card_of(asked, past, found, told, worth)
    many, why = len(told.contacts), sentence(card)
    for start in range(0, many, BATCH):  # no statement of a million people
        with run.unit():
            services.write(row, now, told.part(start, start + BATCH))
    with run.unit():
        services.keep(selectors.risk(row.pk), now, card, many, why)
        run.progress(1, 1, why)


def _past(
    asked: Asked, times: list[datetime], part: tuple[float, float], run: Run
) -> list[Here]:  # fmt: skip
    """The moments that are learned from, of a part of the customers."""
    past = []
    for done, at in enumerate(times):
        run.progress(done, len(times) + 3, say("Looks at %(day)s.", day=f"{at:%Y-%m-%d}"))
        with run.unit():
            past.append(asked.customers(at, asked.risk.days, part))
    run.progress(len(times), len(times) + 3, say("Learns and tries itself on what is known."))
    return [one for one in past if len(one.contacts) >= LEAST]


def _tell(
    asked: Asked, found: Learned, now: datetime, parts: list[tuple[float, float]], run: Run
) -> tuple[services.Told, Worth]:  # fmt: skip
    """What is told of everybody, part by part, with what may be done."""
    told = services.Told([], [], [], [], [], [], [], [], [])
    worth: Worth | None = None
    for n, part in enumerate(parts):
        with run.unit():
            here = asked.customers(now, 0, part)
        if worth is None:
            lapsing.now(found, here.moment.history)
            own = here.bought
            worth = Worth.of(found.buying, here.moment.history, own.mean, own.spent)
        _add(told, asked.risk.days, found, here, worth)
        share = f"{(n + 1) / len(parts):.0%}"
        run.progress(n + 1, len(parts) + 1, say("Looks at everybody: %(share)s.", share=share))
    assert worth is not None  # noqa: S101 - there is one part at least
    told.p_rank.extend(float(v) for v in actions.ranked(np.array(told.p)))
    told.worth_rank.extend(float(v) for v in actions.ranked(np.array(told.usual)))
    with run.unit():
        upset = complaints.complaining()
    for start in range(0, len(told.contacts), BATCH):
        with run.unit():
            advise(told, start, upset)
    return told, worth


def _add(told: services.Told, days: int, found: Learned, here: Here, worth: Worth) -> None:
    """One part's customers, but for ranks and advice."""
    own, mean = here.moment.history, here.bought.mean
    told.contacts.extend(here.contacts)
    told.worth.extend(plain(v) for v in worth.ahead(own, mean, YEAR))
    told.usual.extend(round(float(v), 4) for v in worth.kept(own, mean, days))
    told.alive.extend([None] * len(own.x) if found.buying is None
                      else [float(v) for v in found.buying.alive(own)])  # fmt: skip
    for start in range(0, len(here.contacts), BATCH):
        cut = slice(start, start + BATCH)
        columns = {name: column[cut] for name, column in here.moment.columns.items()}
        some = History(own.x[cut], own.t[cut], own.seen[cut])
        told.p.extend(float(p) for p in found.risk(columns, some))
        wide = lapsing.told(columns, some, found.buying, days)
        for i, why in enumerate(found.reasons(columns, some, REASONS)):
            known = [[name, plain(_value(wide, some, name, i)), round(by, 3)]
                     for name, by in why if by]  # fmt: skip
            told.reasons.append(json.dumps(known))


def _value(columns: dict[str, np.ndarray], history: History, name: str, i: int) -> Any:
    if name in columns:
        return columns[name][i]
    return {"goals": history.x[i] + 1, "since_goal": history.seen[i] - history.t[i]}[name]


def advise(told: services.Told, start: int, upset: set[Any]) -> None:
    """What may be done about BATCH customers from `start` on."""
    some = told.part(start, start + BATCH)
    may = reach.permitted(some["contacts"], CHANNEL)
    told.action.extend(
        actions.advised(p, rank, complains=contact in upset, permitted=contact in may)
        for contact, p, rank in zip(some["contacts"], some["p"], some["worth_rank"], strict=True)
    )


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


def card_of(
    asked: Asked, past: list[Here], found: Learned, told: services.Told, worth: Worth
) -> dict[str, Any]:  # fmt: skip
    """What it is, what it learned from, what each way is worth, what is at stake."""
    p, usual = np.array(told.p), np.array(told.usual)
    used = next(one for one in found.trials if one.way == found.way)
    ways = [_way(one) for one in found.trials]
    own = next(way for way in ways if way["way"] == found.way)
    return {
        "goal": asked.risk.goal.event_name, "days": asked.risk.days, "way": found.way,
        "ways": ways, "moments": [_day(one.moment.at, asked) for one in past],
        "tried_at": [_day(at, asked) for at in found.at],
        "rows": int(sum(len(one.contacts) for one in past)),
        "tried_on": len(used.gone), "people_tried": used.newest, "gone": int(used.gone.sum()),
        **{name: own[name] for name in ("auc", "auc_error", "loss", "calibration")},
        "base_loss": found.base, "bins": measures.bins(used.risk, used.gone),
        "lift": measures.lift(used.risk, used.gone), "lost": float(p.sum()),
        "stake": float((p * usual).sum()), "worth_by": worth.facts,
        "drivers": _drivers(told.reasons), "free": worth.facts["free"],
    }  # fmt: skip


def _way(of: Trial) -> dict[str, Any]:
    """A way's measures; its error is of the last moment's rows: the others are the same people."""
    whole = measures.quality(of.risk, of.gone)
    newest = measures.quality(of.risk[-of.newest :], of.gone[-of.newest :])
    return {"way": of.way, "auc": whole.auc, "auc_error": newest.auc_error, "loss": whole.loss,
            "calibration": whole.calibration}  # fmt: skip


def _drivers(reasons: list[str], most: int = 2_000) -> list[list[Any]]:
    """What moves some customers, chosen by chance, on average: shares of the largest."""
    some = np.random.default_rng(0).permutation(len(reasons))[:most]
    found: dict[str, float] = {}
    for i in some:
        for name, _, by in json.loads(reasons[i]):
            found[name] = found.get(name, 0.0) + abs(by)
    whole = sum(found.values()) or 1.0
    largest = sorted(found.items(), key=lambda pair: -pair[1])[:8]
    return [[name, round(by / whole, 4)] for name, by in largest]


def _day(at: float, asked: Asked) -> str:
    return f"{datetime.fromtimestamp(at, tz=asked.where):%Y-%m-%d}"


def sentence(card: dict[str, Any]) -> Phrase:
    """What the refresh found."""
    values = {"auc": f"{card['auc']:.3f}", "error": f"{1.96 * card['auc_error']:.3f}",
              "off": f"{card['calibration'] * 100:.1f}", "n": card["people_tried"],
              "moments": len(card["tried_at"])}  # fmt: skip
    if card["auc"] - 1.96 * card["auc_error"] <= 0.5:
        return say("It does not tell customers apart better than chance yet (AUC %(auc)s ± "
                   "%(error)s on %(n)s people): do not choose by it.", **values)  # fmt: skip
    if card["loss"] >= card["base_loss"]:
        return say("It orders customers (AUC %(auc)s ± %(error)s on %(n)s people), but its chances "
                   "are no better than the share of before, or worse: choose by rank, not by "
                   "chance.", **values)  # fmt: skip
    how = next(word for least, word in HOW if card["auc"] >= least)
    return say("It tells customers apart %(how)s, tried on %(n)s people at %(moments)s moments "
               "whose outcome came later: AUC %(auc)s ± %(error)s, chances off by %(off)s points "
               "on average.", how=how, **values)  # fmt: skip
