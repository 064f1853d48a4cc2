"""People in a CSV file: UTF-8 with or without a byte order mark, a header, any of `,` `;` tab or `|` between fields."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from verifier.projector.chunk import Chunk
from verifier.projector.errors import SourceError
from verifier.projector.records import records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_DELIMITERS = (",", ";", "\t", "|")
_MARK = b"\xef\xbb\xbf"
_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvSource:
    """A CSV file whose header has been read."""

    path: Path
    columns: tuple[str, ...]
    delimiter: str
    size: int
    """Bytes of the file."""

    @property
    def name(self) -> str:
        """The file's full path."""
        return str(self.path.resolve())

    @classmethod
    def open(cls, path: Path, delimiter: str = "") -> CsvSource:
        """Read the header.

        Raises:
            SourceError: not readable, no header, or not UTF-8.
        """
        try:
            with path.open("rb", buffering=_BUFFER) as file:
                header = _header(file.readline())
            size = path.stat().st_size
        except UnicodeDecodeError as error:
            raise SourceError(f"{path}: the header is not UTF-8") from error
        except OSError as error:
            raise SourceError(f"{path}: cannot be read ({type(error).__name__})") from error
        chosen = delimiter or max(_DELIMITERS, key=header.count)
        columns = tuple(next(csv.reader([header], delimiter=chosen), []))
        if not any(column.strip() for column in columns):
            raise SourceError(f"{path}: the first line is no header")
        return cls(path=path, columns=columns, delimiter=chosen, size=size)

    def chunks(self, picks: Sequence[int], rows: int) -> Iterator[Chunk]:
        """Read the file in chunks of whole records, all columns.

        Raises:
            SourceError: the file can no longer be read.
        """
        del picks  # a record is cut into fields by the worker
        try:
            with self.path.open("rb", buffering=_BUFFER) as file:
                file.readline()
                yield from _chunks(records(file, self.delimiter.encode()), rows, file.tell)
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be read on ({type(error).__name__})") from error


def _header(line: bytes) -> str:
    return line.removeprefix(_MARK).decode("utf-8").rstrip("\r\n")


def _chunks(all_records: Iterator[bytes], rows: int, tell: Callable[[], int]) -> Iterator[Chunk]:
    index, first = 0, 1
    while batch := list(islice(all_records, rows)):
        yield Chunk(index=index, first_row=first, rows=len(batch), payload=b"".join(batch), done=tell())
        index += 1
        first += len(batch)
