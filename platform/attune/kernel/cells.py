"""Small files of numbers and days, as other programs write them: to text, to rows, to values. Pure
but for reading the open file."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from django.core.files.uploadedfile import UploadedFile

from attune.kernel.errors import Invalid
from attune.kernel.phrases import say

LARGEST = 20_000_000
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
FIRST_YEAR, LAST_YEAR = 1990, 2100
DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d")  # 01/05/2026 is two days
DECIMAL = re.compile(r"\s*-?[\d.]*,\d+\s*")


def text_of(file: UploadedFile) -> str:
    """What an uploaded file says. Raises Invalid, naming `file`, where it is no text."""
    if not file.size:
        raise Invalid.one("file", say("The file is empty."))
    if file.size > LARGEST:
        raise Invalid.one("file", say("The file is larger than %(most)s MB; split it.",
                                      most=LARGEST // 1_000_000))  # fmt: skip
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        told = say("The file is no UTF-8 text. Save it as CSV (UTF-8), not as a workbook.")
        raise Invalid.one("file", told) from wrong
    if "\x00" in text:
        raise Invalid.one("file", say("The file holds binary data; save it as CSV (UTF-8)."))
    return text


def rows_of(lines: Iterable[str]) -> tuple[Iterator[list[str]], str]:
    """Rows and what separates their cells: commas, semicolons or tabs, by the first line."""
    text = iter(lines)
    first = next(text, "")
    mark = max(",;\t", key=first.count)
    return csv.reader(itertools.chain([first], text), delimiter=mark), mark


def point(cell: str, mark: str) -> str:
    """1.234,50 as 1234.50, where commas do not separate cells."""
    if mark != "," and DECIMAL.fullmatch(cell):
        return cell.replace(".", "").replace(",", ".")
    return cell


def day(cell: str, forms: Sequence[str] = DAYS) -> date | None:
    """A day that is written in one of the forms, between 1990 and 2100; None of others."""
    for known in forms:
        try:
            found = datetime.strptime(cell.strip()[:10], known).date()  # noqa: DTZ007 - a day
        except ValueError:
            continue
        return found if FIRST_YEAR <= found.year <= LAST_YEAR else None
    return None


def is_number(cell: str) -> bool:
    """Whether a cell that begins with a sign is a number, or a telephone number."""
    digits = cell[1:].replace(" ", "").replace("-", "").replace(".", "").replace(",", "")
    return cell[0] in "+-" and digits.isdigit()


def guard_formula(cell: Any) -> str:
    """A cell for a CSV that leaves us: a formula is shown, not run (OWASP CSV injection)."""
    text = "" if cell is None else str(cell)
    risky = text.lstrip().startswith(FORMULA) or text.startswith(FORMULA)
    return "'" + text if risky and not is_number(text) else text
