"""What is yet to be sent on a stream: many threads put messages, one thread sends all that are there in one write.

Putting costs no system call, so a thread that puts keeps the interpreter's lock; the other end wakes once for many
messages instead of once for each.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Message = Callable[[], bytes]

MAX_PAUSE = 0.02
"""Seconds that a message waits at most for others."""


class Outbox:
    """Sends messages on a stream, in the order in which they were put, until that breaks."""

    def __init__(self, stream: socket.socket, *, name: str) -> None:
        """Prepare; `start` starts the sending thread.

        Args:
            stream: a connected stream; a send that cannot go on breaks it for both directions.
            name: of the thread.
        """
        self._stream = stream
        self._queue: SimpleQueue[tuple[Message, float] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def put(self, message: Message, *, by: float = 0.0) -> None:
        """Send a message.

        Args:
            message: gives the bytes; called in the sending thread.
            by: monotonic second until which it may wait for others.
        """
        self._queue.put((message, by))

    def finish(self, seconds: float) -> None:
        """Send what was put before, and end the thread."""
        self._queue.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        going = True
        while going:
            first = self._queue.get()
            if first is not None and (pause := first[1] - time.monotonic()) > 0:
                time.sleep(min(pause, MAX_PAUSE))
            items = [first]
            with contextlib.suppress(Empty):
                while True:
                    items.append(self._queue.get_nowait())
            going = None not in items
            try:
                self._stream.sendall(b"".join([item[0]() for item in items if item is not None]))
            except OSError:  # the other end is gone or does not read, and a message may be cut
                with contextlib.suppress(OSError):
                    self._stream.shutdown(socket.SHUT_RDWR)
                return
