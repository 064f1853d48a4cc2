"""Connections to PostgreSQL that nobody waits for longer than the answer's limit.

The server's own timeouts end slow statements and lock waits. A server that is gone, stopped or cut off says nothing
at all, so a watchdog ends every operation that is past its time, and connecting happens in a thread of its own. A dead
connection is replaced at its next use.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, LiteralString, TypeAlias

import psycopg
from psycopg import errors as pg
from psycopg.conninfo import make_conninfo

from verifier.database import STATEMENT_MS
from verifier.watchdog import OPERATION_SECONDS, watchdog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import sql

__all__ = ["CONNECT_SECONDS", "OPERATION_SECONDS", "Link", "watchdog"]

CONNECT_SECONDS = 1.2
_SETTINGS = (
    f"SET statement_timeout = {STATEMENT_MS}; SET lock_timeout = {STATEMENT_MS};"
    f" SET idle_in_transaction_session_timeout = {STATEMENT_MS}; SET jit = off"
)


Statement: TypeAlias = "LiteralString | sql.Composed"


class Link:
    """One connection for one thread, opened when needed."""

    def __init__(self, url: str, settings: str = "") -> None:
        """Prepare a connection.

        Args:
            url: as libpq reads it.
            settings: SQL that a new connection runs first.
        """
        self._url = make_conninfo(url, connect_timeout=2, application_name="padan", tcp_user_timeout=1500)
        self._settings = f"{_SETTINGS}; {settings}" if settings else _SETTINGS
        self._connection: psycopg.Connection | None = None
        self._dial: _Dial | None = None
        self._closed = False

    def get(self, end: float) -> psycopg.Connection:
        """Return the connection, after connecting if need be.

        Args:
            end: monotonic second after which nobody waits for it.

        Raises:
            psycopg.OperationalError: not to be had by then, or within CONNECT_SECONDS.
        """
        if self._closed:
            raise pg.ConnectionDoesNotExist("the link is closed")
        if self._connection is not None and not self._connection.closed:
            return self._connection
        self._dial = dial = self._dial or _Dial(self._url, self._settings)
        try:
            self._connection = connection = dial.wait(min(CONNECT_SECONDS, end - time.monotonic()))
        finally:
            # What ends only now, after the wait, is for whoever comes next.
            if dial.is_heard:
                self._dial = None
        return connection

    def begin(self) -> psycopg.Connection:
        """Begin a transaction, watched until `end`.

        Raises:
            psycopg.Error: it does not begin; nothing is watched then.
        """
        connection, _ = self._send("BEGIN", (), time.monotonic() + OPERATION_SECONDS)
        return connection

    def end(self) -> None:
        """End the watch that `begin` began."""
        if self._connection is not None:
            watchdog.stop(self._connection)

    def select(self, statement: Statement, values: Sequence[object], end: float) -> list[tuple[Any, ...]]:
        """Run one statement that reads, in binary.

        Args:
            statement: what to run; it may be sent twice.
            values: its parameters.
            end: monotonic second after which nobody waits for it.

        Raises:
            psycopg.Error: it failed.
        """
        _, cursor = self._send(statement, values, end)
        try:
            return cursor.fetchall()
        finally:
            self.end()

    def _send(
        self, statement: Statement, values: Sequence[object], end: float
    ) -> tuple[psycopg.Connection, psycopg.Cursor]:
        """Send a statement that may be sent twice: a connection that died while it was idle is replaced.

        One that does not answer is not: it has used up the time.
        """
        if self._connection is not None and not self._connection.closed:
            try:
                return self._connection, _watched(self._connection, end, statement, values)
            except psycopg.OperationalError:
                if not self._connection.broken or time.monotonic() > end - OPERATION_SECONDS / 2:
                    raise
                self.drop()
        connection = self.get(end)
        return connection, _watched(connection, end, statement, values)

    def drop(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close the connection, and one that is still being opened, for good."""
        self._closed = True
        self.drop()
        dial, self._dial = self._dial, None
        if dial is not None:
            dial.abandon()


class _Dial:
    """One attempt to connect, in a thread: libpq itself cannot be told to wait less than two seconds."""

    def __init__(self, url: str, settings: str) -> None:
        self._error: psycopg.Error | None = None
        self._url, self._settings = url, settings
        self._connection: psycopg.Connection | None = None
        self._abandoned = False
        self._lock = threading.Lock()
        self._done = threading.Event()
        self.is_heard = False
        threading.Thread(target=self._run, name="postgres-connect", daemon=True).start()

    def wait(self, seconds: float) -> psycopg.Connection:
        """Wait for the connection.

        Raises:
            psycopg.Error: the attempt failed, or has not ended yet.
        """
        if not self._done.wait(seconds):
            raise pg.ConnectionTimeout("no connection in time")
        self.is_heard = True
        if self._connection is None:
            raise self._error or pg.OperationalError("no connection")
        return self._connection

    def abandon(self) -> None:
        """Close what comes of it."""
        with self._lock:
            self._abandoned = True
            if self._connection is not None:
                self._connection.close()

    def _run(self) -> None:
        connection: psycopg.Connection | None = None
        try:
            connection = psycopg.connect(self._url, autocommit=True, prepare_threshold=1)
            with watchdog.guard(connection):
                connection.execute(self._settings.encode())
        except psycopg.Error as error:
            self._error = error
            if connection is not None:
                connection.close()
        else:
            with self._lock:
                if self._abandoned:
                    connection.close()
                self._connection = connection
        finally:
            self._done.set()


def _watched(
    connection: psycopg.Connection, end: float, statement: Statement, values: Sequence[object]
) -> psycopg.Cursor:
    watchdog.start(connection, end - time.monotonic())
    try:
        return connection.cursor(binary=True).execute(statement, values, prepare=True)
    except BaseException:
        watchdog.stop(connection)
        raise
