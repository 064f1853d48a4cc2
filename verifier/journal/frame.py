"""Frames: what a stream between a worker and the writer is cut into (docs/formats/journal.md). Pure.

A frame is `u32 length | 0x04 | u8 kind | u64 number | f64 deadline | body`, the length counting all after itself. A
question carries a number and the monotonic second after which nobody waits for it any more; its answer carries the
number again and a deadline of zero. Answers may come in any order. Both ends are of one host, whose monotonic clock
they share.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from verifier.journal.wire import JournalFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = 4
MAX_FRAME = 16 << 20
"""Bytes after the length; a call of a thousand questions has some 2 MiB."""
_HEADER = struct.Struct(">IBBQd")
_LENGTH = struct.Struct(">I")
_REST = _HEADER.size - _LENGTH.size


class Kind(IntEnum):
    """What a frame is."""

    COMMIT = 1
    """Worker to writer: intents."""
    PROBE = 2
    """Worker to writer: does a commit work? The body is empty, and so is the answer's list."""
    SETTLED = 3
    """Writer to worker: what became of each intent, durably."""
    FAILED = 4
    """Writer to worker: why nothing is known to be durable."""
    LEAVING = 5
    """Writer to worker: ask nothing more on this stream; another writer takes over. Number zero, no body."""


_KINDS = {int(kind): kind for kind in Kind}


class Frame(NamedTuple):
    """One frame."""

    kind: Kind
    number: int
    deadline: float
    body: bytes


def encode(kind: Kind, number: int, body: bytes, *, deadline: float = 0.0) -> bytes:
    """Encode a frame."""
    if len(body) > MAX_FRAME - _REST:
        raise JournalFormatError("a call has more intents than a frame holds")
    return _HEADER.pack(_REST + len(body), FORMAT, kind, number, deadline) + body


class Cutter:
    """Cuts what a stream brings into frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes and give the frames that are complete.

        Raises:
            JournalFormatError: another format, an unknown kind or a length that no frame has; the stream is of no
                more use.
        """
        stream = self._rest + data if self._rest else data
        position, size = 0, len(stream)
        while size - position >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(stream, position)
            if not _REST <= length <= MAX_FRAME:
                raise JournalFormatError("a frame has an impossible length")
            end = position + _LENGTH.size + length
            if end > size:
                break
            _, version, kind, number, deadline = _HEADER.unpack_from(stream, position)
            if version != FORMAT or kind not in _KINDS:
                raise JournalFormatError("a frame is of another format")
            yield Frame(_KINDS[kind], number, deadline, stream[position + _HEADER.size : end])
            position = end
        self._rest = stream[position:]
