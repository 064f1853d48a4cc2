"""Where people come from: a CSV file, a Parquet file, or a table behind a SQLAlchemy URL.

Sources stream: what is in memory is one chunk, whatever the size of the whole. Two readings of the same data give the
same chunks, so that a load that was killed finds again what it has already done.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from verifier.projector.csv_source import CsvSource
from verifier.projector.errors import SourceError
from verifier.projector.parquet_source import ParquetSource
from verifier.projector.table_source import TableSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from verifier.projector.chunk import Chunk

CSV_ENDINGS = frozenset({".csv", ".txt", ".tsv"})
PARQUET_ENDINGS = frozenset({".parquet", ".pq"})


class Source(Protocol):
    """Something that has rows."""

    @property
    def name(self) -> str:
        """Where the rows are, without any password."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        ...

    @property
    def size(self) -> int:
        """How much there is, in units of its own (bytes, rows); 0 where that is not known."""
        ...

    @property
    def delimiter(self) -> str:
        """Of CSV; empty for sources that send Arrow streams."""
        ...

    def chunks(self, picks: Sequence[int], rows: int) -> Iterator[Chunk]:
        """Read the whole source in chunks.

        Args:
            picks: places of the columns that are wanted, ascending.
            rows: rows of a chunk; the last may have fewer.

        Raises:
            SourceError: the source can no longer be read.
        """
        ...


def open_source(where: str, *, table: str = "", delimiter: str = "") -> Source:
    """Open a source by its name.

    Args:
        where: a path that ends in .csv or .parquet, or a SQLAlchemy URL, which may end in #TABLE.
        table: the table behind a URL.
        delimiter: of CSV; empty lets the header decide.

    Raises:
        SourceError: it cannot be opened.
    """
    if "://" in where:
        url, _, fragment = where.partition("#")
        return TableSource.open(url, table or fragment)
    path = Path(where)
    ending = path.suffix.lower()
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    if ending in PARQUET_ENDINGS:
        return ParquetSource.open(path)
    if ending in CSV_ENDINGS:
        return CsvSource.open(path, delimiter)
    raise SourceError(
        f"{path}: a source ends in .csv or .parquet, or is a URL such as postgresql+psycopg://…#table"
    )
