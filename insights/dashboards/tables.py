"""Tables as CSV and Parquet. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from attune.kernel import cells

TYPES: dict[type, pa.DataType] = {
    str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
}  # fmt: skip


def guarded(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets a quote in front; a number stays."""
    if isinstance(value, str):
        return cells.guard_formula(value)
    return value.isoformat() if isinstance(value, datetime) else value


def csv_rows(names: Sequence[str], portions: Iterable[Sequence[Sequence[Any]]]) -> Iterator[str]:
    """Lines, a portion at a time; numbers keep their sign."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(names)
    yield buffer.getvalue()
    for rows in portions:
        buffer.seek(0)
        buffer.truncate()
        writer.writerows([guarded(v) for v in row] for row in rows)
        yield buffer.getvalue()


def parquet(
    columns: Sequence[tuple[str, type]], portions: Iterable[Sequence[Sequence[Any]]], to: Any
) -> None:
    """Write a Parquet file to `to`, one row group a portion; columns are (name, type)."""
    schema = pa.schema([(name, TYPES[kind]) for name, kind in columns])
    with pq.ParquetWriter(to, schema, compression="zstd") as writer:
        for rows in portions:
            arrays = [
                pa.array([row[i] for row in rows], type=TYPES[kind])
                for i, (_, kind) in enumerate(columns)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
