"""Frames of the key agent on a socket that blocks for as long as its timeouts say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keys import agent_wire
from keys.secret import burn

if TYPE_CHECKING:
    import socket

    from keys.agent_wire import Frame, Kind


def send(stream: socket.socket, kind: Kind, body: bytes = b"") -> None:
    """Send one frame.

    Raises:
        OSError: the other end is gone, or does not read.
    """
    frame = agent_wire.encode(kind, body)
    stream.sendall(frame)
    burn(frame)


def receive(stream: socket.socket) -> Frame | None:
    """Receive one frame; None where the stream ends instead.

    Raises:
        OSError: the other end broke off, or took too long.
        KeyAgentFormatError: it is no frame of this format.
    """
    start = _receive(stream, agent_wire.LENGTH_SIZE)
    if not start:
        return None
    size = agent_wire.length(start)
    rest = _receive(stream, size)
    if not rest:
        raise ConnectionResetError("the other end broke off")
    frame = agent_wire.decode(rest)
    burn(rest)
    return frame


def _receive(stream: socket.socket, size: int) -> bytes:
    data = bytearray(size)  # of its size from the start: one that grows would leave keys behind
    place, received = memoryview(data), 0
    while received < size:
        count = stream.recv_into(place[received:])
        if not count:
            data[:] = bytes(size)
            if received:
                raise ConnectionResetError("the other end broke off")
            return b""
        received += count
    whole = bytes(data)
    data[:] = bytes(size)
    return whole
