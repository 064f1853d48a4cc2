"""Why a database could not do its work, as one closed list for logs, metrics and the operator.

The drivers' own messages stay out of our errors: they may carry values.
"""

from __future__ import annotations

import enum
import sqlite3

import psycopg
import sqlalchemy.exc
from psycopg import errors as pg


class Failure(enum.StrEnum):
    """What is wrong with a database."""

    DISK_FULL = "disk-full"
    INPUT_OUTPUT = "input-output"
    READ_ONLY = "read-only"
    NOT_ALLOWED = "not-allowed"
    CANNOT_OPEN = "cannot-open"
    BUSY = "busy"
    DAMAGED = "damaged"
    NOT_MIGRATED = "not-migrated"
    REFUSED = "refused"
    DISCONNECTED = "disconnected"
    TIMEOUT = "timeout"
    CONFLICT = "conflict"
    OTHER = "other"


ADVICE = {
    Failure.DISK_FULL: "the disk is full: free space or move the database",
    Failure.INPUT_OUTPUT: "the disk does not read or write: check it and the kernel's messages",
    Failure.READ_ONLY: "the database is read-only: check owner, mode and mount",
    Failure.NOT_ALLOWED: (
        "the database role lacks a right: run this as the role that owns the tables, or have that role run"
        " 'padan-server database grant --to ROLE' for the projector's"
    ),
    Failure.CANNOT_OPEN: "the database cannot be opened: check that it exists, its owner and its mode",
    Failure.BUSY: "another process holds the database: end it",
    Failure.DAMAGED: "the database is damaged: restore it",
    Failure.NOT_MIGRATED: "the database lacks its tables: run 'padan-server database upgrade'",
    Failure.REFUSED: (
        "the database server answers and lets nobody in: make the database and its role, mend the password, or wait"
        " until it has started or has a connection left"
    ),
    Failure.DISCONNECTED: "the database server is away: start it, or mend the address",
    Failure.TIMEOUT: "the database does not answer in time",
    Failure.CONFLICT: "the database undid the work for another's sake: try again",
    Failure.OTHER: "the database refused a statement",
}

_SQLITE = {
    sqlite3.SQLITE_FULL: Failure.DISK_FULL,
    sqlite3.SQLITE_IOERR: Failure.INPUT_OUTPUT,
    sqlite3.SQLITE_READONLY: Failure.READ_ONLY,
    sqlite3.SQLITE_PERM: Failure.READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: Failure.CANNOT_OPEN,
    sqlite3.SQLITE_BUSY: Failure.BUSY,
    sqlite3.SQLITE_LOCKED: Failure.BUSY,
    sqlite3.SQLITE_PROTOCOL: Failure.BUSY,
    sqlite3.SQLITE_CORRUPT: Failure.DAMAGED,
    sqlite3.SQLITE_NOTADB: Failure.DAMAGED,
}
_PRIMARY = 0xFF  # SQLite's extended codes keep the primary code in the low byte

_POSTGRES: tuple[tuple[type[psycopg.Error], Failure], ...] = (
    (pg.DiskFull, Failure.DISK_FULL),
    (pg.IoError, Failure.INPUT_OUTPUT),
    (pg.ReadOnlySqlTransaction, Failure.READ_ONLY),
    (pg.InsufficientPrivilege, Failure.NOT_ALLOWED),
    (pg.DataCorrupted, Failure.DAMAGED),
    (pg.IndexCorrupted, Failure.DAMAGED),
    (pg.UndefinedTable, Failure.NOT_MIGRATED),
    (pg.UndefinedColumn, Failure.NOT_MIGRATED),
    (pg.QueryCanceled, Failure.TIMEOUT),
    (pg.LockNotAvailable, Failure.TIMEOUT),
    (pg.SerializationFailure, Failure.CONFLICT),
    (pg.DeadlockDetected, Failure.CONFLICT),
)


def classify(error: BaseException) -> Failure:
    """Name the failure behind an error of sqlite3, psycopg or SQLAlchemy."""
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.orig is not None:
        error = error.orig
    if isinstance(error, sqlite3.Error):
        return _classify_sqlite(error)
    if isinstance(error, psycopg.Error):
        return _classify_postgres(error)
    return Failure.OTHER


def _classify_sqlite(error: sqlite3.Error) -> Failure:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return Failure.OTHER
    if code & _PRIMARY == sqlite3.SQLITE_ERROR and str(error).startswith(("no such table", "no such column")):
        return Failure.NOT_MIGRATED
    return _SQLITE.get(code & _PRIMARY, Failure.OTHER)


def _classify_postgres(error: psycopg.Error) -> Failure:
    for kind, failure in _POSTGRES:
        if isinstance(error, kind):
            return failure
    if isinstance(error, psycopg.OperationalError):
        return Failure.REFUSED if _is_refusal(error) else Failure.DISCONNECTED
    return Failure.OTHER


def _is_refusal(error: psycopg.OperationalError) -> bool:
    """Whether a server answered a new connection with an error; libpq has its text alone, and no SQLSTATE."""
    return error.sqlstate is None and "FATAL:" in str(error)
