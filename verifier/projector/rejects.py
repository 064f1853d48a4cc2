"""Rows that were not loaded: number, field and rule, never a value."""

from __future__ import annotations

import csv
import heapq
import json
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import TextIO

DUPLICATE: Final = "nik.duplicate"
"""The NIK stands in an earlier row too; the earlier row was loaded."""
ERASED: Final = "nik.erased"
"""The person was erased; two people must lift that before the NIK is loaded again."""
CSV_ENDING: Final = ".csv"


class Reject(NamedTuple):
    """One row that was not loaded.

    Attributes:
        row: its number; the first row after any header is 1.
        field: the registry's field that is at fault; empty where the row as a whole is.
        rule: id of the rule that it breaks.
    """

    row: int
    field: str
    rule: str


def write(path: Path, rejects: Iterable[Reject]) -> int:
    """Write rejects as CSV where the path ends in .csv, else as one JSON object a line; returns how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = _csv_lines(file, rejects) if path.suffix.lower() == CSV_ENDING else _json_lines(file, rejects)
        return sum(1 for _ in lines)


def _csv_lines(file: TextIO, rejects: Iterable[Reject]) -> Iterator[None]:
    writer = csv.writer(file)
    writer.writerow(Reject._fields)
    for reject in rejects:
        writer.writerow(reject)
        yield None


def _json_lines(file: TextIO, rejects: Iterable[Reject]) -> Iterator[None]:
    for reject in rejects:
        file.write(json.dumps(reject._asdict()) + "\n")
        yield None


def in_order(broken: Iterable[Reject], doubled: Iterable[int]) -> Iterator[Reject]:
    """Merge rejects of the rows and the numbers of doubled rows, both ascending, by row."""
    return heapq.merge(broken, (Reject(row, "NIK", DUPLICATE) for row in doubled))
