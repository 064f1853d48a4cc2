"""Stored entries in chunks of 4,096 places of the log, and a digest of each, which the record outside of a copy keeps.

A digest is over one byte for each place (0 not shown, 1 held, 2 erased) and over every column that SQL sees. The
entries' own bytes are left out: those are held against the tree.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from padan.audit.mirror.columns import NAMES
from padan.audit.mirror.trusted import Holding
from padan.errors import DamageError

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK: Final = 4_096
DIGEST_SIZE: Final = 16
UNSEEN, HELD, ERASED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Chunk:
    """The rows of some neighbouring places.

    Attributes:
        number: which chunk, from 0; its first place is `number * CHUNK + 1`.
        rows: in the order of the log, with the columns of the table of entries.
    """

    number: int
    rows: pa.Table

    @property
    def first(self) -> int:
        """Its first place."""
        return self.number * CHUNK + 1

    def places(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Give the places of the rows, counted from the chunk's first."""
        found: np.ndarray[Any, np.dtype[np.int64]] = self.rows.column("sequence").to_numpy().astype(np.int64)
        return found - self.first

    def statuses(self, through: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Give what is held of each place, up to the place `through` of the log."""
        found = np.zeros(CHUNK, np.uint8)
        erased = self.rows.column("raw").is_null().to_numpy().astype(np.uint8)
        found[self.places()] = HELD + erased * (ERASED - HELD)
        return found[: max(0, min(CHUNK, through - self.number * CHUNK))]

    def until(self, through: int) -> Chunk:
        """Leave out the rows behind a place of the log."""
        kept = int(np.searchsorted(self.places(), through - self.number * CHUNK))
        return Chunk(self.number, self.rows.slice(0, kept))

    def digest(self, through: int) -> bytes:
        """Digest what is held and the columns, up to a place of the log: 16 bytes."""
        own = self if through >= self.first + CHUNK - 1 else self.until(through)
        hashed = hashlib.sha256(own.statuses(through).tobytes())
        for name in NAMES:
            if name in own.rows.column_names:  # a copy of the release before has fewer
                _add(hashed, own.rows.column(name))
        return hashed.digest()[:DIGEST_SIZE]


def _add(hashed: Any, column: pa.ChunkedArray) -> None:
    """Add a column: which rows have a value, then numbers, or the lengths of texts and the texts."""
    if column.null_count == len(column):
        hashed.update(b"\0")
        return
    hashed.update(b"\2" if column.null_count else b"\1")
    if column.null_count:
        hashed.update(np.packbits(column.is_valid().to_numpy()).tobytes())
    if pa.types.is_integer(column.type):
        if column.null_count:
            column = pc.fill_null(column, 0)
        hashed.update(column.to_numpy().tobytes())
        return
    parts = [_texts(part) for part in column.chunks]
    for lengths, _ in parts:
        hashed.update(lengths.astype(np.uint32).tobytes())
    for _, texts in parts:
        hashed.update(texts)


def _texts(array: pa.Array) -> tuple[np.ndarray[Any, np.dtype[np.uint32]], memoryview]:
    """Give the lengths of texts, 0 where there is none, and the texts."""
    is_wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    _, places, values = array.buffers()
    ends = np.frombuffer(places, np.int64 if is_wide else np.int32)
    ends = ends[array.offset : array.offset + len(array) + 1]
    lengths = np.diff(ends).astype(np.uint32)
    if array.null_count and lengths[array.is_null().to_numpy(zero_copy_only=False)].any():
        return _texts(pc.fill_null(array, _empty(array.type)))  # what lies below a null is no text
    return lengths, memoryview(values or b"")[ends[0] : ends[-1]]


def _empty(kind: pa.DataType) -> str | bytes:
    return "" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else b""


def split(reader: pa.RecordBatchReader, size: int) -> Iterator[Chunk]:
    """Give every chunk of the log, those without rows too.

    Args:
        reader: batches of rows in the order of the log.
        size: leaves of the log.

    Raises:
        DamageError: rows are out of order, twice, or behind the log's end.
    """
    number, last = 0, 0
    pending: list[pa.Table] = []
    for batch in reader:
        table = pa.Table.from_batches([batch])
        places = table.column("sequence").to_numpy().astype(np.int64)
        last = _require_order(places, last, size)
        begin = 0
        for end in _ends(places):
            owner = int(places[begin] - 1) // CHUNK
            while number < owner:
                yield _chunk(number, pending, reader.schema)
                number, pending = number + 1, []
            pending.append(table.slice(begin, end - begin))
            begin = end
    while number * CHUNK < size:
        yield _chunk(number, pending, reader.schema)
        number, pending = number + 1, []


def _ends(places: np.ndarray[Any, np.dtype[np.int64]]) -> list[int]:
    owners = (places - 1) // CHUNK
    return [*(np.flatnonzero(np.diff(owners)) + 1).tolist(), len(places)] if len(places) else []


def _chunk(number: int, pending: list[pa.Table], schema: pa.Schema) -> Chunk:
    return Chunk(number, pa.concat_tables(pending).combine_chunks() if pending else schema.empty_table())


def _require_order(places: np.ndarray[Any, np.dtype[np.int64]], last: int, size: int) -> int:
    before = np.concatenate([np.array([last], np.int64), places[:-1]])
    wrong = np.flatnonzero((places <= before) | (places > size))
    if len(wrong):
        place = int(places[wrong[0]])
        what = f"behind the log's end at {size}" if place > size else f"after {int(before[wrong[0]])}"
        raise DamageError(
            f"the stored entry {place} stands {what}: entries were added, moved or stored twice",
            next_step="throw the copy's database of entries away and fetch them again",
            reason="order",
        )
    return int(places[-1]) if len(places) else last


class Ledger:
    """Counts and digests chunks as they come."""

    def __init__(self, through: int) -> None:
        """Begin.

        Args:
            through: the last place of the log that was asked for.
        """
        self._through = through
        self._held = self._erased = 0
        self._digests: list[bytes] = []

    def add(self, chunk: Chunk, digest: bytes | None = None) -> None:
        """Take the next chunk in.

        Args:
            chunk: the chunk.
            digest: where it is known already.
        """
        if chunk.number * CHUNK >= self._through:
            return
        statuses = chunk.statuses(self._through)
        self._held += int(np.count_nonzero(statuses == HELD))
        self._erased += int(np.count_nonzero(statuses == ERASED))
        self._digests.append(digest or chunk.digest(self._through))

    def holding(self) -> Holding:
        """Give the whole."""
        return Holding(
            through=self._through, held=self._held, erased=self._erased, chunks=tuple(self._digests)
        )
