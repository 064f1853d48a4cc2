"""Columns of text, from Arrow, in chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from verifier.projector.chunk import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


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
