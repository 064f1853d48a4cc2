"""A table that is written, mode 0600, as a whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import io
from typing import IO, TYPE_CHECKING, Any, Protocol

from padan.table.errors import TableError
from padan.table.wholefile import whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Sink(Protocol):
    """Takes columns, chunk by chunk."""

    def write(self, columns: Sequence[Any]) -> None:
        """Write rows, given as columns of equal length."""
        ...


@contextlib.contextmanager
def writing(path: Path, names: Sequence[str], types: Sequence[Any]) -> Iterator[Sink]:
    """Write a table as a whole or not at all; a file of this name is replaced.

    Args:
        path: ends in .csv or .parquet.
        names: of the columns.
        types: their kinds in Arrow's types; None for text.

    Raises:
        TableError: the disk does not take it, or a column is of a kind that the file cannot hold.
    """
    with whole(path) as file:
        if path.suffix.lower() == ".csv":
            with _csv(file, names, path.name) as sink:
                yield sink
        else:
            with _parquet(file, names, types) as sink:
                yield sink


class _CsvSink:
    def __init__(self, out: Any, names: Sequence[str], file: str) -> None:
        self._out = csv.writer(out, lineterminator="\n")
        self._out.writerow(names)
        self._file = file

    def write(self, columns: Sequence[Any]) -> None:
        texts = [column if isinstance(column, list) else _texts(column, self._file) for column in columns]
        self._out.writerows(zip(*texts, strict=True))


def _texts(column: Any, file: str) -> list[str]:
    import pyarrow as pa  # noqa: PLC0415 - needs an extra

    from padan.table.arrow import text_column  # noqa: PLC0415 - as above

    try:
        return ["" if cell is None else cell for cell in text_column(column).to_pylist()]
    except (pa.ArrowException, UnicodeDecodeError):
        raise TableError(
            f"{file}: a kept column is of a kind that CSV cannot hold",
            reason="kind",
            next_step="write a .parquet file",
        ) from None


@contextlib.contextmanager
def _csv(file: IO[bytes], names: Sequence[str], name: str) -> Iterator[_CsvSink]:
    out = io.TextIOWrapper(file, encoding="utf-8", newline="")
    yield _CsvSink(out, names, name)
    out.detach()  # flushes, and leaves the file open


class _ParquetSink:
    def __init__(self, out: Any, schema: Any) -> None:
        self._out = out
        self._schema = schema

    def write(self, columns: Sequence[Any]) -> None:
        import pyarrow as pa  # noqa: PLC0415 - needs an extra

        arrays = [
            pa.array(column, type=field.type) if isinstance(column, list) else column
            for column, field in zip(columns, self._schema, strict=True)
        ]
        self._out.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))


@contextlib.contextmanager
def _parquet(file: IO[bytes], names: Sequence[str], types: Sequence[Any]) -> Iterator[_ParquetSink]:
    import pyarrow as pa  # noqa: PLC0415 - needs an extra
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    schema = pa.schema([pa.field(name, kind or pa.string()) for name, kind in zip(names, types, strict=True)])
    with pq.ParquetWriter(file, schema) as out:
        yield _ParquetSink(out, schema)
