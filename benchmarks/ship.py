"""How often "ship" is said where there is nothing, by somebody who looks thirty times; and how often
where there is something, beside a test with one look at the end.

    python -m benchmarks.run ship

Each experiment has 500 to 5,000 people in two arms. Null ones have no effect on a rate (1 to 30 %) or
on money (a tenth spend, lognormal). Others have the effect that a z-test of 5 % finds with 80 % power
at the end.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from benchmarks import bench
from campaigns.experiments import advice, statistics
from campaigns.experiments.statistics import Moments

NULLS, EFFECTS, LOOKS = 2_000, 1_000, 30
FOUND = float(stats.norm.isf(0.025) + stats.norm.isf(0.2))  # standard errors of 80 % power


def people(rng: np.random.Generator, n: int, rate: bool, base: float, more: float) -> np.ndarray:
    """What each person of an arm brought (n,)."""
    if rate:
        return (rng.random(n) < base + more).astype(float)
    return (rng.random(n) < 0.1) * rng.lognormal(3.0, 0.8, n) + more


def drawn(rng: np.random.Generator, effect: bool) -> tuple[np.ndarray, np.ndarray, bool]:
    n = int(rng.integers(250, 2_501))
    rate = bool(rng.random() < 0.7)
    base = float(rng.uniform(0.01, 0.3))
    more = 0.0
    if effect:
        spread = base * (1 - base) if rate else float(people(rng, 20_000, False, base, 0).var())
        more = FOUND * float(np.sqrt(2 * spread / n))
    return people(rng, n, rate, base, 0.0), people(rng, n, rate, base, more), rate


def moments(values: np.ndarray, rate: bool) -> Moments:
    events = None if rate else int((values != 0).sum())
    return Moments(len(values), float(values.sum()), float((values**2).sum()), events)


def shipped(control: np.ndarray, treated: np.ndarray, rate: bool, looks: np.ndarray) -> str:
    """What is said first that is not "wait", looking again and again."""
    for n in looks:
        c, t = moments(control[:n], rate), moments(treated[:n], rate)
        effect = statistics.effect({1: c}, {1: t})
        told = advice.recommend(
            [advice.Reading("b", "B", effect, (), t.n, t.total if rate else float(t.events or 0),
                            c.n, c.total if rate else float(c.events or 0))],
            control_name="A", srm=None, needed=None, per_day=0.0, rate=rate,
        )  # fmt: skip
        if told.kind != "not_yet":
            return told.kind
    return "not_yet"


def fixed(control: np.ndarray, treated: np.ndarray) -> bool:
    """One z-test at the end, for more."""
    error = np.sqrt(control.var(ddof=1) / len(control) + treated.var(ddof=1) / len(treated))
    return bool(error and (treated.mean() - control.mean()) / error > stats.norm.isf(0.025))


def main() -> None:
    rng = np.random.default_rng(0)
    wrong = peeked = 0
    for _ in range(NULLS):
        control, treated, rate = drawn(rng, effect=False)
        looks = np.unique(np.linspace(len(control) / LOOKS, len(control), LOOKS).astype(int))
        wrong += shipped(control, treated, rate, looks) == "ship"
        peeked += any(fixed(control[:n], treated[:n]) for n in looks if n > 20)
    power = at_once = 0
    for _ in range(EFFECTS):
        control, treated, rate = drawn(rng, effect=True)
        looks = np.unique(np.linspace(len(control) / LOOKS, len(control), LOOKS).astype(int))
        power += shipped(control, treated, rate, looks) == "ship"
        at_once += fixed(control, treated)
    share = wrong / NULLS
    wide = 1.96 * (share * (1 - share) / NULLS) ** 0.5
    bench.write("ship", [
        bench.row("ship.type1_error", share, f"of null experiments, {LOOKS} looks", n=NULLS,
                  goal="<= 0.05", interval=[round(max(0, share - wide), 4), round(share + wide, 4)],
                  peer=peeked / NULLS, peer_name="a z-test at every look, one-sided 2.5 %"),
        bench.row("ship.power", power / EFFECTS, "of experiments with an effect", n=EFFECTS,
                  peer=at_once / EFFECTS, peer_name="one z-test at the end"),
        bench.row("ship.power_ratio", power / max(1, at_once), "of the power of one look at the end",
                  n=EFFECTS),
    ], command="python -m benchmarks.run ship")  # fmt: skip
