"""Digests of what a copy holds: byte for byte what docs/formats/copy.md says."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from padan.audit.mirror import columns
from padan.audit.mirror.chunks import CHUNK, ERASED, HELD, UNSEEN, Chunk

ROWS = 40
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


def digest(rows: list[dict[str, Any]], through: int, schema: pa.Schema) -> bytes:
    """Compute the digest of the first chunk from plain rows, one value after the other."""
    rows = [row for row in rows if row["sequence"] <= through]
    held = {row["sequence"]: ERASED if row["raw"] is None else HELD for row in rows}
    out = bytes(held.get(place, UNSEEN) for place in range(1, min(CHUNK, through) + 1))
    for name in columns.NAMES:
        values = [row[name] for row in rows]
        there = [value is not None for value in values]
        if not any(there):
            out += b"\0"
            continue
        out += b"\1" if all(there) else b"\2" + np.packbits(there).tobytes()
        kind = schema.field(name).type
        if pa.types.is_integer(kind):
            out += struct.pack(
                f"<{len(values)}{_CODES[kind.bit_width // 8]}", *(value or 0 for value in values)
            )
        else:
            texts = [value.encode() if isinstance(value, str) else value or b"" for value in values]
            out += b"".join(len(text).to_bytes(4, "little") for text in texts) + b"".join(texts)
    return hashlib.sha256(out).digest()[:16]


def table(*, gaps: bool) -> pa.Table:
    """Make rows of every column; where there are gaps, each third row has nothing in each second column."""
    made: dict[str, pa.Array] = {
        "sequence": pa.array(range(1, ROWS + 1), pa.uint64()),
        "raw": pa.array([None if gaps and row % 3 == 0 else b"%d" % row for row in range(ROWS)], pa.binary()),
    }
    for at, name in enumerate(columns.NAMES):
        kind: pa.DataType = pa.string()
        values: list[Any] = ["" if row % 7 == 0 else f"{name} {row} é" for row in range(ROWS)]
        if name in columns.NUMBERS:
            kind, values = (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())[at % 4], list(range(ROWS))
        elif name in columns.BYTES:
            kind, values = pa.binary(), [bytes([row]) * row for row in range(ROWS)]
        if gaps and at % 2:
            values = [None if row % 3 == 0 else value for row, value in enumerate(values)]
        if gaps and at % 5 == 0:
            values = [None] * ROWS
        made[name] = pa.array(values, kind)
    return pa.table(made)


def covered(text: pa.Array) -> pa.Array:
    """Give the same texts with bytes below those that are null, which Arrow allows."""
    bitmap, _, _ = text.buffers()
    full = pa.array(["below" if value is None else value for value in text.to_pylist()], text.type)
    return pa.Array.from_buffers(text.type, len(text), [bitmap, *full.buffers()[1:]])


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("through", [1, 9, ROWS, CHUNK, 10_000])
def test_a_digest_is_what_its_format_says(*, gaps: bool, through: int) -> None:
    """The digest of any rows, up to any place, equals the one that is computed value by value."""
    rows = table(gaps=gaps)
    assert Chunk(0, rows).digest(through) == digest(rows.to_pylist(), through, rows.schema)


@pytest.mark.parametrize("gaps", [False, True])
def test_a_digest_does_not_depend_on_how_rows_lie(*, gaps: bool) -> None:
    """Pieces, parts of larger arrays, wide offsets and bytes below what is null leave a digest as it is."""
    rows = table(gaps=gaps)
    expected = Chunk(0, rows).digest(CHUNK)
    before = pa.concat_tables([rows.slice(30), rows]).combine_chunks().slice(ROWS - 30)
    pieces = pa.concat_tables([rows.slice(0, 7), rows.slice(7)])
    large = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}
    wide = rows.cast(pa.schema([(field.name, large.get(field.type, field.type)) for field in rows.schema]))
    under = rows.set_column(
        rows.schema.get_field_index("purpose"), "purpose", covered(rows.column("purpose").combine_chunks())
    )
    for other in (before, pieces, wide, under):
        assert Chunk(0, other).digest(CHUNK) == expected
    assert under.column("purpose").to_pylist() == rows.column("purpose").to_pylist()
