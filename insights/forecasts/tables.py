"""Files of history: `day,value` or `day,key,value`. Pure.

A line that cannot be believed refuses the file, with every mistake; a day that stands twice is one
of them, since nobody can say whether both count.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from attune.kernel import cells
from attune.kernel.phrases import Phrase, known_words, say, word

DAYS = ("day", "date", "week", "month")
VALUES = ("value", "revenue", "orders", "sales", "units", "visits", "y")
KEYS = ("key", "segment", "category", "channel", "product", "unique_id")
MOST = 1e12
known_words("day", "value", "row")


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    day: date
    value: float


@dataclass(frozen=True, slots=True)
class Refused:
    line: int
    field: str
    reason: Phrase


def read(lines: Iterable[str]) -> Iterator[Row | Refused]:
    """Every row, or what is wrong with it."""
    seen: set[tuple[str, date]] = set()
    try:
        for row in _rows(*cells.rows_of(lines)):
            if isinstance(row, tuple):
                number, told = row
                if (told.key, told.day) in seen:
                    yield Refused(number, word("day"), say("%(day)s stands twice: keep one.",
                                                           day=told.day.isoformat()))  # fmt: skip
                    continue
                seen.add((told.key, told.day))
                yield told
            else:
                yield row
    except csv.Error:
        yield Refused(1, word("row"), say("A quote is not closed, or a cell is longer than any "
                                          "amount: nothing was read."))  # fmt: skip


def _rows(rows: Iterator[list[str]], mark: str) -> Iterator[tuple[int, Row] | Refused]:
    head = [name.strip().lstrip("\ufeff").lower() for name in next(rows, [])]
    at = {kind: next((i for i, name in enumerate(head) if name in names), None)
          for kind, names in (("day", DAYS), ("value", VALUES), ("key", KEYS))}  # fmt: skip
    if at["day"] is None or at["value"] is None:
        yield Refused(1, word("day"), say("The first line names the columns: “day” and “value”, "
                                          "and “key” where there are parts."))  # fmt: skip
        return
    for number, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(head):
            yield Refused(number, word("row"), say("%(n)s cells where the head has %(head)s.",
                                                   n=len(row), head=len(head)))  # fmt: skip
            continue
        key = row[at["key"]].strip()[:100] if at["key"] is not None else ""
        yield _row(number, key, row[at["day"]], row[at["value"]], mark)


def _row(number: int, key: str, day: str, cell: str, mark: str) -> tuple[int, Row] | Refused:
    when = cells.day(day, (*cells.DAYS, "%Y-%m"))
    if when is None:
        return Refused(number, word("day"), say("“%(value)s” is no day; write 2026-03-31.",
                                                value=day[:40]))  # fmt: skip
    cell = cells.point(cell, mark).strip()
    if any(sign in cell for sign in "€$£¥%") or re.fullmatch(r"[\d.,]+\s*[A-Za-z]{3}", cell):
        return Refused(number, word("value"), say(
            "“%(value)s” has a currency: write numbers of one currency alone.", value=cell[:40]
        ))  # fmt: skip
    try:
        value = float(cell) if "_" not in cell else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > MOST:
        return Refused(number, word("value"), say("“%(value)s” is no number; write 1234.50.",
                                                  value=cell[:40]))  # fmt: skip
    return number, Row(key, when, value)
