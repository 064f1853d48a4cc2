"""A table in a Parquet file, read batch by batch. Assumes the extra `tables`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from padan.table.arrow import text_column
from padan.table.errors import TableError
from padan.table.row import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_CHUNK: Final = 4_096  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetTable:
    """A Parquet file whose footer has been read."""

    path: Path
    columns: tuple[str, ...]
    schema: pa.Schema
    size: int

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the footer.

        Raises:
            TableError: not readable, or no Parquet file.
        """
        try:
            with pq.ParquetFile(path) as file:
                schema, size = file.schema_arrow, file.metadata.num_rows
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(path, error) from None
        return cls(path=path, columns=tuple(schema.names), schema=schema, size=size)

    def count(self) -> int:
        """Count the rows."""
        return self.size

    def rows(self, names: Sequence[str]) -> Iterator[Row]:
        """Read the cells of some columns, as text.

        Raises:
            TableError: the file cannot be read on, or a column is of a kind that has no text.
        """
        number = 0
        for batch in self._batches(names):
            columns = [self._texts(name, batch.column(place)) for place, name in enumerate(names)]
            for cells in zip(*columns, strict=True):
                number += 1
                yield Row(number=number, cells=tuple("" if cell is None else cell for cell in cells))

    def kept(self, names: Sequence[str]) -> Iterator[tuple[int, list[pa.Array]]]:
        """Read some columns as they are, in chunks: the number of rows, and each column's values.

        Raises:
            TableError: the file cannot be read on.
        """
        for batch in self._batches(names):
            yield batch.num_rows, [batch.column(place) for place in range(len(names))]

    def types(self, names: Sequence[str]) -> list[Any]:
        """Say of what kind columns are, in Arrow's types."""
        return [self.schema.field(name).type for name in names]

    def _batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        try:
            with pq.ParquetFile(self.path) as file:
                # Without a column Arrow counts no rows.
                wanted = list(dict.fromkeys(names)) or [self.columns[0]]
                for batch in file.iter_batches(batch_size=_CHUNK, columns=wanted):
                    yield batch.select(list(names))
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(self.path, error) from None

    def _texts(self, name: str, column: pa.Array) -> list[str | None]:
        try:
            texts: list[str | None] = text_column(column).to_pylist()
        except (pa.ArrowException, UnicodeDecodeError):
            raise TableError(
                f"{self.path}: column {name} is of a kind that has no text",
                reason="kind",
                next_step="write it as text, and a NIK as 16 digits",
            ) from None
        return texts


def _unreadable(path: Path, error: Exception) -> TableError:
    return TableError(
        f"{path}: no readable Parquet file ({type(error).__name__})",
        reason="file",
        next_step="name a Parquet file that you may read",
    )
