"""The leader's seat: a row of the log's database, and a lock that goes with its holder.

On SQLite the lock is a file beside the database (flock), on PostgreSQL an advisory lock of a connection of its own;
the system, or the server, frees it when the process dies, however it dies. The row's term is changed only by whoever
saw it (compare and set), so of two that begin at once one begins.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import psycopg
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError

from verifier import schema
from verifier.candidacy import Lease
from verifier.database import make_engine, parse_address
from verifier.log.store import LogStoreError
from verifier.postgres import OPERATION_SECONDS, Link, watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from sqlalchemy.engine import Connection

# The lock's number is "lead" and the table's own, so that installations in one server do not meet.
_TRY_LOCK = "SELECT pg_try_advisory_lock((1818583396::bigint << 32) | 'leader'::regclass::oid::bigint)"
_READ = (
    "SELECT term, holder, heartbeat_ms, (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM leader"
)
_TAKE = (
    "UPDATE leader SET term = term + 1, holder = %b::bytea,"
    " heartbeat_ms = greatest(heartbeat_ms, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)"
    " WHERE term = %b::bigint RETURNING term"
)
_RENEW = (
    "UPDATE leader SET"
    " heartbeat_ms = greatest(heartbeat_ms + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)"
    " WHERE term = %b::bigint RETURNING term"
)
_RESIGN = "UPDATE leader SET holder = '' WHERE term = %b::bigint RETURNING term"


class Seat(Protocol):
    """Where one leads. Every failure of the database is a `LogStoreError`."""

    def try_lock(self) -> bool:
        """Hold the lock if nobody else does; True also where it is held already."""
        ...

    def release(self) -> None:
        """Let go of the lock alone."""
        ...

    def read(self) -> tuple[Lease, int]:
        """Read the row, and the time by the clock that writes heartbeats, milliseconds."""
        ...

    def take(self, seen_term: int, holder: bytes) -> int | None:
        """Begin the term after the one that was seen; None where another has begun it.

        Waits for transactions that a duty of the term before has open, so that they end under their own term.
        """
        ...

    def renew(self, term: int) -> bool:
        """Move the heartbeat; False where the term is over."""
        ...

    def resign(self, term: int) -> None:
        """Say that nobody leads, where the term is not over yet."""
        ...

    def close(self) -> None:
        """Let go of the lock and of every connection."""
        ...


def open_seat(database: str) -> Seat:
    """Open the seat behind an address, as `Settings.log_database` has it; nothing is touched before its first use."""
    address = parse_address(database)
    return PostgresSeat(address.url) if address.path is None else FileSeat(address.path)


class FileSeat:
    """The seat on SQLite."""

    def __init__(self, database: Path) -> None:
        """Prepare access.

        Args:
            database: the log's file; the lock is the file `NAME.leader.lock` beside it.
        """
        self._path = database.with_suffix(".leader.lock")
        self._engine = make_engine(parse_address(str(database)))
        self._descriptor: int | None = None

    def try_lock(self) -> bool:
        """Lock the file."""
        if self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise LogStoreError.of(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def read(self) -> tuple[Lease, int]:
        """Read the row."""
        with self._connected(reads_only=True) as connection:
            row = connection.execute(select(schema.leader)).one()
        return Lease(term=row.term, holder=row.holder, heartbeat_ms=row.heartbeat_ms), _now_ms()

    def take(self, seen_term: int, holder: bytes) -> int | None:
        """Begin the next term."""
        term = seen_term + 1
        beat = func.max(schema.leader.c.heartbeat_ms, _now_ms())
        return term if self._change(seen_term, term=term, holder=holder, heartbeat_ms=beat) else None

    def renew(self, term: int) -> bool:
        """Move the heartbeat."""
        return self._change(term, heartbeat_ms=func.max(schema.leader.c.heartbeat_ms + 1, _now_ms()))

    def resign(self, term: int) -> None:
        """Say that nobody leads."""
        self._change(term, holder=b"")

    def release(self) -> None:
        """Close the lock's file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def close(self) -> None:
        """Let go."""
        self._engine.dispose()
        self.release()

    def _change(self, seen_term: int, /, **values: Any) -> bool:
        with self._connected() as connection:
            table = schema.leader
            changed = connection.execute(update(table).where(table.c.term == seen_term).values(**values))
            return bool(changed.rowcount)

    @contextmanager
    def _connected(self, *, reads_only: bool = False) -> Iterator[Connection]:
        try:
            with self._engine.connect().execution_options(reads_only=reads_only) as connection:
                yield connection
                connection.commit()
        except SQLAlchemyError as error:
            raise LogStoreError.of(error) from error


class PostgresSeat:
    """The seat on PostgreSQL: the lock belongs to the connection that moves the heartbeat."""

    def __init__(self, url: str) -> None:
        self._link = Link(url)
        self._locked_on: psycopg.Connection | None = None

    def try_lock(self) -> bool:
        """Ask the server for the lock; whoever has lost the connection has lost the lock."""
        if self._locked_on is not None and not self._locked_on.closed:
            return True
        connection, rows = self._run(_TRY_LOCK)
        self._locked_on = connection if rows[0][0] else None
        return self._locked_on is not None

    def read(self) -> tuple[Lease, int]:
        """Read the row."""
        _, [(term, holder, heartbeat_ms, now_ms)] = self._run(_READ)
        return Lease(term=term, holder=holder, heartbeat_ms=heartbeat_ms), now_ms

    def take(self, seen_term: int, holder: bytes) -> int | None:
        """Begin the next term."""
        _, rows = self._run(_TAKE, holder, seen_term)
        return rows[0][0] if rows else None

    def renew(self, term: int) -> bool:
        """Move the heartbeat; waits for no duty, since it leaves the term alone, which alone they hold."""
        _, rows = self._run(_RENEW, term)
        return bool(rows)

    def resign(self, term: int) -> None:
        """Say that nobody leads."""
        self._run(_RESIGN, term)

    def release(self) -> None:
        """Close the connection; the next use opens another."""
        self._link.drop()
        self._locked_on = None

    def close(self) -> None:
        """Let go."""
        self._link.close()
        self._locked_on = None

    def _run(self, statement: str, *values: object) -> tuple[psycopg.Connection, list[tuple[Any, ...]]]:
        try:
            connection = self._link.get(time.monotonic() + OPERATION_SECONDS)
            with watchdog.guard(connection):
                cursor = connection.cursor(binary=True).execute(statement.encode(), values)
                return connection, cursor.fetchall()
        except psycopg.Error as error:
            self._link.drop()
            raise LogStoreError.of(error) from error


def _now_ms() -> int:
    return int(time.time() * 1000)
