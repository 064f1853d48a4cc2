"""A table in a CSV file (RFC 4180): UTF-8, perhaps with a byte order mark; a header; `,` `;` tab or `|` between cells.

Guarantees: rows are numbered alike each time; empty lines are no rows; what cannot be cut into cells, so that rows
after it might be lost, is an error that names the row.
"""

from __future__ import annotations

import codecs
import csv
from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final, Self, TextIO

from padan.table.errors import TableError
from padan.table.row import CELLS, TEXT, Cell, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

_DELIMITERS: Final = (",", ";", "\t", "|")
_CHUNK: Final = 4_096  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvTable:
    """A CSV file whose header has been read."""

    path: Path
    columns: tuple[str, ...]
    delimiter: str

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the header.

        Raises:
            TableError: not readable, or no header.
        """
        with _reading(path) as file:
            header = file.readline()
        delimiter = max(_DELIMITERS, key=header.count)
        columns = tuple(name.strip() for name in next(csv.reader([header], delimiter=delimiter), []))
        if not any(columns):
            raise TableError(
                f"{path}: the first line is no header", reason="header", next_step="name the columns in it"
            )
        return cls(path=path, columns=columns, delimiter=delimiter)

    def count(self) -> int:
        """Count the rows, and see that the whole file can be cut into cells.

        Raises:
            TableError: it cannot.
        """
        return sum(1 for _ in self._records())

    def rows(self, names: Sequence[str]) -> Iterator[Row]:
        """Read the cells of some columns.

        Raises:
            TableError: the file cannot be read on.
        """
        places = [self.columns.index(name) for name in names]
        width = len(self.columns)
        for number, cells in enumerate(self._records(), 1):
            if len(cells) != width:
                yield Row(number=number, cells=("",) * len(places), fault=CELLS)
                continue
            chosen = tuple(cells[place] for place in places)
            fault = "" if all(map(_is_text, chosen)) else TEXT
            yield Row(number=number, cells=chosen if not fault else ("",) * len(places), fault=fault)

    def kept(self, names: Sequence[str]) -> Iterator[tuple[int, list[list[str]]]]:
        """Read some columns as they are, in chunks: the number of rows, and each column's cells.

        Raises:
            TableError: the file cannot be read on.
        """
        places = [self.columns.index(name) for name in names]
        records = self._records()
        while chunk := list(islice(records, _CHUNK)):
            yield len(chunk), [[_cell(cells, place) for cells in chunk] for place in places]

    def cells(self, name: str) -> Iterator[Cell]:
        """Read one column as it is.

        Raises:
            TableError: the file cannot be read on.
        """
        for row in self.rows([name]):
            yield Cell(number=row.number, value=row.cells[0], fault=row.fault)

    def rewrite(self, name: str, change: Callable[[Cell], Any], out: IO[bytes]) -> None:
        """Write the table anew, to the byte as it is but for cells of one column that get another text.

        Args:
            name: the column.
            change: gives a cell's new text, or its old one; of what has neither delimiter nor quotation mark.
            out: takes the file.

        Raises:
            TableError: the file cannot be read on.
        """
        cells = self.cells(name)
        place = self.columns.index(name)
        with self.path.open("rb") as file:
            out.write(codecs.BOM_UTF8 if file.read(3) == codecs.BOM_UTF8 else b"")
        for order, (raw, found) in enumerate(self._raw()):
            text = raw
            if order and found:
                cell = next(cells)
                new = change(cell)
                if new != cell.value:
                    start, end = _span(raw, place, self.delimiter)
                    text = raw[:start] + raw[start:end].replace(str(cell.value), new) + raw[end:]
            out.write(text.encode(errors="surrogateescape"))

    def types(self, names: Sequence[str]) -> list[None]:
        """Say of what kind columns are: text, all of them."""
        return [None] * len(names)

    def _records(self) -> Iterator[list[str]]:
        return (cells for _, cells in islice(self._raw(), 1, None) if cells)

    def _raw(self) -> Iterator[tuple[str, list[str]]]:
        """Read every record with the text that it stands in, the header first; of an empty line there is no cell."""
        number, lines = -1, list[str]()
        try:
            with _reading(self.path) as file:
                for cells in csv.reader(_noted(file, lines), delimiter=self.delimiter, strict=True):
                    number += bool(cells)
                    yield "".join(lines), cells
                    lines.clear()
        except csv.Error as error:
            raise TableError(
                f"{self.path}: row {number + 1} cannot be cut into cells ({_rule(error)})",
                reason="quotes",
                next_step="put that row's quotation marks right: a cell with one is quoted, and it is doubled inside",
            ) from None
        except OSError as error:
            raise _unreadable(self.path, error) from None


def _noted(file: Iterable[str], lines: list[str]) -> Iterator[str]:
    for line in file:
        lines.append(line)
        yield line


def _span(raw: str, place: int, delimiter: str) -> tuple[int, int]:
    """Find where a cell begins and ends in the text of its record, which the reader could cut into cells."""
    start = at = end = 0
    for _ in range(place + 1):
        start = at
        if raw.startswith('"', at):
            at = raw.index('"', at + 1) + 1
            while raw.startswith('"', at):
                at = raw.index('"', at + 1) + 1
        end = raw.find(delimiter, at)
        if end < 0:
            end = len(raw.rstrip("\r\n"))
        at = end + 1
    return start, end


def _reading(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> TableError:
    return TableError(
        f"{path}: cannot be read ({error.strerror})", reason="file", next_step="name a file that you may read"
    )


def _rule(error: csv.Error) -> str:
    """Say what is wrong; the library's own words name no cell, but are about its settings."""
    return (
        "a quotation mark is not closed"
        if "end of data" in str(error)
        else "a cell is too long, or quoted in part"
    )


def _is_text(cell: str) -> bool:
    return cell.isascii() or not any("\ud800" <= mark <= "\udfff" for mark in cell)


def _cell(cells: list[str], place: int) -> str:
    cell = cells[place] if place < len(cells) else ""
    return cell if _is_text(cell) else cell.encode(errors="surrogateescape").decode(errors="replace")
