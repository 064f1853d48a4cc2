"""A piece of a source on its way to a worker, and how a worker reads it.

A piece travels through a pipe and is never written anywhere. CSV goes as the file's own bytes, cut between records;
Parquet and database tables go as an Arrow stream of the needed columns, all of them text.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from verifier.projector.fieldmap import Binding

Values = list[str]
"""A row's values in the order of `columns.COLUMNS`, without surrounding spaces; empty where there is none."""

RULE_COLUMNS: Final = "row.columns"
RULE_ENCODING: Final = "row.encoding"
RULE_CSV: Final = "row.csv"
_SURROGATES = ("\udc80", "\udcff")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Chunk:
    """Some rows of a source.

    Attributes:
        index: 0 for the first.
        first_row: number of its first row; a source's first row, after any header, is 1.
        rows: how many rows.
        payload: the rows, as the layout says.
        done: how much of the source has been read with this chunk, in the source's units.
    """

    index: int
    first_row: int
    rows: int
    payload: bytes
    done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the payloads of a source are read.

    Attributes:
        binding: which column is which field.
        delimiter: of CSV; empty for an Arrow stream.
        width: columns of a CSV record.
    """

    binding: Binding
    delimiter: str = ""
    width: int = 0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that is no row."""

    rule: str


def read(chunk: Chunk, layout: Layout) -> Iterator[Values | Unreadable]:
    """Read a chunk's rows, exactly `chunk.rows` of them."""
    return _read_csv(chunk, layout) if layout.delimiter else _read_arrow(chunk, layout)


def _read_csv(chunk: Chunk, layout: Layout) -> Iterator[Values | Unreadable]:
    text = chunk.payload.decode("utf-8", "surrogateescape")
    intact = text.isascii() or not any(_SURROGATES[0] <= letter <= _SURROGATES[1] for letter in set(text))
    picks = layout.binding.picks
    reader = csv.reader(_lines(text), delimiter=layout.delimiter)
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Unreadable(RULE_CSV)
            continue
        if len(record) != layout.width:
            yield Unreadable(RULE_COLUMNS)
        elif not intact and _broken(record):
            yield Unreadable(RULE_ENCODING)
        else:
            yield _place(record, picks, layout.binding.defaults)


def _lines(text: str) -> Iterator[str]:
    """Cut at line feeds only: other line separators of Unicode are letters of a field like any other."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return iter([line + "\n" for line in lines])


def _broken(record: Sequence[str]) -> bool:
    return any(_SURROGATES[0] <= letter <= _SURROGATES[1] for value in record for letter in value)


def _place(record: Sequence[str], picks: Sequence[int | None], defaults: Sequence[str]) -> Values:
    return [
        record[pick].strip() if pick is not None else default
        for pick, default in zip(picks, defaults, strict=True)
    ]


def _read_arrow(chunk: Chunk, layout: Layout) -> Iterator[Values]:
    table = pa.ipc.open_stream(chunk.payload).read_all()
    wanted = layout.binding.wanted
    columns: dict[int, list[str]] = {
        pick: [(value or "").strip() for value in table.column(place).to_pylist()]
        for place, pick in enumerate(wanted)
    }
    parts = [
        columns[pick] if pick is not None else [default] * chunk.rows
        for pick, default in zip(layout.binding.picks, layout.binding.defaults, strict=True)
    ]
    for values in zip(*parts, strict=True):
        yield list(values)
