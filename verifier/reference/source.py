"""References in a Parquet file, as the registry extracts them: one row a capture, the rows of one position together.

Columns: `nik` (text), `modality` (face, finger, iris), `position` (whole number), `extractor` (NAME/VERSION),
`template` (a serialised padan.v1.Template). Others are not read. Two readings give the same rows, so that a load goes
on.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from padan.table.arrow import text_column
from verifier.reference.errors import ReferenceSourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS: Final = ("nik", "modality", "position", "extractor", "template")
_ROWS: Final = 512


class SourceRow(NamedTuple):
    """One row; what is not given is empty.

    Attributes:
        number: of the row, from 1.
        nik: as text.
        modality: as text.
        position: as text.
        extractor: as text.
        template: bytes.
    """

    number: int
    nik: str
    modality: str
    position: str
    extractor: str
    template: bytes

    def __repr__(self) -> str:
        return "SourceRow(<redacted>)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceFile:
    """A file whose footer has been read.

    Attributes:
        path: where it is.
        digest: SHA-256 of its bytes.
        rows: how many rows it has.
    """

    path: Path
    digest: bytes
    rows: int

    @classmethod
    def open(cls, path: Path) -> ReferenceFile:
        """Read the footer, and all bytes once for the digest.

        Raises:
            ReferenceSourceError: not readable, no Parquet file, or a column is missing.
        """
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
            with pq.ParquetFile(path) as parquet:
                names, rows = parquet.schema_arrow.names, parquet.metadata.num_rows
        except (OSError, pa.ArrowException) as error:
            raise ReferenceSourceError(
                f"{path}: not a readable Parquet file ({type(error).__name__})"
            ) from error
        if missing := [name for name in COLUMNS if name not in names]:
            raise ReferenceSourceError(f"{path}: the column {missing[0]} is missing")
        return cls(path=path, digest=digest, rows=rows)

    def read(self, after: int) -> Iterator[SourceRow]:
        """Read the rows after so many.

        Raises:
            ReferenceSourceError: the file can no longer be read, or a column is of another type.
        """
        first = 1
        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(batch_size=_ROWS, columns=list(COLUMNS)):
                    if first + batch.num_rows - 1 > after:
                        yield from _rows(batch, first, after)
                    first += batch.num_rows
        except (OSError, pa.ArrowException) as error:
            raise ReferenceSourceError(f"{self.path}: cannot be read on ({type(error).__name__})") from error


def _rows(batch: pa.RecordBatch, first: int, after: int) -> Iterator[SourceRow]:
    texts = [text_column(batch.column(name)).to_pylist() for name in COLUMNS[:-1]]
    templates = batch.column(COLUMNS[-1]).cast(pa.large_binary()).to_pylist()
    for number, (nik, modality, position, extractor, template) in enumerate(
        zip(*texts, templates, strict=True), first
    ):
        if number > after:
            yield SourceRow(
                number, _text(nik), _text(modality), _text(position), _text(extractor), template or b""
            )


def _text(value: str | None) -> str:
    return (value or "").strip()
