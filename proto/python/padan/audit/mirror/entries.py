"""Private entries over a verified tree: each held against the leaf at its place, one after the other or in batches.

`entries` is what a resident's trail is searched in (padan.audit.entries), each shown to be in the tree.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from padan.audit.entries import Item
from padan.audit.mirror import columns
from padan.audit.mirror.chunks import CHUNK, Chunk, Ledger, split
from padan.audit.mirror.database import guard
from padan.entry import FORMAT, LEAF_LABEL, SALT_SIZE
from padan.errors import DamageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from padan.audit.mirror.database import Database
    from padan.audit.mirror.trusted import Holding

_KEEP: Final = "keep the copy as it is and show it to the registry's supervisor; then fetch the entries again"
_LABEL: Final = pa.scalar(LEAF_LABEL, pa.large_binary())
_BETWEEN: Final = pa.scalar(b"", pa.large_binary())
_sha256 = hashlib.sha256


def check_leaves(chunk: Chunk, leaves: list[bytes]) -> None:
    """Hold the entries of a chunk against the leaves of the tree.

    Args:
        chunk: its rows.
        leaves: of the chunk's places, from its first.

    Raises:
        DamageError: an entry is not the leaf at its place; with the place.
    """
    raw, salt = _binary(chunk.rows.column("raw")), _binary(chunk.rows.column("salt"))
    data, ends = _parts(pc.call_function("binary_join_element_wise", [_LABEL, salt, raw, _BETWEEN]))
    _, salt_ends = _parts(salt)
    places = chunk.places().tolist()
    computed = [FORMAT + _sha256(data[begin:end]).digest() for begin, end in pairwise(ends)]
    expected = leaves if len(places) == len(leaves) else [leaves[place] for place in places]
    # A byte that went from a salt to its entry would leave the leaf as it is: each salt's size counts.
    if computed == expected and salt_ends == list(range(0, SALT_SIZE * len(places) + 1, SALT_SIZE)):
        return
    erased = raw.is_null().to_pylist()
    for row, place in enumerate(places):
        size = salt_ends[row + 1] - salt_ends[row]
        if computed[row] != expected[row] or size != SALT_SIZE:
            _require_erased(chunk, place, is_erased=erased[row], salt_size=size)


def _require_erased(chunk: Chunk, place: int, *, is_erased: bool, salt_size: int) -> None:
    if not is_erased or salt_size:
        raise DamageError(
            f"the private entry {chunk.first + place} is not the leaf at its place in the signed tree: it was changed, "
            "moved, or given another salt",
            next_step=_KEEP,
            reason="entry",
        )


def check_columns(database: Any, chunk: Chunk) -> None:
    """Compute every column of a chunk anew and compare.

    Args:
        database: a connection that computes.
        chunk: its rows.

    Raises:
        DamageError: a column is not what the entry says; with the place.
    """
    if not chunk.rows.num_rows:
        return
    rows = chunk.rows
    computed = columns.compute(
        database,
        rows.column("sequence").combine_chunks(),
        _binary(rows.column("raw")),
        _binary(rows.column("salt")),
    )
    for name in (each for each in columns.NAMES if each in rows.column_names):
        stored, right = rows.column(name).to_pylist(), computed.column(name).to_pylist()
        if stored != right:
            row = next(
                row for row, (one, other) in enumerate(zip(stored, right, strict=True)) if one != other
            )
            raise DamageError(
                f"the column {name} of entry {rows.column('sequence')[row]} is not what the entry says: it was changed",
                next_step=_KEEP,
                reason="column",
            )


def verify(
    database: Database, leaves: Iterator[list[bytes]], size: int, *, through: int, record: Holding | None
) -> Holding:
    """Check every stored entry, and that the copy holds what it held when it was trusted.

    Args:
        database: the copy's.
        leaves: of each chunk of the verified tree, from the first.
        size: leaves of the tree.
        through: the last place that was asked for.
        record: what was held when it was trusted; None computes all columns anew and compares with nothing.

    Raises:
        DamageError: with the place.
    """
    ledger = Ledger(through)
    with columns.computer() as computer, guard():
        for chunk, own in zip(split(database.batches(), size), leaves, strict=True):
            check_leaves(chunk, own)
            known = _recorded(chunk, record)
            if known is None:
                check_columns(computer, chunk)
            elif chunk.digest(min(record.through, size) if record else size) != known:
                check_columns(computer, chunk)
                _refuse_holding(chunk, record)
            ledger.add(chunk, known if record and record.through == through else None)
            if known is not None and record is not None and record.through < chunk.first + CHUNK - 1:
                check_columns(computer, chunk)  # rows that came after the record
    return ledger.holding()


def _recorded(chunk: Chunk, record: Holding | None) -> bytes | None:
    if record is None or chunk.number >= len(record.chunks):
        return None
    return record.chunks[chunk.number]


def _refuse_holding(chunk: Chunk, record: Holding | None) -> None:
    through = record.through if record else 0
    own = chunk.until(through)
    erased = own.rows.column("raw").null_count
    last = min(chunk.first + CHUNK - 1, through)
    raise DamageError(
        f"of the entries {chunk.first} to {last} the copy holds {own.rows.num_rows - erased} and {erased} erased, "
        "which are not those that it held when it was trusted: some were dropped, added or marked as erased",
        next_step=_KEEP,
        reason="holding",
    )


def entries(database: Database, leaves: Iterator[list[bytes]], size: int) -> Iterator[Item]:
    """Give every private entry that is held or was erased, in the order of the log, each held against its leaf.

    Args:
        database: the copy's.
        leaves: of each chunk of the verified tree, from the first.
        size: leaves of the tree.

    Raises:
        DamageError: an entry is not the leaf at its place.
    """
    with guard():
        for chunk, own in zip(split(database.batches(), size), leaves, strict=True):
            check_leaves(chunk, own)
            kinds = chunk.rows.column("kind").to_pylist()
            raw, salts = _items(chunk.rows.column("raw")), _items(chunk.rows.column("salt"))
            for place, kind, entry, salt in zip(chunk.places().tolist(), kinds, raw, salts, strict=True):
                yield Item(chunk.first + place, kind or 0, entry, salt, own[place])


def _binary(column: pa.ChunkedArray) -> pa.Array:
    """Give a column as one array of large_binary."""
    return column.cast(pa.large_binary()).combine_chunks()


def _parts(array: pa.Array) -> tuple[bytes, list[int]]:
    """Give an array's bytes and where each item begins in them, with the last one's end."""
    _, places, values = array.buffers()
    offsets = np.frombuffer(places, np.int64)[array.offset : array.offset + len(array) + 1]
    data = b"" if values is None else memoryview(values)[offsets[0] : offsets[-1]].tobytes()
    return data, (offsets - offsets[0]).tolist()


def _items(column: pa.ChunkedArray) -> list[bytes]:
    """Give a column's items, empty where null; some times faster than `to_pylist`."""
    data, ends = _parts(_binary(column))
    return [data[begin:end] for begin, end in pairwise(ends)]
