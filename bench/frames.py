"""HTTP/2 frames (RFC 9113) made and read by hand, so that load and attacks are exactly what they say.

Pure: bytes in, bytes out. A block of headers is built once and sent many times; what a peer answers is cut
into frames without judging it.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import hpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_SIZE = 9
MAX_WINDOW = 2**31 - 1
DEFAULT_WINDOW = 65_535

_HEADER = struct.Struct(">HBBBI")
_SETTING = struct.Struct(">HI")
_WINDOW = struct.Struct(">I")
_MESSAGE = struct.Struct(">BI")


class Kind(enum.IntEnum):
    """Frame types of RFC 9113, section 6."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Flag(enum.IntFlag):
    """Frame flags; ACK has the bit of END_STREAM, on SETTINGS and PING."""

    NONE = 0
    END_STREAM = 1
    ACK = 1
    END_HEADERS = 4
    PADDED = 8


class Setting(enum.IntEnum):
    """Settings of RFC 9113, section 6.5.2."""

    HEADER_TABLE_SIZE = 1
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame as it came."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def ends_stream(self) -> bool:
        """Whether nothing more comes on the stream."""
        return bool(self.flags & Flag.END_STREAM) and self.kind in (Kind.DATA, Kind.HEADERS)


def frame(kind: int, payload: bytes = b"", *, stream: int = 0, flags: int = 0) -> bytes:
    """Build a frame; nothing is checked, an attacker does not either."""
    size = len(payload)
    return _HEADER.pack(size >> 8, size & 0xFF, kind, flags, stream) + payload


def settings(values: Mapping[int, int] | None = None) -> bytes:
    """Build a SETTINGS frame."""
    pairs = (values or {}).items()
    return frame(Kind.SETTINGS, b"".join(_SETTING.pack(number, value) for number, value in pairs))


def settings_ack() -> bytes:
    """Build the answer to a SETTINGS frame."""
    return frame(Kind.SETTINGS, flags=Flag.ACK)


def ping(data: bytes = bytes(8), *, ack: bool = False) -> bytes:
    """Build a PING frame of 8 bytes."""
    return frame(Kind.PING, data, flags=Flag.ACK if ack else Flag.NONE)


def window_update(stream: int, increment: int) -> bytes:
    """Build a WINDOW_UPDATE frame."""
    return frame(Kind.WINDOW_UPDATE, _WINDOW.pack(increment), stream=stream)


def reset(stream: int, code: int = 8) -> bytes:
    """Build an RST_STREAM frame; 8 is CANCEL."""
    return frame(Kind.RST_STREAM, _WINDOW.pack(code), stream=stream)


def data(stream: int, payload: bytes, *, end: bool = True) -> bytes:
    """Build a DATA frame."""
    return frame(Kind.DATA, payload, stream=stream, flags=Flag.END_STREAM if end else Flag.NONE)


def headers(stream: int, block: bytes, *, end_headers: bool = True, end_stream: bool = False) -> bytes:
    """Build a HEADERS frame around an encoded block."""
    flags = (Flag.END_HEADERS if end_headers else Flag.NONE) | (Flag.END_STREAM if end_stream else Flag.NONE)
    return frame(Kind.HEADERS, block, stream=stream, flags=flags)


def continuation(stream: int, block: bytes, *, end_headers: bool = False) -> bytes:
    """Build a CONTINUATION frame."""
    flags = Flag.END_HEADERS if end_headers else Flag.NONE
    return frame(Kind.CONTINUATION, block, stream=stream, flags=flags)


def opening(values: Mapping[int, int] | None = None) -> bytes:
    """Build what a client sends first: preface, SETTINGS, and the widest window for answers."""
    return PREFACE + settings(values) + window_update(0, MAX_WINDOW - DEFAULT_WINDOW)


def message(body: bytes, *, compressed: int = 0) -> bytes:
    """Put the gRPC prefix of 5 bytes before a message."""
    return _MESSAGE.pack(compressed, len(body)) + body


def call_headers(path: str, authority: str, *, timeout: str = "5S") -> list[tuple[str, str]]:
    """List the request headers of a gRPC call."""
    return [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", path),
        (":authority", authority),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "padan-bench"),
        ("grpc-timeout", timeout),
    ]


def steady_blocks(fields: Sequence[tuple[str, str]]) -> tuple[bytes, bytes]:
    """Encode the headers of the first call of a connection, and of every later one alike."""
    encoder = hpack.Encoder()
    first = encoder.encode(fields)
    return first, encoder.encode(fields)


def plain_block(fields: Sequence[tuple[str, str]]) -> bytes:
    """Encode headers as literals that touch no dynamic table, so that one block serves any connection."""
    parts: list[bytes] = []
    for name, value in fields:
        raw_name, raw_value = name.encode(), value.encode()
        parts += (b"\x00", _length(len(raw_name)), raw_name, _length(len(raw_value)), raw_value)
    return b"".join(parts)


def _length(size: int) -> bytes:
    """Encode a string length as an HPACK integer with a 7-bit prefix, not Huffman coded (RFC 7541, 5.1)."""
    if size < 0x7F:
        return bytes([size])
    rest, out = size - 0x7F, bytearray([0x7F])
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


class Cutter:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> Iterator[Frame]:
        """Yield the frames that are complete; keep the rest for the next call."""
        buffer = self._rest + received if self._rest else received
        position, end = 0, len(buffer)
        while end - position >= HEADER_SIZE:
            high, low, kind, flags, stream = _HEADER.unpack_from(buffer, position)
            start = position + HEADER_SIZE
            stop = start + (high << 8 | low)
            if stop > end:
                break
            yield Frame(kind=kind, flags=flags, stream=stream & MAX_WINDOW, payload=buffer[start:stop])
            position = stop
        self._rest = buffer[position:]


class Trailers:
    """Reads header blocks of one connection; blocks that come again are read from memory.

    A block of indexed fields alone (every byte has the high bit) means the same until the dynamic table
    changes, so the cache is emptied by every other block.
    """

    def __init__(self) -> None:
        self._decoder = hpack.Decoder()
        self._known: dict[bytes, dict[str, str]] = {}

    def read(self, block: bytes) -> dict[str, str]:
        """Decode a block; of a repeated name the last value stands."""
        known = self._known.get(block)
        if known is not None:
            return known
        fields = {str(name): str(value) for name, value in self._decoder.decode(block)}
        if all(byte & 0x80 for byte in block):
            self._known[block] = fields
        else:
            self._known.clear()
        return fields
