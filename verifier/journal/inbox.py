"""What comes on a stream between a worker and the writer, read into one room.

`recv` would make a room of the full size for each read and cut it down to the few hundred bytes that came: hundreds of
times a second, between objects that live longer, and the C library's heap keeps the holes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

ROOM: Final = 1 << 18
"""Bytes that are read at once."""


def chunks(stream: socket.socket) -> Iterator[bytes]:
    """Give what comes until the stream ends.

    Raises:
        OSError: it broke.
    """
    room = memoryview(bytearray(ROOM))
    while size := stream.recv_into(room):
        yield bytes(room[:size])
