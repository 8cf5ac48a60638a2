"""How people come to do something: what they did one after another, where they stopped, how long it
took, and through which channels they came. Pure: people are added one by one, and only sums stay.

What a person did is cut at each time they did the goal; from there a new way begins. A way that
ends without the goal counts as stopped. The flow shows the first steps of the first way of each
person, what repeats the step before left out. Stages are the longest chain that at least half of
those who reached the goal went through in this order, found greedily. A visit without a known
channel ("direct") gets credit only where no other visit of the way has one.
"""

from __future__ import annotations

import itertools
import statistics
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from insights.journeys.attribution import Ledger, Path, collapsed

DEPTH, SHOWN, STAGES, STAGE_SHARE = 6, 8, 6, 0.5
MOST_PATHS, MOST_TIMES, MOST_WAYS, PATHS_KEPT = 20, 20_000, 1_000, 20_000
VISIT_GAP = 1_800.0  # seconds without an event after which a visit ends
OTHER, GOAL, LEFT, DIRECT = "*", "+", "-", "direct"


@dataclass(frozen=True, slots=True)
class Step:
    """Something a person did: when (seconds), what, through which channel where that is known, and
    what it was worth."""

    at: float
    name: str
    channel: str = ""
    value: float = 0.0


@dataclass(slots=True)
class Times:
    """Durations of which a median is wanted; past MOST_TIMES every other one is kept."""

    kept: list[float] = field(default_factory=list)
    every: int = 1
    seen: int = 0

    def add(self, seconds: float) -> None:
        self.seen += 1
        if self.seen % self.every == 0:
            self.kept.append(seconds)
        if len(self.kept) > MOST_TIMES:
            self.kept, self.every = self.kept[::2], self.every * 2

    @property
    def median(self) -> float | None:
        return statistics.median(self.kept) if self.kept else None


def ways(steps: Sequence[Step], goal: str) -> list[list[Step]]:
    """A person's steps, cut after each time they did the goal."""
    found: list[list[Step]] = [[]]
    for step in steps:
        found[-1].append(step)
        if step.name == goal:
            found.append([])
    return found if found[-1] else found[:-1]


def visits(way: Sequence[Step]) -> list[tuple[str, float]]:
    """(channel, when) of each visit of a way: the first known channel in it, else direct."""
    found: list[tuple[str, float]] = []
    last = float("-inf")
    for step in way:
        if step.at - last > VISIT_GAP or (step.channel and step.channel != found[-1][0]):
            if found and step.at - last <= VISIT_GAP and found[-1][0] == DIRECT:
                found[-1] = (step.channel, found[-1][1])
            else:
                found.append((step.channel or DIRECT, step.at))
        last = step.at
    return found


def _holds(way: Sequence[str], chain: Sequence[str]) -> bool:
    """Are all names of the chain in the way, in this order?"""
    rest = iter(way)
    return all(name in rest for name in chain)


class Mine:
    """The first pass: flow, paths, attribution, and what could be a stage."""

    def __init__(
        self, goal: str, lookback_days: float = 30, names: Iterable[str] | None = None
    ) -> None:
        """`names` are those that are told apart, all others are one; None: all are."""
        self.goal, self.lookback = goal, lookback_days * 86_400
        self.apart = None if names is None else {*names, goal, GOAL, LEFT}
        self.people = self.reached = 0
        self.names: Counter[str] = Counter()
        self.flow: Counter[tuple[int, str, str]] = Counter()
        self.flow_times: defaultdict[tuple[int, str, str], Times] = defaultdict(Times)
        self.before: Counter[str] = Counter()
        self.ways: list[tuple[str, ...]] = []
        self.paths: dict[tuple[str, ...], list[float]] = {}
        self.path_times: defaultdict[tuple[str, ...], Times] = defaultdict(Times)
        self.until_goal = Times()
        self.ledger = Ledger()

    def add(self, steps: Sequence[Step]) -> None:
        """One person's steps in order of time."""
        if not steps:
            return
        self.people += 1
        found = ways(steps, self.goal)
        self._flow(found[0])
        if found[0][-1].name == self.goal:
            self.reached += 1
            self.until_goal.add(found[0][-1].at - found[0][0].at)
            order = tuple(dict.fromkeys(
                s.name for s in found[0][:-1] if self._known(s.name) != OTHER
            ))  # fmt: skip
            self.before.update(order)
            if len(self.ways) < MOST_WAYS:
                self.ways.append(order)
        for way in found:
            self._path(way)

    def _flow(self, way: Sequence[Step]) -> None:
        walk: list[Step] = []
        for step in way:
            if not walk or walk[-1].name != step.name:
                walk.append(step)
        self.names.update({self._known(s.name) for s in walk} - {OTHER})
        for depth, (one, other) in enumerate(itertools.pairwise(walk)):
            target = GOAL if other.name == self.goal else other.name
            key = (depth, self._known(one.name), self._known(target))
            self.flow[key] += 1
            self.flow_times[key].add(other.at - one.at)
        if len(walk) <= DEPTH and walk[-1].name != self.goal:
            self.flow[len(walk) - 1, self._known(walk[-1].name), LEFT] += 1

    def _known(self, name: str) -> str:
        """Names without end are one."""
        return name if self.apart is None or name in self.apart else OTHER

    def _path(self, way: Sequence[Step]) -> None:
        converted = way[-1].name == self.goal
        end = way[-1].at
        near = [(c, at) for c, at in visits(way) if end - at <= self.lookback]
        near = [(c, at) for c, at in near if c != DIRECT] or near
        if not near:
            return
        self.ledger.add(Path(
            tuple(c for c, _ in near), tuple((end - at) / 86_400 for _, at in near), converted,
            way[-1].value,
        ))  # fmt: skip
        short = tuple(collapsed(c for c, _ in near)[-DEPTH:])
        sums = self.paths.setdefault(short, [0, 0, 0.0])
        sums[0] += 1
        if converted:
            sums[1] += 1
            sums[2] += way[-1].value
            self.path_times[short].add(end - near[0][1])
        if len(self.paths) > 2 * PATHS_KEPT:
            self._forget_rare()

    def _forget_rare(self) -> None:
        """Paths without end are not kept: the rarer half goes (lossy counting)."""
        for path in self._best_paths()[PATHS_KEPT:]:
            del self.paths[path]
            self.path_times.pop(path, None)

    def _best_paths(self) -> list[tuple[str, ...]]:
        return sorted(self.paths, key=lambda p: (-self.paths[p][1], -self.paths[p][0], p))

    def stages(self) -> list[str]:
        """The chain that most of those who reached the goal went through, in order."""
        chain: list[str] = []
        names = [name for name, _ in self.before.most_common(3 * STAGES)]
        while len(chain) < STAGES:
            longer = [
                [*chain[:at], name, *chain[at:]]
                for name in names if name not in chain for at in range(len(chain) + 1)
            ]  # fmt: skip
            counts = [sum(_holds(way, one) for way in self.ways) for one in longer]
            best = max(counts, default=0)
            if best < max(1.0, STAGE_SHARE * len(self.ways)):
                break
            chain = longer[counts.index(best)]
        return chain

    def sankey(self) -> dict[str, Any]:
        """{links [(column, from, to, n, median seconds)]}; the names beyond the most frequent are
        one."""
        shown = {n for n, _ in self.names.most_common(SHOWN)} | {GOAL, LEFT}
        sums: Counter[tuple[int, str, str]] = Counter()
        times: defaultdict[tuple[int, str, str], list[float]] = defaultdict(list)
        for (column, one, other), n in self.flow.items():
            key = (
                column,
                one if one in shown else OTHER,
                other if other in shown else OTHER,
            )
            sums[key] += n
            times[key] += self.flow_times[column, one, other].kept
        links = [
            [column, one, other, n,
             statistics.median(times[column, one, other]) if times[column, one, other] else None]
            for (column, one, other), n in sorted(sums.items(), key=lambda kv: (kv[0][0], -kv[1]))
        ]  # fmt: skip
        return {"links": links}

    def top_paths(self) -> list[dict[str, Any]]:
        """The decision paths that led to most goals: channels, people, how many reached it, what it
        was worth, and the median time."""
        best = [(path, self.paths[path]) for path in self._best_paths()]
        return [
            {"channels": list(path), "n": int(n), "reached": int(reached), "value": round(value, 2),
             "seconds": self.path_times[path].median}
            for path, (n, reached, value) in best[:MOST_PATHS]
        ]  # fmt: skip


class Funnel:
    """The second pass: who came how far through the stages, each after the one before."""

    def __init__(self, stages: Sequence[str], goal: str, most_people: int = 20_000) -> None:
        self.stages, self.goal, self.most = [*stages, goal], goal, most_people
        self.came = [0] * len(self.stages)
        self.times = [Times() for _ in self.stages]
        self.stopped: list[list[uuid.UUID]] = [[] for _ in self.stages]

    def add(self, who: uuid.UUID, steps: Sequence[Step]) -> None:
        far, at = -1, 0.0
        for step in steps:
            if step.name == self.stages[far + 1]:
                if far >= 0:
                    self.times[far + 1].add(step.at - at)
                far, at = far + 1, step.at
                self.came[far] += 1
                if far == len(self.stages) - 1:
                    break
        if far >= 0 and len(self.stopped[far]) < self.most:
            self.stopped[far].append(who)

    def rows(self) -> list[dict[str, Any]]:
        """Of every stage: how many came, how many of those went no further, and the median seconds
        from the stage before."""
        rows = []
        for i, name in enumerate(self.stages):
            on = self.came[i + 1] if i + 1 < len(self.stages) else self.came[i]
            rows.append({"name": name, "came": self.came[i], "stopped": self.came[i] - on,
                         "seconds": self.times[i].median})  # fmt: skip
        return rows
