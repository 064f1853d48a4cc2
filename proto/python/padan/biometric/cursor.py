"""A place in the bytes of a record, which never goes beyond their end."""

from __future__ import annotations

from padan.biometric.faults import refuse


class Cursor:
    """Reads big-endian numbers one after the other."""

    __slots__ = ("_data", "at")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self.at = at

    @property
    def left(self) -> int:
        """How many bytes there are behind this place."""
        return len(self._data) - self.at

    def take(self, size: int) -> bytes:
        """Take bytes.

        Raises:
            MinutiaeError: there are not as many.
        """
        if size > self.left:
            refuse("truncated")
        self.at += size
        return self._data[self.at - size : self.at]

    def number(self, size: int) -> int:
        """Take an unsigned number of `size` bytes.

        Raises:
            MinutiaeError: there are not as many.
        """
        return int.from_bytes(self.take(size), "big")


def packed(*fields: tuple[int, int]) -> bytes:
    """Write unsigned numbers, (value, bytes) each.

    Raises:
        MinutiaeError: one does not fit.
    """
    try:
        return b"".join(value.to_bytes(size, "big") for value, size in fields)
    except OverflowError:
        refuse("field")
