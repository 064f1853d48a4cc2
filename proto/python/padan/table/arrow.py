"""Columns of Arrow as text, as a registry or an agency would write them in CSV. Assumes the extra `tables`."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


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
