"""What every object that holds key material shares: it shows nothing and it goes nowhere.

Guarantees: `repr` names only the type, and pickling, copying and deep copying raise. Assumes nothing about
the memory: CPython cannot promise that a freed `bytes` is overwritten; where that matters the holder keeps a
`bytearray` and wipes it.
"""

from __future__ import annotations

import ctypes
from typing import Any, NoReturn, Self


class Secret:
    """Base of objects that hold key material."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a key and is not pickled")

    def __copy__(self) -> Self:
        raise TypeError(f"{type(self).__name__} holds a key and is not copied")

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        raise TypeError(f"{type(self).__name__} holds a key and is not copied")


def burn(data: bytes) -> None:
    """Overwrite bytes that held a key on their way between processes; the caller has the only reference.

    CPython keeps the bytes of a freed object until something else needs their place. Must be given what was just
    made or received, never a constant.
    """
    start = id(data) + bytes.__basicsize__ - 1
    ctypes.memset(start, 0, len(data))


def taken(data: bytes) -> bytearray:
    """Move bytes that were just made, and that nobody else has, into a buffer that can be zeroed; burns them."""
    buffer = bytearray(data)
    burn(data)
    return buffer


class Material(Secret):
    """Key bytes in memory that can be zeroed.

    Args:
        data: the key; the caller's buffer is not kept.
    """

    __slots__ = ("_data",)

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = bytearray(data)

    def __len__(self) -> int:
        return len(self._data)

    def view(self) -> bytearray:
        """Give the buffer itself, for the wrappers of this package alone; after `wipe` it holds zeros."""
        return self._data

    def wipe(self) -> None:
        """Overwrite the key with zeros."""
        self._data[:] = bytes(len(self._data))
