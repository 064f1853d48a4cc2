"""Writing rows of text to a CSV or Parquet file, as a stream."""

from __future__ import annotations

import csv
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from verifier.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_BATCH = 20_000


class OutputError(OperatorError):
    """The file cannot be written under this name."""


def write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Write rows and return how many.

    Args:
        path: ends in .csv or .parquet.
        columns: the names of the columns.
        rows: values in the order of the columns.

    Raises:
        OutputError: another ending, or the file cannot be written.
    """
    writers = {".csv": _write_csv, ".parquet": _write_parquet}
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise OutputError(f"{path}: ends neither in .csv nor in .parquet")
    try:
        return writer(path, columns, rows)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({type(error).__name__})") from error


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    count, stream = 0, iter(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        while batch := list(islice(stream, _BATCH)):
            writer.writerows(batch)
            count += len(batch)
    return count


def _write_parquet(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    count, stream = 0, iter(rows)
    schema = pa.schema([(name, pa.string()) for name in columns])
    with pq.ParquetWriter(path, schema) as writer:
        while batch := list(islice(stream, _BATCH)):
            writer.write_batch(
                pa.RecordBatch.from_arrays(
                    [pa.array(part) for part in zip(*batch, strict=True)], schema=schema
                )
            )
            count += len(batch)
    return count
