"""People in a Parquet file, read row group by row group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from padan.table.arrow import text_column
from verifier.projector import arrow
from verifier.projector.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from verifier.projector.chunk import Chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetSource:
    """A Parquet file whose footer has been read."""

    path: Path
    columns: tuple[str, ...]
    size: int
    """Rows of the file."""
    delimiter: str = ""

    @property
    def name(self) -> str:
        """The file's full path."""
        return str(self.path.resolve())

    @classmethod
    def open(cls, path: Path) -> ParquetSource:
        """Read the footer.

        Raises:
            SourceError: not readable, or no Parquet file.
        """
        try:
            with pq.ParquetFile(path) as file:
                return cls(path=path, columns=tuple(file.schema_arrow.names), size=file.metadata.num_rows)
        except (OSError, pa.ArrowException) as error:
            raise SourceError(f"{path}: not a readable Parquet file ({type(error).__name__})") from error

    def chunks(self, picks: Sequence[int], rows: int) -> Iterator[Chunk]:
        """Read the wanted columns in chunks.

        Raises:
            SourceError: the file can no longer be read.
        """
        names = [self.columns[pick] for pick in picks]
        try:
            with pq.ParquetFile(self.path) as file:
                batches = file.iter_batches(batch_size=rows, columns=names)
                yield from arrow.chunks(
                    [text_column(batch.column(name)) for name in names] for batch in batches
                )
        except (OSError, pa.ArrowException) as error:
            raise SourceError(f"{self.path}: cannot be read on ({type(error).__name__})") from error
