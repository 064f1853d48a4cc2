"""Attack 25: too much at once. Refused before it is held: growth under 32 MiB for bombs of up to 512 MiB."""

from __future__ import annotations

import contextlib
import gzip
import struct
import zlib
from typing import TYPE_CHECKING

import grpc
import pytest

from bench import frames
from tests import service
from tests.attack.network.target import MIB, memory_growth
from tests.attack.network.wire import VERIFY, Answer, Wire
from verifier.transport import MAX_UNARY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.attack.network.conftest import Report, Target

pytestmark = pytest.mark.attack

_MEMORY = 32 * MIB
_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
_CHUNK = 16_384


@contextlib.contextmanager
def _within_memory(target: Target, report: Report) -> Iterator[None]:
    with memory_growth(target.pids) as growth:
        yield
    report("memory growth MiB", round(growth[0] / MIB, 1))
    assert growth[0] < _MEMORY
    assert target.running.process.poll() is None


def _pour(target: Target, head: bytes, size: int, *, extra: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Send a message as far as the server takes it."""
    with contextlib.closing(Wire(target.known)) as wire:
        stream = wire.begin([*frames.call_headers(VERIFY, wire.authority), *extra])
        sent, filling = 0, bytes(_CHUNK)
        with contextlib.suppress(OSError):
            wire.send(frames.data(stream, head, end=False))
            # What fits into the windows goes out at once; a server that grants more would get all of it.
            while sent < min(size, frames.DEFAULT_WINDOW - 2 * _CHUNK):
                wire.send(frames.data(stream, filling, end=False))
                sent += _CHUNK
        return wire.finish(stream, seconds=8)


@pytest.mark.parametrize("size", [MAX_UNARY_BYTES + 1, 8 * MIB, 512 * MIB, 0xFFFFFFFF])
def test_oversize_message_is_refused_by_its_length(target: Target, size: int, report: Report) -> None:
    """A message whose prefix announces too much is refused before it comes."""
    with _within_memory(target, report):
        answer = _pour(target, struct.pack(">BI", 0, size), size)
    assert answer.status == _EXHAUSTED


def _bomb(size: int) -> bytes:
    """Compress zeros, 1,000 bytes into one; the trailer is left out, it would come after the explosion."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(MIB)
    first = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * (size // MIB - 1)


@pytest.mark.parametrize("size", [1 * MIB, 32 * MIB, 512 * MIB])
def test_gzip_bomb_is_refused(target: Target, size: int, report: Report) -> None:
    """A message that inflates beyond the limit is refused without being inflated in full."""
    bomb = _bomb(size)
    with _within_memory(target, report), contextlib.closing(Wire(target.known)) as wire:
        stream = wire.begin([*frames.call_headers(VERIFY, wire.authority), ("grpc-encoding", "gzip")])
        with contextlib.suppress(OSError):
            payload = frames.message(bomb, compressed=1)[: frames.DEFAULT_WINDOW]
            for at in range(0, len(payload), _CHUNK):
                wire.send(frames.data(stream, payload[at : at + _CHUNK], end=False))
            wire.send(frames.data(stream, b""))
        answer = wire.finish(stream, seconds=8)
    report("status", answer.status)
    assert answer.ended
    assert answer.status != 0


def test_largest_inflated_message_is_judged_as_any_other(target: Target) -> None:
    """A small gzip message is either understood or refused as an encoding, never a fault of ours."""
    raw = service.request().SerializeToString()
    with contextlib.closing(Wire(target.known)) as wire:
        answer = wire.call(
            frames.message(gzip.compress(raw), compressed=1), extra=(("grpc-encoding", "gzip"),)
        )
    assert answer.status in {0, grpc.StatusCode.UNIMPLEMENTED.value[0]}


def test_header_bomb_is_refused(target: Target, report: Report) -> None:
    """A header that stands once in the compression table and is named 60,000 times is refused."""
    with _within_memory(target, report), contextlib.closing(Wire(target.known)) as wire:
        wire.settle()
        block = frames.plain_block(frames.call_headers(VERIFY, wire.authority))
        value = b"v" * 3_000
        # Literal with incremental indexing, then index 62: the newest entry of the dynamic table.
        planted = b"\x40\x01x\x7f" + bytes([(3_000 - 127) & 0x7F | 0x80, (3_000 - 127) >> 7]) + value
        with contextlib.suppress(OSError):
            wire.send(frames.headers(1, block + planted, end_headers=False))
            for _ in range(60):
                wire.send(frames.continuation(1, b"\xbe" * 1_000))
            wire.send(frames.continuation(1, b"", end_headers=True))
        answer = wire.finish(1, seconds=8)
    assert answer.ended
    assert answer.status != 0
