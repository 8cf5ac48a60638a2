"""Files of history: `day,value` or `day,key,value`. Pure.

A line that cannot be believed refuses the file, with every mistake; a day that stands twice is one
of them, since nobody can say whether both count.
"""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

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
    text = iter(lines)
    first = next(text, "")
    mark = max(",;\t", key=first.count)
    seen: set[tuple[str, date]] = set()
    try:
        for row in _rows(csv.reader(itertools.chain([first], text), delimiter=mark), mark):
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
    for number, cells in enumerate(rows, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(head):
            yield Refused(number, word("row"), say("%(n)s cells where the head has %(head)s.",
                                                   n=len(cells), head=len(head)))  # fmt: skip
            continue
        key = cells[at["key"]].strip()[:100] if at["key"] is not None else ""
        yield _row(number, key, cells[at["day"]], cells[at["value"]], mark)


def _row(number: int, key: str, day: str, cell: str, mark: str) -> tuple[int, Row] | Refused:
    when = _day(day)
    if when is None:
        return Refused(number, word("day"), say("“%(value)s” is no day; write 2026-03-31.",
                                                value=day[:40]))  # fmt: skip
    cell = cell.strip()
    if mark != "," and "," in cell:
        cell = cell.replace(".", "").replace(",", ".")
    if any(sign in cell for sign in "€$£¥%") or re.fullmatch(r"[\d.]+\s*[A-Za-z]{3}", cell):
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


def _day(cell: str) -> date | None:
    for known in ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%Y-%m"):
        try:
            found = datetime.strptime(cell.strip()[:10], known).date()  # noqa: DTZ007 - a day
        except ValueError:
            continue
        return found if 1990 <= found.year <= 2100 else None
    return None
