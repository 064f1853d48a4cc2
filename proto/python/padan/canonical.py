"""The canonical encoding of everything that is hashed, logged or sent between our own processes.

A message is a run of fields in strictly ascending order of number; a field is a number (u16), a length
(u32) and that many bytes, all integers big-endian. An absent field is not written. There is exactly one
encoding of a message, which protobuf does not promise across languages.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from padan.errors import PadanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HEADER = struct.Struct(">HI")
_LENGTH = struct.Struct(">I")
_LONGEST_TEXT = 0xFFFF


class CanonicalError(PadanError, ValueError):
    """The bytes are not a canonical encoding."""


def encode(fields: Mapping[int, bytes]) -> bytes:
    """Encode fields by ascending number.

    Args:
        fields: number (1 to 65,535) to value.

    Raises:
        CanonicalError: a number or a length does not fit.
    """
    if 0 in fields:
        raise CanonicalError("fields are numbered from 1")
    try:
        return b"".join(
            [_HEADER.pack(number, len(value)) + value for number, value in sorted(fields.items())]
        )
    except struct.error:
        raise CanonicalError("a field's number or length does not fit") from None


def header(number: int, size: int) -> bytes:
    """Encode what stands before a field's value, for messages that are put together by hand.

    Args:
        number: of the field, 1 to 65,535.
        size: of its value in bytes.
    """
    return _HEADER.pack(number, size)


def decode(data: bytes) -> dict[int, bytes]:
    """Decode a message; refuse everything that `encode` would not have written.

    Raises:
        CanonicalError: truncated, out of order, or a number of zero.
    """
    fields: dict[int, bytes] = {}
    position, last = 0, 0
    while position < len(data):
        if position + _HEADER.size > len(data):
            raise CanonicalError("a field's header is cut off")
        number, length = _HEADER.unpack_from(data, position)
        position += _HEADER.size
        if number <= last:
            raise CanonicalError("fields are not in ascending order")
        if position + length > len(data):
            raise CanonicalError("a field's value is cut off")
        fields[number] = data[position : position + length]
        position += length
        last = number
    return fields


def encode_list(items: Iterable[bytes]) -> bytes:
    """Encode a list as one value: each item with its u32 length before it."""
    return b"".join(_LENGTH.pack(len(item)) + item for item in items)


def decode_list(data: bytes) -> list[bytes]:
    """Decode a list.

    Raises:
        CanonicalError: an item is cut off.
    """
    items: list[bytes] = []
    position = 0
    while position < len(data):
        if position + _LENGTH.size > len(data):
            raise CanonicalError("an item's length is cut off")
        (length,) = _LENGTH.unpack_from(data, position)
        position += _LENGTH.size
        if position + length > len(data):
            raise CanonicalError("an item is cut off")
        items.append(data[position : position + length])
        position += length
    return items


def prefixed(*texts: str) -> bytes:
    """Join texts as a label: each in UTF-8 with its u16 length before it."""
    raw = [text.encode() for text in texts]
    if any(len(text) > _LONGEST_TEXT for text in raw):
        raise CanonicalError("a label does not fit")
    return b"".join(len(text).to_bytes(2, "big") + text for text in raw)
