"""Who will not buy within a time ahead, and what each is worth: two ways, tried on what came.

    buying      BG/NBD by what each bought when, its chances put right on earlier moments (Platt)
    behaviour   workers.engines.conversion by all that they did, with what BG/NBD says among it
    both        the mean of their log odds

A moment is all customers as they were then, and who bought in the time after it. Each way is tried
on the newest moments whose outcomes are known now, fitted by what was known at each of them. Both
are used, fitted on all moments, unless one alone was better there beyond chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import minimize

from workers.engines import btyd, conversion
from workers.engines.btyd import Buying, History, Spending
from workers.engines.conversion import Columns, Model, Recipe, TooLittle

BUYING, BEHAVIOUR, BOTH = "buying", "behaviour", "both"
TRIED = 3  # moments that the ways are tried on
ALIVE, EXPECTS, CHANCE = "alive", "expects", "chance"  # what BG/NBD says, as columns
RECIPE = Recipe(halves=(float("inf"),), lately=False, blocks=4)
PRIOR = 2.0  # what it costs, in log likelihood, to put chances right without evidence
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Moment:
    """Customers at `at` (seconds): what each did {name: (n,)}, what each bought (in days), and who
    bought in the time after it (n,), 0 or 1."""

    at: float
    columns: Columns
    history: History
    bought: np.ndarray


@dataclass(frozen=True, slots=True)
class Trial:
    """What a way told (n,) of not buying at the newest moments whose outcomes are known, what came
    of it (n,), and its log loss; `newest` of the rows are of the last moment. The same customers
    stand at each moment, so that what is known of chance is of those rows alone."""

    way: str
    risk: np.ndarray
    gone: np.ndarray
    loss: float
    newest: int


@dataclass(slots=True)
class Learned:
    """What is used from now on, and the trial of each way, `at` moments (seconds)."""

    way: str
    days: int
    at: list[float]
    trials: list[Trial]
    base: float  # log loss of the share at the moments before
    buying: Buying | None = None
    right: tuple[float, float] = (1.0, 0.0)  # slope and start that put BG/NBD's log odds right
    behaviour: Model | None = None
    typical: dict[str, float] = field(default_factory=dict)

    def risk(self, columns: Columns, history: History) -> np.ndarray:
        """The chance that each does not buy within the time ahead (n,)."""
        found: np.ndarray = 1 / (1 + np.exp(self._odds(columns, history)))
        return found

    def _odds(self, columns: Columns, history: History) -> np.ndarray:
        """Log odds of buying (n,)."""
        found: list[np.ndarray] = []
        if self.way != BEHAVIOUR:
            found.append(_righted(_chance(self.buying, history, self.days), self.right))
        if self.behaviour is not None:
            found.append(self.behaviour.odds(told(columns, history, self.buying, self.days)))
        mean: np.ndarray = np.mean(found, axis=0)
        return mean

    def reasons(
        self, columns: Columns, history: History, most: int = 3
    ) -> list[list[tuple[str, float]]]:  # fmt: skip
        """Of each customer what moves the risk most, as log odds of not buying: against the same
        customer being typical in that; by rhythm alone, against having been silent no longer than
        they usually are, and against a typical number of purchases."""
        ways, n = 1 + (self.way == BOTH), len(history.x)
        moved: dict[str, np.ndarray] = {}
        if self.behaviour is not None:
            wide = told(columns, history, self.buying, self.days)
            moved |= {name: np.zeros(n) for name in wide}
            for i, row in enumerate(self.behaviour.reasons(wide, len(wide))):
                for name, by in row:
                    moved[name][i] = -by / ways
        if self.way != BEHAVIOUR:
            for name, by_rhythm in self._by_rhythm(history).items():
                moved[name] = moved.get(name, 0.0) + by_rhythm / ways
        return [
            sorted(((name, float(by[i])) for name, by in moved.items()),
                   key=lambda pair: -abs(pair[1]))[:most]
            for i in range(n)
        ]  # fmt: skip

    def _by_rhythm(self, history: History) -> dict[str, np.ndarray]:
        """What their silence and how often they bought do to the log odds of not buying (n,)."""
        calm = _calm(history, self.typical)
        usual = History(np.where(calm.x > 0, self.typical["goals"], 0.0), calm.t, calm.seen)
        own, at_rest, at_usual = (
            _righted(_chance(self.buying, of, self.days), self.right)
            for of in (history, calm, usual)
        )
        return {"since_goal": at_rest - own, "goals": at_usual - at_rest}


def told(columns: Columns, history: History, by: Buying | None, days: int) -> dict[str, np.ndarray]:
    """The columns with what BG/NBD says of each: still a customer, purchases expected, and the log
    odds of one; unknown where it could not be fitted."""
    n = len(history.x)
    if by is None:
        return {**columns, **{name: np.full(n, np.nan) for name in (ALIVE, EXPECTS, CHANCE)}}
    return {**columns, ALIVE: by.alive(history), EXPECTS: by.expected(history, days),
            CHANCE: _chance(by, history, days)}  # fmt: skip


def learn(past: Sequence[Moment], days: int) -> Learned:
    """Learn from moments, oldest first. Raises TooLittle where no way can be tried."""
    by = [_buying(m.history) for m in past]
    told_of: dict[str, list[np.ndarray]] = {}
    gone: list[np.ndarray] = []
    base: list[np.ndarray] = []
    at: list[float] = []
    for n in range(max(1, len(past) - TRIED), len(past)):
        odds = _tried(past[: n + 1], by[: n + 1], days)
        if not odds or (told_of and set(told_of) != set(odds)):  # a way that could not be tried
            told_of, gone, base, at = {}, [], [], []  # before can be from here on
        if not odds:
            continue
        for way, own in odds.items():
            told_of.setdefault(way, []).append(1 / (1 + np.exp(own)))
        gone.append(1 - past[n].bought)
        base.append(np.full(len(past[n].bought), 1 - _share(_known(past[: n + 1], days))))
        at.append(past[n].at)
    if not told_of:
        raise TooLittle("No outcome that differs was known at an earlier moment.")
    came = np.concatenate(gone)
    trials = [
        Trial(way, risk, came, _loss(risk, came), len(gone[-1]))
        for way, risk in ((way, np.concatenate(own)) for way, own in told_of.items())
    ]
    best = _best(trials, len(at))
    found = Learned(best, days, at, trials, _loss(np.concatenate(base), came), by[-1],
                    _put_right(past, by, days), None, _typical_of(past[-1].history))  # fmt: skip
    if best != BUYING:
        found.behaviour = _behaviour(past, by, days)
    return found


def _best(trials: Sequence[Trial], moments: int) -> str:
    """The way to use: both, where there are both, unless one alone was better at several moments by
    more than two standard errors of the difference."""
    usual = next((one for one in trials if one.way == BOTH), trials[0])
    if moments < 2:
        return usual.way
    better = {}
    for one in trials:
        gain = _losses(usual.risk, usual.gone) - _losses(one.risk, one.gone)
        if gain.mean() > 2 * gain.std() / np.sqrt(one.newest):
            better[one.way] = float(gain.mean())
    return max(better, key=better.__getitem__) if better else usual.way


def _known(past: Sequence[Moment], days: int) -> Sequence[Moment]:
    """The moments whose outcomes were known at the last of them."""
    return [m for m in past if m.at + days * DAY <= past[-1].at]


def _share(of: Sequence[Moment]) -> float:
    return float(np.concatenate([m.bought for m in of]).mean())


def _tried(
    past: Sequence[Moment], by: Sequence[Buying | None], days: int
) -> dict[str, np.ndarray]:  # fmt: skip
    """Log odds of buying (n,) of everybody at the last moment, by the ways that can be fitted on
    what was known then."""
    last, known = past[-1], _known(past, days)
    if not known or not 0 < last.bought.sum() < len(last.bought):
        return {}
    found = {}
    if by[-1] is not None:
        found[BUYING] = _righted(_chance(by[-1], last.history, days), _put_right(known, by, days))
    try:
        before = _behaviour(known, by, days)
    except TooLittle:
        return found
    found[BEHAVIOUR] = before.odds(told(last.columns, last.history, by[-1], days))
    if BUYING in found:
        found[BOTH] = (found[BUYING] + found[BEHAVIOUR]) / 2
    return found


def now(found: Learned, history: History) -> None:
    """Fit BG/NBD anew on what all have bought until now; what it was stays where that fails."""
    found.buying = _buying(history) or found.buying


def _buying(history: History) -> Buying | None:
    try:
        return btyd.fit_buying(history)
    except btyd.TooLittle:
        return None


def _behaviour(past: Sequence[Moment], by: Sequence[Buying | None], days: int) -> Model:
    wide = [told(m.columns, m.history, one, days) for m, one in zip(past, by, strict=False)]
    columns = {name: np.concatenate([w[name] for w in wide]) for name in wide[0]}
    bought = np.concatenate([m.bought for m in past])
    times = np.concatenate([np.full(len(m.bought), m.at) for m in past])
    return conversion.fit(columns, bought, RECIPE, times, times + days * DAY)


def _chance(by: Buying | None, history: History, days: float) -> np.ndarray:
    """Log odds of at least one purchase within the days ahead (n,)."""
    if by is None:
        return np.zeros(len(history.x))
    p = by.buys(history, days).clip(1e-6, 1 - 1e-6)
    found: np.ndarray = np.log(p / (1 - p))
    return found


def _righted(odds: np.ndarray, right: tuple[float, float]) -> np.ndarray:
    return right[0] * odds + right[1]


def _put_right(
    past: Sequence[Moment], by: Sequence[Buying | None], days: int
) -> tuple[float, float]:  # fmt: skip
    """Slope and start under which what came was likeliest; (1, 0) without evidence."""
    pairs = [(_chance(one, m.history, days), m.bought)
             for m, one in zip(past, by, strict=False) if one is not None]  # fmt: skip
    if not pairs:
        return 1.0, 0.0
    odds, bought = (np.concatenate(part) for part in zip(*pairs, strict=True))

    def cost(v: np.ndarray) -> float:
        z = np.exp(v[0]) * odds + v[1]
        told_of = float((np.logaddexp(0, z) - bought * z).sum())
        return told_of + PRIOR * float((v**2).sum())

    v = minimize(cost, np.zeros(2), method="BFGS").x
    return float(np.exp(v[0])), float(v[1])


def _losses(risk: np.ndarray, gone: np.ndarray) -> np.ndarray:
    p = risk.clip(1e-6, 1 - 1e-6)
    found: np.ndarray = -(gone * np.log(p) + (1 - gone) * np.log(1 - p))
    return found


def _loss(risk: np.ndarray, gone: np.ndarray) -> float:
    return float(_losses(risk, gone).mean())


def _typical_of(history: History) -> dict[str, float]:
    """Repeat purchases, and days between two, of customers who came back."""
    back = history.x > 0
    if not back.any():
        return {"goals": 1.0, "gap": float(np.median(history.seen))}
    return {"goals": float(np.median(history.x[back])),
            "gap": float(np.median(history.t[back] / history.x[back]))}  # fmt: skip


def _calm(history: History, typical: Mapping[str, float]) -> History:
    """The customers as if they had been silent no longer than they usually are between two."""
    back = history.x > 0
    gap = np.where(back, history.t / np.maximum(history.x, 1), typical["gap"])
    silent = np.minimum(history.seen - history.t, np.maximum(gap, 1.0))
    return History(history.x, history.t, history.t + silent)


@dataclass(frozen=True, slots=True)
class Worth:
    """What customers are worth in money, by the rhythm of their buying and what they spend; fitted
    once, told of any. `facts` is what it was told by."""

    buying: Buying | None
    spending: Spending | None
    mean: float  # of a purchase
    facts: dict[str, Any]

    @classmethod
    def of(
        cls, buying: Buying | None, history: History, mean: np.ndarray, spent: np.ndarray
    ) -> Worth:  # fmt: skip
        """`mean` (n,) is the money of a repeat purchase, 0 where there was none, `spent` (n,) of
        all of them. Where nothing cost anything, purchases are counted in the place of money."""
        usual = float(spent.sum() / (history.x + 1).sum()) if spent.any() else 1.0
        facts: dict[str, Any] = {"apart": btyd.apart(history.x, mean), "free": not spent.any()}
        if buying is not None:
            facts |= {"r": buying.r, "alpha": buying.alpha, "a": buying.a, "b": buying.b}
        try:
            spending = btyd.fit_spending(history.x, mean)
            facts |= {"p": spending.p, "q": spending.q, "v": spending.v}
        except btyd.TooLittle:
            spending = None
        return cls(buying, spending, usual, facts)

    def _each(self, history: History, mean: np.ndarray) -> np.ndarray:
        """What a purchase of each is expected to cost (n,)."""
        if self.spending is not None:
            return self.spending.expected(history.x, mean)
        return np.where(mean > 0, mean, self.mean)

    def ahead(self, history: History, mean: np.ndarray, days: float) -> np.ndarray:
        """Money expected within the days ahead (n,); NaN where rhythm tells nothing."""
        if self.buying is None:
            return np.full(len(history.x), np.nan)
        found: np.ndarray = self.buying.expected(history, days) * self._each(history, mean)
        return found

    def kept(self, history: History, mean: np.ndarray, days: float) -> np.ndarray:
        """Money of as many days by the rate they bought at until the last purchase (n,): what there
        is to lose. Without a rhythm, purchases over the time known."""
        if self.buying is None:
            rate = (history.x + 1) / np.maximum(history.seen, days)
        else:
            rate = (self.buying.r + history.x) / (self.buying.alpha + history.t)
        found: np.ndarray = rate * days * self._each(history, mean)
        return found
