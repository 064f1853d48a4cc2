"""Arrow batches as text: every value as the registry would write it in CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from verifier.projector.chunk import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def text_column(column: pa.Array) -> pa.Array:
    """Turn a column into text: dates as YYYY-MM-DD, whole numbers without a fraction, nothing for null.

    Whole numbers that passed through a program that keeps them as floating point come back whole.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return text_column(column.dictionary_decode())
    if pa.types.is_timestamp(kind):
        column = pc.cast(column, pa.date32(), safe=False)
    elif pa.types.is_floating(kind):
        column = _whole(column)
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        column = pc.cast(column, pa.string(), safe=True)
    return pc.cast(column, pa.string())


def _whole(column: pa.Array) -> pa.Array:
    try:
        return pc.cast(column, pa.int64(), safe=True)
    except pa.ArrowInvalid:
        return column


def stream(columns: list[pa.Array]) -> bytes:
    """Write columns of text as an Arrow stream."""
    batch = pa.RecordBatch.from_arrays(columns, names=[str(place) for place in range(len(columns))])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def chunks(batches: Iterable[list[pa.Array]]) -> Iterator[Chunk]:
    """Number batches of text columns as chunks; `done` counts rows."""
    index, first = 0, 1
    for columns in batches:
        rows = len(columns[0])
        if rows:
            yield Chunk(
                index=index, first_row=first, rows=rows, payload=stream(columns), done=first + rows - 1
            )
            index += 1
            first += rows
