"""Answers for people and programs: a table, CSV, JSON or Parquet, row by row as they come.

Texts of the log come from agencies. A table shows no control character, and a cell of a CSV file that a spreadsheet
would take for a formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
import decimal
import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from padan.audit.mirror.database import guard as database_guard
from padan.audit.mirror.place import guard
from padan.audit.mirror.session import batches
from padan.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

SUFFIXES: Final = (".csv", ".json", ".parquet", ".txt")
SHOWN: Final = 1_000
"""Rows that a table has at most; files have all."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write(answer: pa.RecordBatchReader, path: Path) -> int:
    """Write an answer to a file, as its suffix says; say how many rows.

    Raises:
        QueryError: the suffix is none of `SUFFIXES`.
        SourceError: the disk does not take it.
    """
    require_suffix(path)
    new = path.with_name(path.name + ".new")
    with guard():
        try:
            if path.suffix == ".parquet":
                count = _write_parquet(answer, new)
            else:
                with new.open("w", encoding="utf-8", newline="") as sink:
                    count = _WRITERS[path.suffix](answer, sink)
            new.rename(path)
        finally:
            new.unlink(missing_ok=True)
    return count


def require_suffix(path: Path) -> None:
    """Require a format that can be written.

    Raises:
        QueryError: it is none.
    """
    if path.suffix not in SUFFIXES:
        raise QueryError(
            f"{path.name} names no format that can be written",
            next_step=f"end the name in {', '.join(SUFFIXES)}",
        )


def print_table(answer: pa.RecordBatchReader, sink: TextIO) -> int:
    """Print at most `SHOWN` rows as a table; say how many there were."""
    names = answer.schema.names
    shown: list[list[str]] = []
    count = 0
    for row in _rows(answer):
        count += 1
        if len(shown) < SHOWN:
            shown.append([plain(cell) for cell in row])
    widths = [max(map(len, column)) for column in zip(names, *shown, strict=True)]
    for line in (names, *shown):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        sink.write("  ".join(cells).rstrip() + "\n")
    if count > SHOWN:
        sink.write(f"... and {count - SHOWN:,} more; --output FILE writes all\n")
    return count


def print_json(answer: pa.RecordBatchReader, sink: TextIO) -> int:
    """Print an answer as one JSON document on one line: its rows as objects."""
    names, count = answer.schema.names, 0
    sink.write('{"rows": [')
    for row in _rows(answer):
        sink.write(
            (", " if count else "")
            + json.dumps(dict(zip(names, map(value, row), strict=True)), ensure_ascii=False)
        )
        count += 1
    sink.write("]}\n")
    return count


def print_csv(answer: pa.RecordBatchReader, sink: TextIO) -> int:
    """Print an answer as CSV (RFC 4180)."""
    out, count = csv.writer(sink), 0
    out.writerow(answer.schema.names)
    for row in _rows(answer):
        out.writerow([_cell(cell) for cell in row])
        count += 1
    return count


def value(cell: Any) -> Any:  # noqa: PLR0911 - one line for each type
    """Write a cell as JSON has it."""
    if isinstance(cell, datetime):
        return cell.isoformat() + ("Z" if cell.tzinfo is None else "")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, bytes):
        return cell.hex()
    if isinstance(cell, decimal.Decimal):
        return int(cell) if cell == cell.to_integral_value() else float(cell)
    if isinstance(cell, list | tuple):
        return [value(item) for item in cell]
    if isinstance(cell, dict):
        return {str(name): value(item) for name, item in cell.items()}
    return cell if cell is None or isinstance(cell, bool | int | float | str) else str(cell)


def plain(cell: Any) -> str:
    """Write a cell for a terminal: on one line, without control characters."""
    found = value(cell)
    text = "" if found is None else found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return "".join(mark if mark.isprintable() else "; " if mark == "\n" else "\ufffd" for mark in text)


def _cell(cell: Any) -> str:
    found = value(cell)
    if not isinstance(found, str):
        return "" if found is None else json.dumps(found, ensure_ascii=False)
    return f"'{found}" if found.startswith(_FORMULA) else found


def _rows(answer: pa.RecordBatchReader) -> Iterator[tuple[Any, ...]]:
    with database_guard():
        for batch in batches(answer):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _write_parquet(answer: pa.RecordBatchReader, path: Path) -> int:
    count = 0
    with database_guard(), pq.ParquetWriter(path, answer.schema) as sink:
        for batch in batches(answer):
            sink.write_batch(batch)
            count += batch.num_rows
    return count


_WRITERS: Final = {".csv": print_csv, ".json": print_json, ".txt": print_table}
