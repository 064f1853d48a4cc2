"""A watchdog over connections to PostgreSQL: it shuts the socket of every operation that is past its time.

A server that is gone, stopped or cut off says nothing at all, and libpq would wait for it without end.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import TupleRow

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATION_SECONDS = 1.8
"""A transaction or lookup from its first to its last byte; an answer waits 2 s at most."""
_TICK = 0.1


class Watchdog:
    """Shuts the sockets of operations that are past their time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: dict[int, tuple[float, psycopg.Connection]] = {}
        self._wake = threading.Event()
        self._started = False

    @contextmanager
    def guard(self, connection: psycopg.Connection, seconds: float = OPERATION_SECONDS) -> Iterator[None]:
        """Give an operation on a connection this long; past it, the operation fails with OperationalError.

        An operation may be a part of a longer one that is watched too.
        """
        key = object()
        self._watch(id(key), connection, seconds)
        try:
            yield
        finally:
            self._forget(id(key))

    def start(self, connection: psycopg.Connection, seconds: float = OPERATION_SECONDS) -> None:
        """Begin to watch; `stop` must follow, and the connection stay open until then."""
        self._watch(id(connection), connection, seconds)

    def stop(self, connection: psycopg.Connection) -> None:
        """End the watch."""
        self._forget(id(connection))

    def _watch(self, key: int, connection: psycopg.Connection, seconds: float) -> None:
        with self._lock:
            self._busy[key] = (time.monotonic() + seconds, connection)
            if not self._started:
                self._started = True
                threading.Thread(target=self._run, name="postgres-watchdog", daemon=True).start()
        self._wake.set()

    def _forget(self, key: int) -> None:
        with self._lock:
            self._busy.pop(key, None)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._busy:
                time.sleep(_TICK)
                self._shut_late(time.monotonic())

    def _shut_late(self, now: float) -> None:
        # Under the lock, so that no descriptor that is shut can have been given to another connection meanwhile.
        with self._lock:
            late = [key for key, (end, _) in self._busy.items() if now > end]
            for key in late:
                _, connection = self._busy.pop(key)
                with contextlib.suppress(OSError, psycopg.Error):
                    _shut(connection.fileno())


watchdog = Watchdog()
"""One for the process."""


class WatchedConnection(psycopg.Connection[TupleRow]):
    """A connection of which every wait for the server is watched: a statement, a commit, a ping."""

    def wait(self, *arguments: Any, **more: Any) -> Any:
        """Wait for the server, at most OPERATION_SECONDS.

        Raises:
            psycopg.OperationalError: it took longer.
        """
        with watchdog.guard(self):
            return super().wait(*arguments, **more)


def _shut(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as twin:
        twin.shutdown(socket.SHUT_RDWR)
