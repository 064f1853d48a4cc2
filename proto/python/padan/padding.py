"""Data at one of a few sizes, so that a box says nothing by its length: u16 length | data | zeros."""

from __future__ import annotations

from typing import Final

from padan.errors import PadanError

LENGTH_SIZE: Final = 2


class PaddingError(PadanError, ValueError):
    """Data does not fit, or bytes are not padded as they must be."""


def pad(data: bytes, size: int) -> bytes:
    """Pad data to a size in bytes, the length before it included.

    Raises:
        PaddingError: there is no room for it.
    """
    if len(data) > size - LENGTH_SIZE:
        raise PaddingError(f"the data has more than {size - LENGTH_SIZE} bytes")
    return len(data).to_bytes(LENGTH_SIZE, "big") + data.ljust(size - LENGTH_SIZE, b"\0")


def unpad(padded: bytes) -> bytes:
    """Give the data back.

    Raises:
        PaddingError: the length is impossible, or what follows the data is not all zeros.
    """
    end = LENGTH_SIZE + int.from_bytes(padded[:LENGTH_SIZE], "big")
    if end > len(padded) or any(padded[end:]):
        raise PaddingError("the bytes are not padded as they must be")
    return padded[LENGTH_SIZE:end]
