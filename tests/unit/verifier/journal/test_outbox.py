"""What is sent, when, and what happens when the other end does not take it."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from verifier.journal import address
from verifier.journal.outbox import MAX_PAUSE, Outbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a stream: ours and theirs."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)
    with address.prepare(ours), theirs:
        yield ours, theirs


def test_messages_leave_in_order_and_together(ends: tuple[socket.socket, socket.socket]) -> None:
    """What is there when the thread comes to send goes in one write."""
    ours, theirs = ends
    outbox = Outbox(ours, name="test")
    for number in range(100):
        outbox.put(lambda number=number: bytes((number,)))  # type: ignore[misc]  # bound now, not at the call
    outbox.start()
    outbox.finish(10)
    assert theirs.recv(1_000) == bytes(range(100))


def test_a_message_may_wait_for_others(ends: tuple[socket.socket, socket.socket]) -> None:
    """Until its second has come, and never long, a message is not sent."""
    ours, theirs = ends
    outbox = Outbox(ours, name="test")
    outbox.start()
    began = time.monotonic()
    outbox.put(lambda: b"a", by=began + 60)
    outbox.put(lambda: b"b")
    assert theirs.recv(10) == b"ab"
    assert time.monotonic() - began >= MAX_PAUSE
    outbox.finish(10)


def test_what_nobody_takes_breaks_the_stream(ends: tuple[socket.socket, socket.socket]) -> None:
    """A send that cannot go on ends both directions, since a message may be cut; later messages are dropped."""
    ours, theirs = ends
    outbox = Outbox(ours, name="test")
    outbox.start()
    outbox.put(lambda: bytes(8_000_000))
    assert ours.recv(1) == b"", "the reader of our end is told"
    outbox.put(lambda: b"more")
    outbox.finish(10)
    theirs.recv(1)
