"""Columns as PostgreSQL takes them in binary: one array of a whole group's values, for `unnest`.

psycopg writes a list element by element in Python, which made up most of an entry's way to the server. Here equal
values are spelled once, and values of one length are joined at once. The form is that of `array_recv` in
src/backend/utils/adt/arrayfuncs.c of PostgreSQL: dimensions (1, or 0 for an empty array), whether there are nulls, the
elements' type, their number, the first index, all i32; then each element behind its length, i32. No element is null.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADER: Final = struct.Struct(">iiIii")
_EMPTY: Final = struct.Struct(">iiI")
_LENGTH: Final = struct.Struct(">i")


class _Array(bytes):
    """An array as it is sent."""

    __slots__ = ()


class _Bytea(_Array):
    __slots__ = ()


class _Text(_Array):
    __slots__ = ()


class _Int2(_Array):
    __slots__ = ()


class _Int4(_Array):
    __slots__ = ()


class _Int8(_Array):
    __slots__ = ()


_NAMES: Final[dict[type[_Array], str]] = {
    _Bytea: "bytea",
    _Text: "text",
    _Int2: "int2",
    _Int4: "int4",
    _Int8: "int8",
}


def of_bytes(values: Sequence[bytes]) -> bytes:
    """Make a bytea[]."""
    return _array(_Bytea, values)


def of_texts(values: Sequence[str]) -> bytes:
    """Make a text[]."""
    spelled = {value: value.encode() for value in set(values)}
    return _array(_Text, [spelled[value] for value in values])


def of_int2(values: Sequence[int]) -> bytes:
    """Make a smallint[].

    Raises:
        OverflowError: a value is none.
    """
    return _numbers(_Int2, 2, values)


def of_int4(values: Sequence[int]) -> bytes:
    """Make an int[].

    Raises:
        OverflowError: a value is none.
    """
    return _numbers(_Int4, 4, values)


def of_int8(values: Sequence[int]) -> bytes:
    """Make a bigint[].

    Raises:
        OverflowError: a value is none.
    """
    return _numbers(_Int8, 8, values)


def _numbers(kind: type[_Array], size: int, values: Sequence[int]) -> bytes:
    spelled = {value: value.to_bytes(size, "big", signed=True) for value in set(values)}
    return _array(kind, [spelled[value] for value in values])


def _array(kind: type[_Array], values: Sequence[bytes]) -> bytes:
    element = psycopg.postgres.types[_NAMES[kind]].oid
    if not values:
        return kind(_EMPTY.pack(0, 0, element))
    head = _HEADER.pack(1, 0, element, len(values), 1)
    sizes = set(map(len, values))
    if len(sizes) == 1:
        length = _LENGTH.pack(*sizes)
        return kind(head + length + length.join(values))
    return kind(head + b"".join([_LENGTH.pack(len(value)) + value for value in values]))


class _Sent(Dumper):
    """Hands an array to the server as it is."""

    format = Format.BINARY

    def dump(self, obj: _Array) -> Buffer:
        return obj


for _kind, _name in _NAMES.items():
    _dumper = type(f"{_kind.__name__}Dumper", (_Sent,), {"oid": psycopg.postgres.types[_name].array_oid})
    psycopg.adapters.register_dumper(_kind, _dumper)
