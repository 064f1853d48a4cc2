"""Addresses of our databases, and SQLAlchemy engines for everything off the hot path.

An address is a `postgresql://` URL, a `sqlite:///` URL or the path of a SQLite file. SQLite files are opened without
being created (only `upgrade` creates), in WAL mode with synchronous=FULL, so that a commit is durable when it returns,
and with secure_delete, whatever the library was built with, so that no free page holds what was withdrawn or erased.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psycopg
import sqlalchemy
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from verifier.errors import OperatorError
from verifier.watchdog import WatchedConnection

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection

BUSY_SECONDS = 1.5
"""How long a SQLite connection waits for another's lock; an answer waits 2 s at most."""
_BEGIN = "BEGIN IMMEDIATE"
_POLL_MS = 1
_AT_ONCE = 15
"""SQLite connections of one engine at most; who comes then waits."""
STATEMENT_MS = 1_500
"""How long PostgreSQL works on a statement or waits for a lock."""
# For all bytes that it binds, sqlite3 looks for a way to adapt them, by way of AttributeErrors that nobody sees. Told
# that bytes are bytes, it writes an entry in three quarters of the time.
sqlite3.register_adapter(bytes, bytes.__bytes__)
_POSTGRES = ("postgresql://", "postgres://", "postgresql+psycopg://")
_SQLITE = "sqlite:///"


class DatabaseAddressError(OperatorError):
    """The address names no database that Padan can use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a database is: a SQLite file, or a PostgreSQL URL as libpq reads it."""

    path: Path | None = None
    url: str = ""

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file."""
        return self.path is not None


def parse_address(text: str) -> Address:
    """Read an address.

    Raises:
        DatabaseAddressError: another kind of database, or nothing.
    """
    for prefix in _POSTGRES:
        if text.startswith(prefix):
            return Address(url="postgresql://" + text.removeprefix(prefix))
    if text.startswith(_SQLITE):
        return Address(path=Path(text.removeprefix(_SQLITE)))
    if not text or "://" in text:
        raise DatabaseAddressError("a database is a postgresql:// URL or the path of a SQLite file")
    return Address(path=Path(text))


def sqlite_uri(path: Path, query: str) -> str:
    """Spell a file as the URI that sqlite3 opens, for example with `mode=rw`."""
    return f"{path.absolute().as_uri()}?{query}"


def open_sqlite(path: Path, *, create: bool = False, wal: bool = True) -> sqlite3.Connection:
    """Open a SQLite file for reading and writing, each commit durable.

    Args:
        path: the file.
        create: make it where it is not there.
        wal: keep a write-ahead log; without it the file alone is the database, and may lie on a read-only mount.

    Raises:
        sqlite3.Error: as SQLite says.
    """
    uri = sqlite_uri(path, "mode=rwc" if create else "mode=rw")
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, not only forgotten
    except BaseException:
        connection.close()
        raise
    return connection


def begin_immediate(connection: sqlite3.Connection) -> None:
    """Begin a transaction with the write lock, for which it waits BUSY_SECONDS.

    SQLite itself looks ten times a second in the end. Beside a process that commits without a pause, and lets go of the
    lock for a moment only, that may find it held each time; so this looks each millisecond. Never by way of SQLAlchemy,
    whose errors are rings of objects: a second of them is megabytes, which stay until the next collection.

    Args:
        connection: the driver's.

    Raises:
        sqlite3.Error: as SQLite says.
    """
    until = time.monotonic() + BUSY_SECONDS
    connection.execute(f"PRAGMA busy_timeout={_POLL_MS}")
    try:
        while True:
            try:
                connection.execute(_BEGIN)
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > until:
                    raise
            else:
                return
    finally:
        connection.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")


def make_engine(address: Address, *, create: bool = False, wal: bool = True, patient: bool = False) -> Engine:
    """Make an engine.

    Args:
        address: of the database.
        create: make a SQLite file that is not there.
        wal: as of `open_sqlite`.
        patient: PostgreSQL may work on a statement for as long as it takes, as on an index of a nation's table; a lock
            is waited for no longer than else.

    On SQLite every transaction that is not marked `reads_only` takes the write lock at its begin, so that it never
    has to give up in its middle.
    """
    if address.path is None:
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=lambda: (psycopg.Connection if patient else WatchedConnection).connect(
                address.url, connect_timeout=2, tcp_user_timeout=STATEMENT_MS
            ),
            pool_pre_ping=True,
            pool_size=2,
        )

        @event.listens_for(engine, "connect")
        def _limit(connection: DBAPIConnection, _: object) -> None:
            cursor = connection.cursor()
            limit = 0 if patient else STATEMENT_MS
            cursor.execute(f"SET statement_timeout = {limit}; SET lock_timeout = {STATEMENT_MS}")
            cursor.close()
            connection.commit()

        return engine
    path = address.path
    # One connection stays open: each has three descriptors and a cache of 2 MiB, and to open another, for who comes at
    # the same moment, takes a fraction of a millisecond.
    engine = sqlalchemy.create_engine(
        "sqlite://",
        creator=lambda: open_sqlite(path, create=create, wal=wal),
        poolclass=sqlalchemy.QueuePool,
        pool_size=1,
        max_overflow=_AT_ONCE - 1,
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options: dict[str, Any] = connection.get_execution_options()
        if options.get("reads_only"):
            connection.exec_driver_sql("BEGIN")
            return
        driver = cast("sqlite3.Connection", connection.connection.driver_connection)
        try:
            begin_immediate(driver)
        except sqlite3.Error as error:
            raise DBAPIError.instance(
                _BEGIN, None, error, sqlite3.Error, dialect=connection.dialect
            ) from error

    return engine


def one_state(engine: Engine) -> Connection:
    """Connect to read: every statement until the connection's end sees one state of the database.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database is away.
    """
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    return engine.connect().execution_options(reads_only=True, **options)
