"""Reading a made-up population back, without the rows that it holds broken on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.projector import chunk, source
from verifier.projector.columns import COLUMNS
from verifier.projector.fieldmap import FieldMap
from verifier.synthetic.member import BIRTH_COLUMN, Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK = 8192


def read(population: Path) -> Iterator[Row]:
    """Read the rows that a load takes; somebody who comes twice comes twice.

    Raises:
        SourceError, FieldMapError: the file is no population.
    """
    opened = source.open_source(str(population))
    binding = FieldMap().bind(opened.columns)
    layout = chunk.Layout(binding=binding, delimiter=opened.delimiter, width=len(opened.columns))
    for piece in opened.chunks(binding.wanted, _CHUNK):
        for row in chunk.read(piece, layout):
            if not isinstance(row, chunk.Unreadable) and _usable(row):
                yield row


def _usable(row: Row) -> bool:
    """Say whether a row is not one of the broken ones that a population holds on purpose."""
    nik, born = row[0], row[BIRTH_COLUMN]
    return (
        len(nik) == len("PPRRDDDDMMYYSSSS")
        and nik.isdigit()
        and not nik.endswith("0000")
        and nik[8:12] == born[3:5] + born[8:]
        and all(row[COLUMNS.index(name)].isdigit() for name in ("AGAMA", "JENIS_KLMIN"))
        and row[COLUMNS.index("AGAMA")] != "99"
    )
