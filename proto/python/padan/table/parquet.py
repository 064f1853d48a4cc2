"""A table in a Parquet file, read batch by batch. Assumes the extra `tables`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from padan.table.arrow import text_column
from padan.table.errors import TableError
from padan.table.parquetoptions import options_of
from padan.table.row import Cell, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_CHUNK: Final = 4_096  # rows
_TEXT_OR_BYTES: Final = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
)


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

    def cells(self, name: str) -> Iterator[Cell]:
        """Read one column as it is.

        Raises:
            TableError: the file cannot be read on, or the column holds neither text nor bytes.
        """
        self._require_writable(name)
        number = 0
        for batch in self._batches([name]):
            for found in batch.column(0).to_pylist():
                number += 1
                yield Cell(number=number, value=found)

    def rewrite(self, name: str, change: Callable[[Cell], Any], out: IO[bytes]) -> None:
        """Write the table anew: its schema, metadata, row groups and values, but for values of one column that change.

        Args:
            name: the column.
            change: gives a cell's new value, or its old one.
            out: takes the file.

        Raises:
            TableError: the file cannot be read on.
        """
        cells = self.cells(name)
        place = self.columns.index(name)
        try:
            with (
                pq.ParquetFile(self.path) as file,
                pq.ParquetWriter(out, self.schema, **options_of(file.metadata)) as writer,
            ):
                for number in range(file.num_row_groups):
                    group = file.read_row_group(number)
                    values = [change(next(cells)) for _ in range(group.num_rows)]
                    field = self.schema.field(place)
                    group = group.set_column(place, field, pa.array(values, type=field.type))
                    writer.write_table(group, row_group_size=max(group.num_rows, 1))
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(self.path, error) from None

    def _require_writable(self, name: str) -> None:
        kind = self.schema.field(name).type
        inner = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not any(test(inner) for test in _TEXT_OR_BYTES):
            raise TableError(
                f"{self.path}: the column is of a kind that has neither text nor bytes",
                reason="kind",
                next_step="name the column that has the tokens",
            )

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
