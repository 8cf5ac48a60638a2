"""Files to rows, and rows of customers to events: pure except for reading the open file."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from typing import Any, BinaryIO

import openpyxl
import orjson
from django.core.files.uploadedfile import UploadedFile

from attune.kernel import limits
from attune.kernel.cells import FORMULA, is_number
from attune.kernel.errors import Invalid
from attune.kernel.phrases import Phrase, say
from attune.kernel.storable import unstorable

SIGNS = "".join(FORMULA) + " \u3000"
ADDRESS = re.compile(r"[^\s@<>(),;:\"]+@[^\s@<>(),;:\"]+\.[^\s@<>(),;:\".]{2,}$")
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?")
TARGETS = ("userId", "anonymousId", "email", "name", "phone", "locale", "timezone")
GUESSES = {
    "userid": "userId", "user_id": "userId", "id": "userId", "customer_id": "userId",
    "external_id": "userId", "e-mail": "email", "email": "email", "mail": "email",
    "name": "name", "full_name": "name", "phone": "phone", "mobile": "phone",
    "locale": "locale", "language": "locale", "timezone": "timezone", "time_zone": "timezone",
}  # fmt: skip


FORMATS = {"csv": "csv", "txt": "csv", "tsv": "csv", "jsonl": "jsonl", "ndjson": "jsonl",
           "xlsx": "xlsx"}  # fmt: skip
UNPACKED_BYTES = 50_000_000  # of a workbook, which is a packed folder
MOST_STRINGS, MOST_COLUMNS = 200_000, 300
MOST_SHEET_ROWS = 1_048_576  # what Excel itself can hold; a made-up file may claim more


@dataclass(frozen=True, slots=True)
class Row:
    """One data row: its line in the file (the first line is 1) and its cells by column."""

    line: int
    cells: dict[str, Any]
    problem: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """What the first rows of a file tell: its format, its columns, some cells of each."""

    format: str
    columns: list[str]
    sample: list[list[str]]


def look(file: UploadedFile) -> Head:
    """Read the head of an uploaded file. Raises Invalid for what cannot be a table, with the
    reason."""
    format_ = FORMATS.get((file.name or "").rsplit(".", 1)[-1].lower())
    if format_ is None:
        raise Invalid.one(
            "file", say("Only .csv, .tsv, .jsonl and .xlsx files are taken."), say("Export as CSV.")
        )
    if (file.size or 0) > limits.IMPORT_BYTES:
        raise Invalid.one("file", say("The file is larger than 200 MB."), say("Split it."))
    if format_ != "xlsx" and _binary(file.read(65_536)):
        raise Invalid.one("file", say("The file holds no text."), say("Export as CSV."))
    file.seek(0)
    head: BinaryIO = file if format_ == "xlsx" else io.BytesIO(file.read(1_000_000))  # type: ignore[assignment]
    sample = list(islice(rows(head, format=format_), 6))
    file.seek(0)
    good = [row for row in sample if not row.problem]
    wide = max((len(row.cells) for row in good), default=0)
    if wide > MOST_COLUMNS:
        told = say("It has %(n)s columns; at most %(most)s are taken.", n=wide, most=MOST_COLUMNS)
        raise Invalid.one("file", told, say("Keep those that you need."))
    if not good:
        reason = sample[0].problem if sample else say("It has no rows under its header.")
        raise Invalid.one("file", say("No row of the file can be read. %(reason)s", reason=reason))
    columns = list(dict.fromkeys(name for row in good for name in row.cells))
    cells = [[str(r.cells.get(c, ""))[:200] for c in columns] for r in good[:5]]
    return Head(format_, columns, cells)


def detect_encoding(sample: bytes) -> str:
    """UTF-8 (with or without mark), UTF-16 with mark, GB 18030, or Windows-1252, in this order.

    Nearly any bytes can be read as GB 18030; Chinese is what has both bytes of its pairs in the
    range of the common characters (GB 2312), where an umlaut is followed by a plain letter."""
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        sample[: len(sample) - 4 if len(sample) > 64 else None].decode("utf-8")
        return "utf-8-sig"
    except UnicodeDecodeError:
        high = sum(len(run) for run in HIGH.findall(sample))
        pairs = 2 * sum(len(run) // 2 for run in PAIRED.findall(sample))
        return "gb18030" if high and pairs > 0.9 * high else "cp1252"


HIGH = re.compile(rb"[\x80-\xff]+")
PAIRED = re.compile(rb"(?:[\xa1-\xf7][\xa1-\xfe])+")


def rows(file: BinaryIO, *, format: str) -> Iterator[Row]:
    """Every row of the file; a broken one carries its problem and does not stop the rest."""
    if format == "jsonl":
        yield from _jsonl(file)
        return
    if format == "xlsx":
        yield from _excel(file)
        return
    sample = file.read(65536)
    file.seek(0)
    encoding = detect_encoding(sample)
    text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
    head = sample.decode(encoding, "replace").splitlines()[:1] or [""]
    delimiter = max(",;\t|", key=head[0].count)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        columns = _named(next(reader))
    except (StopIteration, csv.Error):
        return
    yield from _csv(reader, columns)


def _excel(file: BinaryIO) -> Iterator[Row]:
    """The rows of a workbook's first sheet, one at a time."""
    try:
        with zipfile.ZipFile(file) as packed:
            large = sum(part.file_size for part in packed.infolist()) > UNPACKED_BYTES
            if large or _strings(packed) > MOST_STRINGS:
                yield Row(1, {}, say("Unpacked, the workbook is too large; save it as CSV."))
                return
        file.seek(0)
        sheet = openpyxl.load_workbook(file, read_only=True, data_only=True).worksheets[0]
        lines = sheet.iter_rows(values_only=True)
        columns = _named([_shown(cell) for cell in next(lines, ())])
    except BROKEN_WORKBOOK as wrong:
        yield Row(1, {}, say("The file is no Excel workbook: %(why)s.", why=wrong))
        return
    for line in itertools.count(2):
        if line > MOST_SHEET_ROWS:
            yield Row(
                line, {}, say("A sheet has at most 1,048,576 rows; what follows is not read.")
            )
            return
        try:
            cells = next(lines, None)
        except BROKEN_WORKBOOK as wrong:
            yield Row(line, {}, say("From here on the workbook is broken: %(why)s.", why=wrong))
            return
        if cells is None:
            return
        shown = [clean(_shown(cell)) for cell in cells[: len(columns)]]
        if any(shown):
            yield Row(line, dict(zip(columns, shown, strict=False)), raw=",".join(shown)[:2000])


def _strings(packed: zipfile.ZipFile) -> int:
    """How many texts a workbook keeps apart from its cells: all of them are read at once."""
    many = 0
    for name in packed.namelist():
        if name.endswith("sharedStrings.xml"):
            with packed.open(name) as file:
                while block := file.read(1 << 20):
                    many += block.count(b"<si")
    return many


def _binary(head: bytes) -> bool:
    """Whether a file that should be text is none. UTF-16 has a mark and many zeros."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    odd = sum(head.count(bytes([n])) for n in range(32) if n not in {9, 10, 13, 27})
    return odd > max(32, 0.02 * len(head))


BROKEN_WORKBOOK = (
    zipfile.BadZipFile, KeyError, ValueError, OSError, IndexError, TypeError, SyntaxError,
    AttributeError,
)  # fmt: skip


def _shown(cell: Any) -> str:
    """A cell of a workbook as text: whole numbers without a point, dates as ISO 8601."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, datetime | date | time) else str(cell)


def _named(header: list[str]) -> list[str]:
    """The columns' names, each once: a second `plan` is `plan (2)`, a nameless one `column 3`."""
    seen: dict[str, int] = {}  # how often a name was given so far
    taken: set[str] = set()
    names = []
    for place, cell in enumerate(header, start=1):
        name = base = clean(cell) or f"column {place}"
        while name in taken:
            seen[base] = seen.get(base, 1) + 1
            name = f"{base} ({seen[base]})"
        taken.add(name)
        names.append(name)
    return names


def _csv(reader: Any, columns: list[str]) -> Iterator[Row]:
    while True:
        first = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as wrong:
            yield Row(reader.line_num, {}, _unreadable(first, reader.line_num, wrong))
            continue
        if not cells:
            continue
        line = reader.line_num
        raw = ",".join(cells)[:2000]
        if len(cells) != len(columns):
            yield Row(line, {}, _uneven(len(cells), len(columns)), raw)
        elif any("�" in cell or "\x00" in cell for cell in cells):
            yield Row(
                line, {}, say("The row holds bytes that are not text; save the file as UTF-8."),
                raw.replace("\x00", "�"),
            )  # fmt: skip
        else:
            pairs = zip(columns, cells, strict=True)
            yield Row(line, {name: clean(cell) for name, cell in pairs}, raw=raw)


def _unreadable(first: int, last: int, why: csv.Error) -> Phrase:
    """Which lines the reader swallowed, as it does from a quote that is not closed."""
    if last <= first:
        return say(
            "Line %(line)s was not taken, it cannot be read as CSV: %(why)s. Look at the quotes.",
            line=str(last), why=why,
        )  # fmt: skip
    return say(
        "Lines %(first)s to %(last)s were not taken, they cannot be read as CSV: %(why)s. "
        "Look at the quotes.",
        first=str(first), last=str(last), why=why,
    )  # fmt: skip


def _uneven(cells: int, columns: int) -> Phrase:
    return say(
        "The row has %(cells)s cells, the header has %(columns)s.", cells=cells, columns=columns
    )


def _jsonl(file: BinaryIO) -> Iterator[Row]:
    for line, raw in enumerate(file, start=1):
        if not raw.strip():
            continue
        shown = raw.decode("utf-8", "replace").strip()[:2000].replace("\x00", "�")
        try:
            value = orjson.loads(raw)
        except ValueError as wrong:
            yield Row(line, {}, say("The line is not valid JSON: %(why)s.", why=wrong), shown)
            continue
        if not isinstance(value, dict):
            yield Row(line, {}, say("The line is not a JSON object."), shown)
            continue
        if problem := unstorable(value):
            yield Row(line, {}, problem, shown)
            continue
        flat = {k: clean(v) if isinstance(v, str) else v for k, v in value.items()}
        yield Row(line, flat, raw=shown)


def clean(cell: str) -> str:
    """A cell without the quote that spreadsheets put before formulas, and without the formula's
    power: a leading = + - @ of a text that is no number loses it."""
    cell = cell.replace("\x00", "").strip().removeprefix("\ufeff")
    if cell.startswith("'") and cell[1:2] in FORMULA:
        cell = cell[1:]
    bare = cell.lstrip(SIGNS)
    if bare == cell:
        return cell
    signed = cell[: len(cell) - len(bare)].rstrip()[-1:] + bare  # a number keeps its last sign
    return signed if signed[0] in "+-" and is_number(signed) else bare


def guess_mapping(columns: list[str]) -> dict[str, str]:
    """What each column probably is: an identity, a known trait, or `trait:<column>`."""
    mapping: dict[str, str] = {}
    for column in columns:
        target = GUESSES.get(column.strip().lower().replace(" ", "_"), f"trait:{column}")
        mapping[column] = f"trait:{column}" if target in mapping.values() else target
    if "userId" not in mapping.values() and "email" in mapping.values():
        column = next(c for c, t in mapping.items() if t == "email")
        mapping[column] = "userId+email"
    return mapping


def typed(cell: Any) -> Any:
    """A cell as a number or truth value where it clearly is one; leading zeros, telephone numbers
    (+49…) and codes such as 2024_01 or 1E5 stay text."""
    if not isinstance(cell, str):
        return cell
    low = cell.lower()
    if low in {"true", "false"}:
        return low == "true"
    if NUMBER.fullmatch(cell) is None:
        return cell
    return float(cell) if "." in cell else int(cell)


def problem_of(row: Row, mapping: dict[str, str]) -> tuple[str, str]:
    """(column, why) of a row that cannot be taken; an empty reason when it can."""
    if row.problem:
        return "row", row.problem
    for column, target in mapping.items():
        cell = row.cells.get(column)
        if target in {"email", "userId+email"} and cell and not ADDRESS.match(str(cell)):
            return column, say("%(value)s is not an e-mail address.", value=repr(str(cell)[:60]))
    return "", ""


def to_identify(row: Row, mapping: dict[str, str], *, import_id: str) -> dict[str, Any]:
    """The identify event of a row. Its message id is the row's place in this import, so that a
    resumed or repeated run counts nobody twice."""
    item: dict[str, Any] = {"type": "identify", "messageId": f"import-{import_id}-{row.line}"}
    traits: dict[str, Any] = {}
    for column, target in mapping.items():
        cell = row.cells.get(column)
        if cell in ("", None) or not target:
            continue
        if target == "userId+email":
            item["userId"], traits["email"] = str(cell).lower(), str(cell).lower()
        elif target in {"userId", "anonymousId"}:
            item[target] = str(cell)
        elif target.startswith("trait:"):
            traits[target.removeprefix("trait:")[:80]] = typed(cell)
        elif target == "email":
            traits["email"] = str(cell).lower()
        else:
            traits[target] = str(cell)
    item["traits"] = traits
    return item
