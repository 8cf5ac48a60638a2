"""Planted drops and rises found in real daily series, beside a plain rule of three deviations.

python -m benchmarks.run anomalies

Real series: orders, customers, units and revenue of a gift shop by day, and its orders of two
groups of countries; purchases of CDNOW. Every series is walked day by day, judged by what was
known at the end of each day. Days on which a shop that is open on that day of the week sold nothing
(bank holidays, Christmas) are known to all rules: nobody judges them or learns from them. Every
other alarm where nothing was planted counts as false, although some may be real.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks import bench
from insights.alerts import daily
from insights.alerts.daily import Told

DATA = Path(bench.ROOT).parent / "shared/data"
START, APART, QUIET = (
    70,
    90,
    14,
)  # days: the first judged, between planted ones, one alarm in so many
PLANTED = ((0.3, 1), (0.5, 1), (2.0, 1), (3.0, 1), (0.65, 7), (1.5, 7))  # factor, days
SEEDS = 4
Span = tuple[int, int, str]  # first day, the day after the last, up or down
Rule = Callable[[np.ndarray, np.ndarray, set[int], Told, Told], str]


def series() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Values and counts by day of each series."""
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    with (DATA / "online_retail_ii/daily_sales_all_customers.csv").open() as file:
        rows = {date.fromisoformat(r["date"]): r for r in csv.DictReader(file)}
    days = _days(min(rows), max(rows))
    orders = np.array([float(rows[d]["orders"]) if d in rows else 0.0 for d in days])
    for name in ("orders", "customers", "units", "revenue"):
        line = np.array([max(0.0, float(rows[d][name])) if d in rows else 0.0 for d in days])
        found[name] = (line, orders)
    by: dict[str, dict[date, set[str]]] = {"home": defaultdict(set), "abroad": defaultdict(set)}
    with gzip.open(DATA / "online_retail_ii/transactions_1500_customers.csv.gz", "rt") as file:
        for r in csv.DictReader(file):
            where = "home" if r["country"] == "United Kingdom" else "abroad"
            by[where][datetime.fromisoformat(r["invoice_date"]).date()].add(r["invoice"])
    for where, own in by.items():
        line = np.array([float(len(own.get(d, ()))) for d in _days(min(own), max(own))])
        found[where] = (line, line)
    with gzip.open(DATA / "cdnow/cdnow_master.csv.gz", "rt") as file:
        bought = Counter(r["date"] for r in csv.DictReader(file))
    first, last = date(1997, 4, 1), date(1998, 6, 30)  # after the last customers came
    line = np.array([float(bought.get(d.isoformat(), 0)) for d in _days(first, last)])
    found["cdnow"] = (line, line)
    return found


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def closed(line: np.ndarray) -> set[int]:
    """Days without a sale on a day of the week that usually has some."""
    usual = [float(np.median(line[k::7])) for k in range(7)]
    return {k for k, value in enumerate(line) if value == 0 and usual[k % 7] > 0}


def ours(line: np.ndarray, counts: np.ndarray, shut: set[int], of: Told, of_counts: Told) -> str:
    found = daily.judged(line, counts, of, of_counts, shut)
    return found.moved if found is not None else ""


def plain(line: np.ndarray, counts: np.ndarray, shut: set[int], *_: object) -> str:
    """More than three standard deviations off the mean of the 28 days before."""
    n = len(line) - 1
    if n in shut:
        return ""
    before = line[[k for k in range(n - 28, n) if k not in shut]]
    spread = before.std(ddof=1)
    z = (line[-1] - before.mean()) / spread if spread else 0.0
    return "up" if z > 3 else "down" if z < -3 else ""


def weekday(line: np.ndarray, counts: np.ndarray, shut: set[int], *_: object) -> str:
    """The same against the eight same days of the week before."""
    n = len(line) - 1
    before = line[[k for k in range(n - 7, n - 57, -7) if k not in shut]]
    if n in shut or len(before) < 4:
        return ""
    spread = before.std(ddof=1)
    z = (line[-1] - before.mean()) / spread if spread else 0.0
    return "up" if z > 3 else "down" if z < -3 else ""


def alarms(rule: Rule, line: np.ndarray, counts: np.ndarray) -> list[tuple[int, str]]:
    """The days on which a rule speaks; of one direction once in a fortnight."""
    found: list[tuple[int, str]] = []
    last: dict[str, int] = {}
    shut = closed(line)
    of, of_counts = daily.told(line, shut), daily.told(counts, shut)  # by what came before
    for day in range(START, len(line)):
        moved = rule(line[: day + 1], counts[: day + 1], shut, of, of_counts)
        if moved and day - last.get(moved, -QUIET) >= QUIET:
            found.append((day, moved))
            last[moved] = day
    return found


def planted(
    line: np.ndarray, counts: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, list[Span]]:
    """The series with some spans multiplied, about one in a hundred days, and which."""
    rng = np.random.default_rng(seed)
    line, counts = line.copy(), counts.copy()
    spans: list[Span] = []
    day = START + int(rng.integers(0, APART))
    while day + 7 < len(line):
        factor, days = PLANTED[int(rng.integers(len(PLANTED)))]
        if counts[day : day + days].sum() >= daily.LEAST_COUNT * days:
            line[day : day + days] *= factor
            counts[day : day + days] = np.round(counts[day : day + days] * factor)
            spans.append((day, day + days, "up" if factor > 1 else "down"))
        day += APART + int(rng.integers(0, 30))
    return line, counts, spans


@dataclass
class Tally:
    """What a rule said: alarms where nothing was planted, and what it found of what was."""

    quiet: int = 0
    said: int = 0
    true: int = 0
    found: Counter[str] = field(default_factory=Counter)

    def walk(self, rule: Rule, line: np.ndarray, counts: np.ndarray, spans: list[Span]) -> None:
        own = alarms(rule, line, counts)
        self.said += len(own)
        self.true += sum(any(_meets(s, d, w) for s in spans) for d, w in own)
        self.found.update(_kind(s) for s in spans if any(_meets(s, d, w) for d, w in own))


def _meets(span: Span, day: int, way: str) -> bool:
    return span[0] <= day <= span[1] and way == span[2]


def _kind(span: Span) -> str:
    return f"{span[2]} for {span[1] - span[0]} days"


def main() -> None:
    rules = {"ours": ours, "three deviations": plain, "three of the weekday": weekday}
    tallies = {name: Tally() for name in rules}
    months, kinds = 0.0, Counter[str]()
    for name, (line, counts) in series().items():
        months += (len(line) - START) / 30.44
        for rule, judge in rules.items():
            tallies[rule].quiet += len(alarms(judge, line, counts))
        for seed in range(SEEDS):
            changed, changed_counts, spans = planted(line, counts, seed)
            kinds.update(_kind(s) for s in spans)
            for rule, judge in rules.items():
                tallies[rule].walk(judge, changed, changed_counts, spans)
        print(name, {rule: t.quiet for rule, t in tallies.items()}, flush=True)
    n = kinds.total()
    for rule, t in tallies.items():
        print(rule, {k: round(t.found[k] / kinds[k], 2) for k in sorted(kinds)}, flush=True)
    mine = tallies.pop("ours")
    rows = []
    for (name, of), key in zip(tallies.items(), ("", "_weekday"), strict=True):
        known = {"peer_name": f"{name}, of 28 days" if not key else f"{name}, of eight weeks"}
        rows += [
            bench.row(f"anomaly.recall{key}", mine.found.total() / n, "", n=n,
                      peer=round(of.found.total() / n, 4), **known),
            bench.row(f"anomaly.precision{key}", mine.true / mine.said, "", n=mine.said,
                      peer=round(of.true / of.said, 4), **known),
            bench.row(f"anomaly.false_a_month{key}", mine.quiet / months, "alarms",
                      n=round(months), peer=round(of.quiet / months, 4), **known),
            *(bench.row(f"anomaly.recall{key}_{kind.replace(' ', '_')}",
                        mine.found[kind] / kinds[kind], "", n=kinds[kind],
                        peer=round(of.found[kind] / kinds[kind], 4), **known)
              for kind in sorted(kinds)),
        ]  # fmt: skip
    bench.write("anomalies", rows, command="python -m benchmarks.run anomalies")
