"""Spend files: what was spent where, day by day. Pure.

day,channel,spend            a row a day and channel
day,revenue,Search,Radio     a column a channel; revenue, outcome, orders or value is the outcome
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from attune.kernel import cells
from attune.kernel.phrases import Phrase, known_words, say, word

known_words("day", "row", "channel")  # columns, as people read them

DAYS = ("day", "date", "week", "week_start", "datum")
OUTCOMES = ("outcome", "revenue", "value", "sales", "orders")
MOST_CHANNELS, MOST = 12, 1e12


@dataclass(frozen=True, slots=True)
class Spent:
    """Money of a channel on a day, in units of the currency; `channel` is empty of an outcome."""

    line: int
    day: date
    channel: str
    amount: float


@dataclass(frozen=True, slots=True)
class Refused:
    line: int
    field: str | Phrase
    reason: Phrase


def read(lines: Iterable[str]) -> Iterator[Spent | Refused]:
    """Every cell of a file that can be believed, and why the others cannot. Cells are separated by
    commas, semicolons or tabs; with semicolons a comma may be the decimal point."""
    try:
        yield from _read(*cells.rows_of(lines))
    except csv.Error:
        yield Refused(1, word("row"), say("A quote is not closed, or a cell is longer than any "
                                          "amount: nothing was read."))  # fmt: skip


def _read(rows: Iterator[list[str]], mark: str) -> Iterator[Spent | Refused]:
    head = [name.strip().lstrip("\ufeff") for name in next(rows, [])]
    low = [name.lower() for name in head]
    wrong = _wrong_head(head, low)
    if wrong is not None:
        yield wrong
        return
    at = next(i for i, name in enumerate(low) if name in DAYS)
    long = "channel" in low and "spend" in low
    for number, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(head):
            told = say("%(n)s cells where the head has %(head)s.", n=len(row), head=len(head))
            yield Refused(number, word("row"), told)
            continue
        day = cells.day(row[at])
        if day is None:
            yield Refused(number, head[at], say("“%(value)s” is no day; write 2026-03-31.",
                                                value=row[at][:40]))  # fmt: skip
            continue
        if long:
            name = row[low.index("channel")].strip()[:60]
            yield _cell(
                number, day, name, "spend", cells.point(row[low.index("spend")], mark), name
            )
            continue
        for i, cell in enumerate(row):
            if i != at and cell.strip():
                channel = "" if low[i] in OUTCOMES else head[i][:60]
                yield _cell(number, day, channel, head[i], cells.point(cell, mark), head[i])


def _wrong_head(head: list[str], low: list[str]) -> Refused | None:
    """What is wrong with the names of the columns."""
    if not set(low) & set(DAYS):
        told = say("The first line names the columns; one of them is “day”.")
        return Refused(1, word("day"), told)
    twice = sorted({name for name in head if name and head.count(name) > 1})
    if twice:
        return Refused(1, twice[0], say("Two columns are called %(name)s.", name=twice[0]))
    outcomes = [head[i] for i, name in enumerate(low) if name in OUTCOMES]
    if len(outcomes) > 1:
        told = say("Two columns say the outcome, %(names)s: keep the one that this budget is "
                   "about.", names=", ".join(outcomes))  # fmt: skip
        return Refused(1, outcomes[1], told)
    if outcomes and "channel" in low and "spend" in low:
        told = say("In a file with a row a channel the outcome has no place: bring it in as a file "
                   "of day and %(name)s.", name=outcomes[0])  # fmt: skip
        return Refused(1, outcomes[0], told)
    return None


def _cell(
    line: int, day: date, channel: str, field: str, cell: str, name: str
) -> Spent | Refused:  # fmt: skip
    if not name:
        return Refused(line, word("channel"), say("The channel has no name."))
    try:
        amount = float(cell.replace(" ", "").replace("\u00a0", ""))
    except ValueError:
        return Refused(line, field, say("“%(value)s” is no number; write 1234.50.",
                                        value=cell[:40]))  # fmt: skip
    if not math.isfinite(amount) or not 0 <= amount <= MOST or not cell.isascii() or "_" in cell:
        return Refused(
            line, field, say("Must be an amount from 0 to %(most)s.", most=f"{MOST:,.0f}")
        )
    return Spent(line, day, channel, amount)
